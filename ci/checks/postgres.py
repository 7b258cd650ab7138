"""Twenty tests at once have a PostgreSQL server each, on one port, over data that were made once, and nothing is left.

It is tried as root and as an ordinary user, and in one network for all of them as the control.
"""

import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import places
from needs import FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=(*FOR_TESTS, "postgresql"))
TESTS = 20


def check(run):
    if os.geteuid() != 0:
        raise CheckError("only root can become the user that the servers are executed by: run it with sudo")
    run.build()
    user = pwd.getpwnam("postgres").pw_uid
    for who, before in (("root", []), ("an ordinary user", [places.CHECK, "as-user"])):
        with tempfile.TemporaryDirectory() as made:
            place = pathlib.Path(made)
            project = place / "project"
            shutil.copytree(places.CI / "postgres", project, ignore=shutil.ignore_patterns("target"))
            (place / "tmp").mkdir()
            program = shutil.copy(places.DEBUG / "cargo-isotest", place)
            if before:
                subprocess.run(["chown", "-R", f"{user}:{user}", place], check=True)
            environment = os.environ | {"TMPDIR": str(place / "tmp"), "ISOTEST_CI_UID": str(user), "ISOTEST_HISTORY": "false"}
            command = [*before, program, "isotest", "--manifest-path", project / "Cargo.toml", "--target-dir", project / "target",
                       "--jobs", str(TESTS), "--no-fail-fast", "--message-format", "json"]
            passed = execute(run, command, environment)
            if passed != TESTS:
                raise CheckError(f"{who}: {passed} of {TESTS} tests passed")
            shared = execute(run, [*command, "--network", "host"], environment)
            if shared == TESTS:
                raise CheckError(f"{who}: the servers do not collide in one network either")
            left = sorted(os.listdir(place / "tmp"))
            if left:
                raise CheckError(f"{who}: left in the directory for temporary files: {left}")
            servers = subprocess.run(["pgrep", "--full", f"{place}/tmp"], check=False, capture_output=True, text=True)
            if servers.stdout:
                raise CheckError(f"{who}: servers are left: {servers.stdout.split()}")
            run.say(f"{who}: {passed} of {TESTS} passed with networks of their own, {shared} in one network")
            run.passed += 1


def execute(run, command, environment):
    """How many of the tests passed."""
    done = subprocess.run([str(word) for word in command], check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=environment, cwd=places.ROOT)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    script = [line for line in lines if line["type"] == "setup-finished"]
    if [line["outcome"] for line in script] != ["passed"]:
        run.say(done.stderr)
        raise CheckError(f"the data were not made: {script}")
    failed = [line for line in lines if line["type"] == "attempt-finished" and line["outcome"] != "passed"]
    if failed and "--network" not in command:
        run.say(done.stderr)
    return sum(line["type"] == "attempt-finished" and line["outcome"] == "passed" for line in lines)
