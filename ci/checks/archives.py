"""From an archive of `cargo nextest archive` tests have the names and verdicts that they have where they were built."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import places
from needs import FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=FOR_TESTS)
PROJECTS = ["tour", "surroundings", "workspace"]
# Some of their tests fail on purpose.
ENDS = (0, 100)


def check(run):
    if not shutil.which("cargo-nextest"):
        run.skip("archives", "cargo-nextest is not installed")
        return
    run.build()
    for name in PROJECTS:
        with tempfile.TemporaryDirectory() as directory:
            project = pathlib.Path(directory, "built")
            shutil.copytree(places.FIXTURES / "projects" / name, project)
            compare(run, name, project)


def compare(run, name, project):
    built = verdicts(project, [])
    archive = project.parent / "archive.tar.zst"
    answer(["cargo", "nextest", "archive", "--archive-file", archive], project)
    shutil.rmtree(project / "target")
    unpacked = verdicts(project, ["--archive-file", archive])
    if unpacked != built or not built:
        differences = sorted(set(built.items()) ^ set(unpacked.items()))
        raise CheckError(f"{name}: other verdicts from an archive of nextest: {differences}")
    if any((project / "target").iterdir()):
        raise CheckError(f"{name}: files were left in the target directory")
    moved = project.rename(project.parent / "moved")
    names = set(verdicts(moved, ["--archive-file", archive, "--workspace-remap", moved]))
    if names != set(built):
        raise CheckError(f"{name}: other tests in a workspace that was moved: {sorted(names ^ set(built))}")
    run.say(f"{name}: {len(built)} tests")
    run.passed += 1


def verdicts(project, flags):
    """The verdict of each test."""
    lines = answer([places.DEBUG / "cargo-isotest", "isotest", "--message-format", "json", *flags], project, accept=ENDS)
    events = map(json.loads, lines.splitlines())
    return {f"{event['binary_id']} {event['name']}": event["outcome"] for event in events if event["type"] == "attempt-finished"}


def answer(command, directory, accept=(0,)):
    """What a command writes to standard output, without settings of the caller's."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("NEXTEST_", "ISOTEST_")) and name != "CARGO_TARGET_DIR"}
    done = subprocess.run(list(map(str, command)), cwd=directory, env=environment, check=False, stdin=subprocess.DEVNULL,
                          capture_output=True)
    if done.returncode not in accept:
        raise CheckError(f"{command} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout.decode()
