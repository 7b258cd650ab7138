"""Released packages' own tests have the same names and verdicts as under `cargo test`.

What is run and what may differ stands in `real.toml`. Verdicts under `cargo test` are read from the harness's log file, one
target at a time, because output of tests and verdicts share one terminal.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import tomllib

import places
from needs import FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=FOR_TESTS)
PROJECTS = places.cache("real-projects")
TIME_LIMIT = 900

# What harnesses write to `--logfile`: libtest `ok NAME`, libtest-mimic `test NAME ... ok`.
LOGGED = (re.compile(r"^(?P<verdict>ok|failed|ignored)(?:: .*)? (?P<name>\S+)$"),
          re.compile(r"^test (?P<name>\S.*?) +\.\.\. (?P<verdict>ok|FAILED|ignored)$"))
VERDICTS = {"ok": "passed", "failed": "failed", "ignored": "ignored"}
# A leaked process does not change a verdict: the test passed.
OUTCOMES = {"passed": "passed", "leaked": "passed", "skipped": "ignored",
            "failed": "failed", "signaled": "failed", "timed-out": "failed", "oom-killed": "failed"}


def check(run):
    run.build("--release")
    options = parse(run.options)
    known = projects(options.jobs)
    unknown = set(options.only) - {project.name for project in known}
    if unknown:
        raise CheckError(f"not in real.toml: {', '.join(sorted(unknown))}")
    isotest = None if options.cargo_test_only else places.RELEASE / "cargo-isotest"
    reports = []
    for project in known:
        if not options.only or project.name in options.only:
            reports.append(compare(project, isotest))
            run.say(row(reports[-1]))
    conclude(run, reports, options)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="ci/check real --", description="compare `cargo test` and `cargo isotest` on released packages")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this project (repeatable)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="jobs for building and for tests")
    parser.add_argument("--cargo-test-only", action="store_true", help="run the `cargo test` half alone")
    parser.add_argument("--list-failures", action="store_true", help="name the tests that fail under `cargo test`")
    return parser.parse_args(arguments)


def projects(jobs):
    entries = tomllib.loads((places.CI / "real.toml").read_text())["project"]
    return [Project(entry, jobs) for entry in entries]


def fetch_ahead():
    """Packages and what they depend on. What cannot be fetched is told where it is needed."""
    for project in projects(1):
        with contextlib.suppress(CheckError):
            fetch(project)
            update(project)
            project.run(["cargo", "fetch", "--quiet", "--target", places.triple()])


class Project:
    """A released package and how its tests are run."""

    def __init__(self, entry, jobs):
        self.name, self.version = entry["name"], entry["version"]
        self.title = f"{self.name} {self.version}"
        self.directory = PROJECTS / f"{self.name}-{self.version}"
        self.arguments = entry.get("arguments", [])
        self.targets = entry.get("targets", [])
        self.whole = entry.get("whole", [])
        self.updates = entry.get("update", {})
        self.differences = {(known["binary"], test): (known["cargo"], known["isotest"])
                            for known in entry.get("difference", []) for test in known["tests"]}
        self.jobs = jobs
        ours = ("CARGO_TARGET_DIR", "CARGO_MANIFEST_DIR")
        self.environment = {name: value for name, value in os.environ.items() if name not in ours} | entry.get("env", {})

    def run(self, command, accept=(0,), directory=None):
        """A command's output and exit status, run in the project; stops its comparison if it ends in an unexpected way."""
        # Files, not pipes: a process that a test leaves running would hold a pipe open for ever.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(command, cwd=directory or self.directory, env=self.environment,
                                       start_new_session=True, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            try:
                process.wait(TIME_LIMIT)
            except subprocess.TimeoutExpired:
                raise CheckError(f"`{' '.join(command)}` took more than {TIME_LIMIT} s") from None
            finally:
                end_group(process)
            done = subprocess.CompletedProcess(command, process.returncode, text_of(out), text_of(err))
        if done.returncode not in accept:
            tail = "\n".join(done.stderr.splitlines()[-30:])
            raise CheckError(f"`{' '.join(command)}` ended with {done.returncode}:\n{tail}")
        return done


def end_group(process):
    """Kills what the command left running."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def text_of(file):
    file.seek(0)
    return file.read().decode(errors="replace")


def compare(project, isotest):
    """One project's report: what was compared, and what is wrong with it."""
    report = {"title": project.title, "tests": 0, "failed": [], "problems": []}
    try:
        fetch(project)
        update(project)
        expected = run_cargo_test(project, build(project))
        report["failed"] = sorted(test for test, verdict in expected.items() if verdict == "failed")
        if isotest:
            report["problems"] = differences(expected, run_isotest(project, isotest), project.differences)
        report["tests"] = len(expected)
    except CheckError as error:
        report["problems"].append(str(error))
    return report


def fetch(project):
    """Has cargo fetch the package as it was published, and copies it to a directory of its own."""
    if project.directory.is_dir():
        return
    scratch = PROJECTS / "fetch" / project.directory.name
    (scratch / "src").mkdir(parents=True, exist_ok=True)
    (scratch / "src/lib.rs").write_text("")
    (scratch / "Cargo.toml").write_text(
        '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n'
        f'[dependencies]\n{project.name} = "={project.version}"\n')
    project.run(["cargo", "fetch", "--quiet"], directory=scratch)
    sources = sorted(places.cargo_home().glob(f"registry/src/*/{project.directory.name}"))
    if not sources:
        raise CheckError("cargo fetched it, but its source is not below $CARGO_HOME/registry/src")
    copy = project.directory.with_name(project.directory.name + ".incomplete")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(sources[0], copy, symlinks=True, ignore=shutil.ignore_patterns(".cargo-ok"))
    copy.rename(project.directory)


def update(project):
    """Moves those locked dependencies on that today's compiler refuses."""
    for name, version in project.updates.items():
        if f'name = "{name}"\nversion = "{version}"' not in (project.directory / "Cargo.lock").read_text():
            project.run(["cargo", "update", "--quiet", name, "--precise", version])


def build(project):
    """Builds what `cargo test` builds; gives the targets whose tests it would execute."""
    done = project.run(["cargo", "test", "--no-run", f"--jobs={project.jobs}", "--message-format=json",
                        *project.targets, *project.arguments])
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return [message["target"] for message in messages
            if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]]


def run_cargo_test(project, targets):
    """Verdicts by (binary id, test name). Doctests are left out."""
    verdicts = {}
    for target in targets:
        binary = binary_id(project.name, target)
        verdicts |= {(binary, name): verdict for name, verdict in test_target(project, target).items()}
    return verdicts


def binary_id(package, target):
    kind, name = target["kind"][0], target["name"]
    return {"test": f"{package}::{name}", "bin": f"{package}::bin/{name}", "example": f"{package}::example/{name}",
            "bench": f"{package}::bench/{name}"}.get(kind, package)


def test_target(project, target):
    """Verdicts by test name, from a log file: what tests print may land between a name and its verdict on the terminal."""
    kind, name = target["kind"][0], target["name"]
    selected = [f"--{kind}", name] if kind in ("test", "bin", "example", "bench") else ["--lib"]
    whole = name in project.whole
    log = project.directory.with_name(project.directory.name + ".log")
    log.unlink(missing_ok=True)
    command = ["cargo", "test", "--quiet", f"--jobs={project.jobs}", *selected, *project.arguments]
    done = project.run(command + ([] if whole else ["--", "--logfile", str(log)]), accept=(0, 101))
    if whole:
        return {name: "failed" if done.returncode else "passed"}
    verdicts = logged(log.read_text(errors="replace") if log.exists() else "")
    if (done.returncode != 0) != ("failed" in verdicts.values()):
        raise CheckError(f"`{' '.join(command)}` ended with {done.returncode}, which its tests do not explain:\n{done.stderr}")
    return verdicts


def logged(text):
    matches = [found for line in text.splitlines() for pattern in LOGGED if (found := pattern.match(line))]
    return {found["name"]: VERDICTS[found["verdict"].lower()] for found in matches}


def run_isotest(project, isotest):
    """Verdicts by (binary id, test name)."""
    shared = ["--message-format", "json", *project.targets, *project.arguments]
    execute = [str(isotest), "isotest", "--no-fail-fast", "-j", str(project.jobs), *shared]
    events = events_of(project.run(execute, accept=(0, 100)))
    if not events or events[-1]["type"] != "run-finished":
        raise CheckError("cargo isotest's output does not end with `run-finished`")
    attempts = [event for event in events if event["type"] == "attempt-finished"]
    verdicts = {test_of(event): OUTCOMES.get(event["outcome"], event["outcome"]) for event in attempts}
    # An ignored test has no attempt, so its name is in the list alone. Without any there is no test to list.
    listed = project.run([str(isotest), "isotest", "list", "--run-ignored", "only", *shared], accept=(0, 4))
    ignored = {test_of(event): "ignored" for event in events_of(listed)}
    skipped = events[-1]["counts"]["skipped"]
    if len(ignored) != skipped:
        raise CheckError(f"cargo isotest skipped {skipped} tests, and lists {len(ignored)} as ignored")
    return verdicts | ignored


def events_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_of(event):
    return event["binary_id"], event["name"]


def differences(expected, seen, known):
    """What differs and is not listed, and what is listed and does not differ."""
    pairs = {test: (expected.get(test, "absent"), seen.get(test, "absent")) for test in expected.keys() | seen.keys()}
    found = {test: pair for test, pair in pairs.items() if pair[0] != pair[1]}
    wrong = [f"{binary} {test}: cargo test {pair[0]}, cargo isotest {pair[1]}"
             for (binary, test), pair in sorted(found.items()) if known.get((binary, test)) != pair]
    stale = [f"{binary} {test}: listed as differing, does not" for binary, test in sorted(known.keys() - found.keys())]
    return wrong + stale


def row(report):
    verdict = "ok" if not report["problems"] else f"{len(report['problems'])} PROBLEMS"
    return f"{report['title']:24} {report['tests']:5} tests {len(report['failed']):4} failing under cargo test   {verdict}"


def conclude(run, reports, options):
    for report in reports:
        for problem in report["problems"]:
            run.say(f"  {report['title']}: {problem}")
        if options.list_failures:
            for binary, test in report["failed"]:
                run.say(f"  {report['title']}: fails under cargo test: {binary} {test}")
    total = sum(report["tests"] for report in reports)
    problems = sum(len(report["problems"]) for report in reports)
    done = "run under cargo test" if options.cargo_test_only else "compared"
    run.say(f"{len(reports)} projects, {total} tests {done}, {problems} problems")
    run.passed += sum(not report["problems"] for report in reports)
    run.failed += sum(bool(report["problems"]) for report in reports)
    if not total:
        raise CheckError("no test was compared")
