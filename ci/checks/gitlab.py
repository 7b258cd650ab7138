"""The job for GitLab, executed as its runner executes it, fails with the tests, and leaves reports that are read."""

import json
import os
import pathlib
import shutil
import tempfile

import needs
import places
from checks import github
from running import CheckError

NEEDS = needs.Needs(linters=True)
FILE = places.CI / "gitlab.yml"


def check(run):
    run.build()
    with tempfile.TemporaryDirectory(prefix="isotest-gitlab.") as name:
        place = pathlib.Path(name)
        repository = github.project(place / "repository")
        (place / "bin").mkdir()
        shutil.copy2(places.DEBUG / "cargo-isotest", place / "bin")
        failed = execute(run, place, repository, ISOTEST_ARGUMENTS="--no-fail-fast --jobs=1 -E not(test(waits))")
        github.expect("the status of a job with a failed test", failed["status"], 100)
        told = failed["printed"].splitlines()
        if not any(line.startswith("$ cargo isotest --report ") for line in told) or "talks fails_and_talks" not in failed["printed"]:
            raise CheckError(f"this is no log of a job:\n{failed['printed'][-3000:]}")
        kept = [pathlib.Path(path).name for path in failed["paths"]]
        github.expect("the files that are kept", kept, ["isotest-junit.xml", "isotest.jsonl"])
        junit, metrics = (failed["reports"][kind][0] for kind in ("junit", "metrics"))
        read = run.read([needs.tool("python"), "-c", github.READ_BY_JUNITPARSER, junit]).strip()
        github.expect("what junitparser reads", read, "3 1 0 [('talks', 'fails_and_talks', 'FAIL')]")
        read = run.read([needs.tool("python"), "-c", github.READ_BY_PROMETHEUS, metrics]).strip()
        github.expect("what prometheus_client reads", read, "{'failed': 1, 'passed': 2, 'undecided': 0}")
        passed = execute(run, place, repository, ISOTEST_ARGUMENTS="passes_and_talks")
        github.expect("the status of a job whose tests pass", passed["status"], 0)
        lost = execute(run, place, repository, ISOTEST_DIRECTORY="nowhere")
        if lost["status"] == 0:
            raise CheckError(f"a job in a directory that is not there is green:\n{lost['printed']}")


def execute(run, place, repository, **variables):
    """Executes the job in the repository, in which nothing is left of the one before, and gives what came of it."""
    for path in repository.glob("isotest*"):
        path.unlink()
    variables = {"ISOTEST_DIRECTORY": "crates/talks"} | variables
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITLAB", "GITHUB_"))}
    env |= {"PATH": f"{place}/bin:{os.environ['PATH']}", "CARGO_TARGET_DIR": str(place / "target")}
    run.read([needs.tool("python"), places.CI / "gitlab_job.py", FILE, ".isotest", repository, place / "result.json",
              *(f"{name}={value}" for name, value in variables.items())], env=env)
    return json.loads((place / "result.json").read_text())
