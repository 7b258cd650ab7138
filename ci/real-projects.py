#!/usr/bin/env python3
"""Runs released packages' own tests under `cargo test` and `cargo isotest` and compares them test by test.

    ci/real-projects.py [--only NAME]... [--jobs N] [--cargo-test-only] [--list-failures]

What is run and what may differ stands in `real-projects.toml`.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
CACHE = pathlib.Path(os.environ.get("ISOTEST_REAL_PROJECTS") or
                     pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "isotest-real-projects")
TIME_LIMIT = 900

# `test NAME ... VERDICT`; a child of a test may have written in front of it on the same line.
VERDICT = re.compile(r"test (\S.*?)(?: - should panic(?: .*)?)? \.\.\. (ok|FAILED|ignored)(?:,.*)?$")
RUNNING = re.compile(r"^\s+Running .*\(([^()]+)\)$")
SUMMARY = re.compile(r"^test result: \S+ (\d+) passed; (\d+) failed; (\d+) ignored;")
WORDS = {"ok": "passed", "FAILED": "failed", "ignored": "ignored"}
# A leaked process does not change a verdict: the test passed.
OUTCOMES = {"passed": "passed", "leaked": "passed", "skipped": "ignored",
            "failed": "failed", "signaled": "failed", "timed-out": "failed", "oom-killed": "failed"}


class CheckError(Exception):
    """Something stopped the comparison of a project."""


def main():
    options = parse_arguments()
    projects = tomllib.loads((HERE / "real-projects.toml").read_text())["project"]
    chosen = [project for project in projects if not options.only or project["name"] in options.only]
    missing = set(options.only) - {project["name"] for project in projects}
    if missing or not chosen:
        sys.exit(f"error: no such project in real-projects.toml: {', '.join(sorted(missing))}")
    isotest = None if options.cargo_test_only else isotest_binary()
    reports = []
    for project in chosen:
        reports.append(check(project, isotest, options))
        print(row(reports[-1]), flush=True)
    sys.exit(conclude(reports, options))


def parse_arguments():
    parser = argparse.ArgumentParser(description="compare `cargo test` and `cargo isotest` on released packages")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this project (repeatable)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="jobs for building and for tests")
    parser.add_argument("--cargo-test-only", action="store_true", help="run the `cargo test` half alone")
    parser.add_argument("--list-failures", action="store_true", help="name the tests that fail under `cargo test`")
    return parser.parse_args()


def isotest_binary():
    named = os.environ.get("CARGO_ISOTEST")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    candidates = [pathlib.Path(named)] if named else [target / "release/cargo-isotest", target / "debug/cargo-isotest"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    sys.exit(f"error: no cargo-isotest at {' or '.join(map(str, candidates))}: run `cargo build --release` first")


def check(project, isotest, options):
    """One project's report: what was compared, what is wrong with it."""
    report = {"name": f"{project['name']} {project['version']}", "tests": 0, "failed": [], "problems": []}
    try:
        directory = fetch(project)
        binaries = build(directory, project, options)
        expected = run_cargo_test(directory, project, options, binaries)
        report["tests"] = len(expected)
        report["failed"] = sorted(test for test, verdict in expected.items() if verdict == "failed")
        if isotest:
            seen = run_isotest(isotest, directory, project, options)
            report["problems"] = differences(expected, seen, project.get("difference", []))
    except CheckError as error:
        report["problems"].append(str(error))
    return report


def fetch(project):
    """The package as it was published, copied to a directory of its own; cargo does the fetching."""
    directory = CACHE / f"{project['name']}-{project['version']}"
    if directory.is_dir():
        return directory
    scratch = CACHE / "fetch" / project["name"]
    (scratch / "src").mkdir(parents=True, exist_ok=True)
    (scratch / "src/lib.rs").write_text("")
    (scratch / "Cargo.toml").write_text(
        '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n'
        f'[dependencies]\n{project["name"]} = "={project["version"]}"\n')
    run(["cargo", "fetch", "--quiet"], scratch)
    metadata = json.loads(run(["cargo", "metadata", "--format-version=1"], scratch).stdout)
    manifest = next(pathlib.Path(package["manifest_path"]) for package in metadata["packages"]
                    if (package["name"], package["version"]) == (project["name"], project["version"]))
    copy = directory.with_suffix(".incomplete")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(manifest.parent, copy, symlinks=True, ignore=shutil.ignore_patterns(".cargo-ok"))
    copy.rename(directory)
    return directory


def build(directory, project, options):
    """Builds what `cargo test` builds; gives each test executable's binary id and whether it has a test harness."""
    command = ["cargo", "test", "--no-run", f"--jobs={options.jobs}", "--message-format=json", *project.get("arguments", [])]
    binaries = {}
    for line in run(command, directory).stdout.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            binaries[message["executable"]] = binary_id(project["name"], message["target"])
    return binaries


def binary_id(package, target):
    kind = target["kind"][0]
    if kind == "test":
        return f"{package}::{target['name']}"
    if kind in ("bin", "example", "bench"):
        return f"{package}::{kind}/{target['name']}"
    return package


def run_cargo_test(directory, project, options, binaries):
    """Verdicts by (binary id, test name). `--tests` is what `cargo test` runs, without the doctests."""
    command = ["cargo", "test", "--tests", "--no-fail-fast", f"--jobs={options.jobs}", "--color=never",
               *project.get("arguments", [])]
    done = run(command, directory, accept=(0, 101), merge=True)
    verdicts, binary, counted = {}, None, None
    for line in done.stdout.splitlines():
        if header := RUNNING.match(line):
            require_summary(binary, counted)
            binary, counted = binaries[str(directory / header[1])], 0
        elif binary is not None and (verdict := VERDICT.search(line)):
            verdicts[binary, verdict[1]] = WORDS[verdict[2]]
            counted += 1
        elif binary is not None and (summary := SUMMARY.match(line)):
            require_count(binary, counted, sum(map(int, summary.groups())))
            binary, counted = None, None
    require_summary(binary, counted)
    return verdicts


def require_summary(binary, counted):
    if binary is not None and counted is not None:
        raise CheckError(f"{binary} printed no `test result` under `cargo test`")


def require_count(binary, counted, reported):
    if counted != reported:
        raise CheckError(f"{binary} reports {reported} tests under `cargo test`, {counted} were read from its output")


def run_isotest(isotest, directory, project, options):
    command = [str(isotest), "isotest", "--message-format", "json", "--no-fail-fast", "-j", str(options.jobs),
               *project.get("arguments", [])]
    done = run(command, directory, accept=(0, 100))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    if not events or events[-1]["type"] != "run-finished":
        raise CheckError("cargo isotest's output does not end with `run-finished`")
    attempts = [event for event in events if event["type"] == "attempt-finished"]
    return {(event["binary_id"], event["name"]): OUTCOMES.get(event["outcome"], event["outcome"]) for event in attempts}


def differences(expected, seen, known):
    """What differs and is not listed, and what is listed and does not differ."""
    listed = {(entry["binary"], entry["test"]): (entry["cargo"], entry["isotest"]) for entry in known}
    found = {}
    for test in expected.keys() | seen.keys():
        pair = (expected.get(test, "absent"), seen.get(test, "absent"))
        # An ignored test has no attempt.
        if pair[0] != pair[1] and pair != ("ignored", "absent"):
            found[test] = pair
    wrong = [f"{binary} {test}: cargo test {pair[0]}, cargo isotest {pair[1]}"
             for (binary, test), pair in sorted(found.items()) if listed.get((binary, test)) != pair]
    stale = [f"{binary} {test}: listed as differing, does not"
             for binary, test in sorted(listed.keys() - found.keys())]
    return wrong + stale


def run(command, directory, accept=(0,), merge=False):
    """A command's captured output; stops the project if it ends in an unexpected way."""
    try:
        done = subprocess.run(command, cwd=directory, env=environment(), text=True, errors="replace", timeout=TIME_LIMIT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT if merge else subprocess.PIPE)
    except subprocess.TimeoutExpired:
        raise CheckError(f"`{' '.join(command)}` took more than {TIME_LIMIT} s") from None
    if done.returncode not in accept:
        tail = "\n".join((done.stderr or done.stdout).splitlines()[-30:])
        raise CheckError(f"`{' '.join(command)}` ended with {done.returncode}:\n{tail}")
    return done


def environment():
    """The caller's, without what would send builds to our own target directory."""
    return {name: value for name, value in os.environ.items() if name not in ("CARGO_TARGET_DIR", "CARGO_MANIFEST_DIR")}


def row(report):
    verdict = "ok" if not report["problems"] else "DIFFERS"
    return f"{report['name']:24} {report['tests']:5} tests {len(report['failed']):4} failing under cargo test   {verdict}"


def conclude(reports, options):
    for report in reports:
        for problem in report["problems"]:
            print(f"  {report['name']}: {problem}")
        if options.list_failures:
            for binary, test in report["failed"]:
                print(f"  {report['name']}: fails under cargo test: {binary} {test}")
    total = sum(report["tests"] for report in reports)
    wrong = sum(len(report["problems"]) for report in reports)
    compared = "run under cargo test" if options.cargo_test_only else "compared"
    print(f"{len(reports)} projects, {total} tests {compared}, {wrong} problems")
    return 1 if wrong else 0


main()
