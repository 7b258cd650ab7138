"""The GitHub step, executed as the runner executes it, reports what failed, and no test speaks to the runner."""

import contextlib
import dataclasses
import functools
import hashlib
import http.server
import json
import os
import pathlib
import re
import tarfile
import tempfile
import threading
import time

import needs
import places
import running
from running import CheckError

NEEDS = needs.Needs(debian=("curl", "git"), linters=True)
ACTION = places.CI / "action.yml"
# What a summary may have at most; one that is larger is thrown away.
LARGEST_SUMMARY = 1 << 20

MANIFEST = """[package]
name = "talks"
version = "0.1.0"
edition = "2024"

[workspace]
"""
# Each fails or passes with words that the runner would obey, guesses of the word that ends the fence among them.
SOURCE = r"""
const COMMANDS: &str = "::set-output name=passed::999\n::add-mask::talks\n::error file=x::forged\n::warning::forged\n##[error]forged\n\
     ##[set-output name=passed;]999\n  ::notice::forged\n::stop-commands::forged\n::forged::\n::error::forged again\n";

#[test]
fn passes_and_talks() {
    println!("{COMMANDS}");
}

#[test]
fn fails_and_talks() {
    println!("{COMMANDS}");
    for guess in 0..1000 {
        println!("::{guess:064x}::\n::error::forged by a guess");
    }
    let files = ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"];
    assert!(files.iter().all(|name| std::env::var_os(name).is_none()), "the runner's files are named");
    assert_eq!(1, 2, "::error::forged in a message");
}

#[test]
#[ignore = "does not end"]
fn waits() {
    println!("waiting");
    std::thread::sleep(std::time::Duration::from_secs(3600));
}

#[test]
fn is_large() {
    let bytes = vec![1_u8; 32 << 20];
    assert_eq!(std::hint::black_box(&bytes).len(), 32 << 20);
}
"""

TOUCHED = """
#[test]
fn unlike_the_base() {
    panic!("in a file of the pull request");
}
"""
# Each beside what the ones before have done.
SPOILED = {
    "that was changed": lambda archive: archive.write_bytes(archive.read_bytes() + b"x"),
    "without a checksum": lambda archive: archive.with_name(archive.name + ".sha256").unlink(),
    "that is not there": lambda archive: archive.unlink(),
}

READ_BY_JUNITPARSER = """
import sys, junitparser
read = junitparser.JUnitXml.fromfile(sys.argv[1])
cases = [(case.classname, case.name, result.message.split()[0]) for suite in read for case in suite for result in case.result]
print(read.tests, read.failures, read.errors, cases)
"""
READ_BY_PROMETHEUS = """
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = text_string_to_metric_families(open(sys.argv[1]).read())
print({sample.labels["verdict"]: sample.value for family in families if family.name == "isotest_tests" for sample in family.samples})
"""


@dataclasses.dataclass
class Job:
    """What steps are executed in: a check, a directory for all of it, the repository in that, and the server of releases."""

    run: running.Run
    place: pathlib.Path
    repository: pathlib.Path
    server: str


def check(run):
    run.build()
    with tempfile.TemporaryDirectory(prefix="isotest-github.") as name:
        place = pathlib.Path(name)
        repository = project(place / "repository")
        archive = release(place / "releases", places.DEBUG / "cargo-isotest")
        with served(place / "releases") as server:
            job = Job(run, place, repository, server)
            result = step(job, arguments="--no-fail-fast\n--jobs=1")
            judge(result, repository)
            readers(run, result["outputs"]["junit"], result["outputs"]["report"])
            pull_request(job, result)
            passing = step(job, arguments="passes_and_talks\n--exact")
            expect("the step passes where the tests do", [done["status"] for done in passing["steps"]], [0, 0, 0, 0])
            expect("nothing is annotated then", passing["commands"], [])
            injected = step(job, arguments=f"passes_and_talks\n$(touch {place}/forged)\n`touch {place}/forged`")
            expect("no input is executed", (place / "forged").exists(), False)
            expect("all tests but those that are named are left out", injected["outputs"]["passed"], "1")
            for arguments in ("--help", "--no-run", "--version"):
                idle = step(job, arguments=arguments)
                statuses = [done["status"] for done in idle["steps"]]
                expect(f"a step that `{arguments}` lets execute no test is not green", statuses, [0, 0, 1, 0])
                expect("it says so", [(said["step"], said["name"]) for said in idle["commands"]], [("run", "error")])
            cancelled(job)
            for what, spoil in SPOILED.items():
                spoil(archive)
                spoiled = step(job, arguments="")
                expect(f"what follows a release {what}", spoiled["steps"], [{"id": "install", "status": 1}, {"id": "report", "status": 0}])
                expect("what is annotated then", [(said["step"], said["name"]) for said in spoiled["commands"]], [("install", "error")])
                expect("nothing of the steps before is reported then", spoiled["outputs"]["report"], "")


def project(place):
    """A repository with a crate in a directory below it."""
    crate = place / "crates/talks"
    (crate / "src").mkdir(parents=True)
    (crate / "Cargo.toml").write_text(MANIFEST)
    (crate / "src/lib.rs").write_text(SOURCE)
    # What the host allows is no matter of a project's configuration.
    (place / "Cargo.toml").write_text("[workspace]\n")
    (place / ".config").mkdir()
    (place / ".config/isotest.toml").write_text("This is no configuration.\n")
    return place


def release(place, program):
    """Puts a program below a directory as a release has it, and gives the path of the archive."""
    machine = os.uname().machine
    version = next(line for line in (places.ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version = ")).split('"')[1]
    directory = place / f"owner/repo/releases/download/v{version}"
    directory.mkdir(parents=True)
    archive = directory / f"cargo-isotest-{version}-{machine}-unknown-linux-musl.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(program, "cargo-isotest/cargo-isotest")
    archive.with_name(archive.name + ".sha256").write_text(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive.name}\n")
    return archive


@contextlib.contextmanager
def served(place):
    """A server on loopback with the files of a directory."""
    handler = functools.partial(Quiet, directory=str(place))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_):
        pass


def pull_request(job, before):
    """Failures in files of the pull request come first, and results of the base branch are compared with, if there are any."""
    (job.repository / "crates/talks/src/lib.rs").write_text(f"{SOURCE}\n#[cfg(test)]\nmod touched;\n")
    git(job, "init", "--quiet")
    git(job, "add", ".")
    git(job, "commit", "--quiet", "--message=base")
    (job.repository / "crates/talks/src/touched.rs").write_text(TOUCHED)
    git(job, "add", ".")
    git(job, "commit", "--quiet", "--message=pull request")
    base = job.place / "base.jsonl"
    base.write_bytes(pathlib.Path(before["outputs"]["report"]).read_bytes())
    environment = {"GITHUB_BASE_REF": "main"}
    compared = step(job, environment, arguments="--no-fail-fast", base=base)
    titles = [re.search("title=([^,]*)", said["properties"])[1] for said in compared["commands"]]
    expect("the order of failures", titles, ["FAIL talks touched%3A%3Aunlike_the_base", "FAIL talks fails_and_talks"])
    if "- New: 1\n  - <code>talks touched&#58;&#58;unlike" not in compared["summary"]:
        raise CheckError(f"the summary does not say what has changed:\n{compared['summary'][-3000:]}")
    alone = step(job, arguments="passes_and_talks", base=job.place / "nothing")
    expect("what is annotated without a base", alone["commands"], [])
    if "There are no results of the base branch" not in alone["summary"]:
        raise CheckError(f"the summary does not say that there is no base:\n{alone['summary'][:3000]}")


def git(job, *words):
    job.run.read(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", job.repository, *words])


def cancelled(job):
    """A job that is cancelled ends at once, and tells what there was; a run of which it was not told would go on for an hour."""
    start = time.monotonic()
    result = step(job, cancel="waiting", arguments="--run-ignored=only\n--no-capture")
    expect("how the steps of a cancelled job ended", [(done["id"], done["status"]) for done in result["steps"]][2:],
           [("run", 130), ("report", 0)])
    expect("what is annotated then", {(said["step"], said["name"]) for said in result["commands"]}, {("report", "error")})
    if "INTERRUPTED" not in result["summary"] or time.monotonic() - start > 600:
        raise CheckError(f"after {time.monotonic() - start:.0f} s the summary is:\n{result['summary']}")


def step(job, environment=None, *, cancel=None, **inputs):
    """Executes the action, as often as it is used in one job, and gives what came of it."""
    temporary = job.place / "temporary"
    temporary.mkdir(exist_ok=True)
    inputs = {"working-directory": "crates/talks", "install": "release"} | inputs
    env = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    env |= {"RUNNER_TEMP": str(temporary), "GITHUB_WORKSPACE": str(job.repository), "GITHUB_SERVER_URL": job.server,
            "GITHUB_REPOSITORY": "user/project", "GITHUB_ACTION_REPOSITORY": "owner/repo", "GITHUB_ACTIONS": "true", "CI": "true",
            "CARGO_TARGET_DIR": str(job.place / "target")} | (environment or {})
    words = [needs.tool("python"), places.CI / "composite.py", *(["--cancel", cancel] if cancel else []), ACTION, job.place / "result.json",
             *(f"{name}={value}" for name, value in inputs.items())]
    job.run.read(words, env=env)
    return json.loads((job.place / "result.json").read_text())


def judge(result, repository):
    """That of a run with a failure all is told, and nothing that the tests made up."""
    statuses = {done["id"]: done["status"] for done in result["steps"]}
    expect("how the steps ended", statuses, {"install": 0, "prepare": 0, "run": 100, "report": 0})
    if "::error::forged again" not in result["printed"]:
        raise CheckError("the failing test's words were not printed, so that nothing was tried")
    commands = result["commands"]
    expect("the commands that were obeyed", [(said["step"], said["name"]) for said in commands], [("report", "error")])
    properties = dict(pair.split("=", 1) for pair in commands[0]["properties"].split(","))
    expect("the file of the annotation", properties["file"], "crates/talks/src/lib.rs")
    line = (repository / properties["file"]).read_text().splitlines()[int(properties["line"]) - 1]
    if "forged in a message" not in line:
        raise CheckError(f"the annotation is at `{line}`")
    outputs = result["outputs"]
    expect("counts", [outputs[name] for name in ("passed", "failed", "flaky", "over-budget")], ["2", "1", "0", "0"])
    if outputs["peak"] and not 32 << 20 <= int(outputs["peak"]) < 200 << 20:
        raise CheckError(f"the highest peak is {outputs['peak']}")
    summary = result["summary"]
    if len(summary.encode()) >= LARGEST_SUMMARY or not summary.startswith("## Tests did not pass\n"):
        raise CheckError(f"this is no summary:\n{summary[:2000]}")
    if "cargo isotest --no-fail-fast &#39;--jobs&#61;1&#39; &#39;talks fails&#95;and&#95;talks&#39;" not in summary:
        raise CheckError(f"the summary does not say how to repeat:\n{summary[:2000]}")


def readers(run, junit, lines):
    """That programs from elsewhere read the results as they were written."""
    read = run.read([needs.tool("python"), "-c", READ_BY_JUNITPARSER, junit]).strip()
    expect("what junitparser reads", read, "4 1 0 [('talks', 'fails_and_talks', 'FAIL'), ('talks', 'waits', '#[ignore]')]")
    page = pathlib.Path(junit).with_suffix(".html")
    run.read([needs.tool("python"), "-m", "junit2htmlreport", junit, page])
    if "fails_and_talks" not in page.read_text():
        raise CheckError("junit2html does not show the failed test")
    metrics = pathlib.Path(junit).with_name("metrics.txt")
    run.read([places.DEBUG / "cargo-isotest", "isotest", "report", "--openmetrics", metrics, lines])
    read = run.read([needs.tool("python"), "-c", READ_BY_PROMETHEUS, metrics]).strip()
    expect("what prometheus_client reads", read, "{'failed': 1, 'passed': 2, 'undecided': 0}")


def expect(what, seen, expected):
    if seen != expected:
        raise CheckError(f"{what}: {seen}, and not {expected}")
