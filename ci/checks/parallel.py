"""The command of the manual spreads an archive over three hosts by GNU parallel and ssh, and merges what one run says.

The hosts are three names of this machine, whose ssh server is started on loopback, in a mount namespace.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from cluster import free_ports, unpacked

import places
from needs import FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=(*FOR_TESTS, "openssh-client"), apt=True)
PAGE = places.ROOT / "cargo-isotest/docs/machines.md"
PROJECT = places.FIXTURES / "projects/trivial"


def check(run):
    if os.geteuid() != 0:
        raise CheckError("the server is started as root: run it with sudo")
    run.build()
    packages = unpacked("parallel", ("parallel", "openssh-server", "rsync"))
    with tempfile.TemporaryDirectory(prefix="isotest-parallel-") as made:
        place = pathlib.Path(made)
        for name in ("home", "here", "tools"):
            (place / name).mkdir()
        own = {"HOME": f"{place}/home", "XDG_STATE_HOME": f"{place}/state", "CARGO_TARGET_DIR": f"{place}/sources/target"}
        environment = os.environ | own | {
            "CARGO_HOME": str(places.cargo_home()),
            "RUSTUP_HOME": str(places.rustup_home()),
            "PARALLEL_SSH": f"ssh -F {place}/ssh_config",
            "PATH": f"{packages}/usr/bin:{places.DEBUG}:{os.environ['PATH']}",
        }
        shutil.copy(places.DEBUG / "cargo-isotest", place / "here")
        sources = place / "sources"
        shutil.copytree(PROJECT, sources, ignore=shutil.ignore_patterns("target"))
        for words in (["--report", f"json={place}/single.jsonl"], ["archive", "--archive-file", f"{place}/here/tests.tar.zst"]):
            execute(["cargo", "isotest", *words], sources, environment)
        shutil.rmtree(sources)
        command = command_of_page() + f" --ctrf {place}/merged.json"
        port = str(free_ports(1)[0])
        said = execute(["unshare", "--mount", places.CI / "parallel.sh", place, packages, port, "bash", "-c", command],
                       place / "here", environment)
        execute(["cargo", "isotest", "report", "--ctrf", f"{place}/one.json", f"{place}/single.jsonl"], place, environment)
        merged, single = verdicts(place / "merged.json"), verdicts(place / "one.json")
        if merged != single:
            raise CheckError(f"the merged report differs: {sorted(merged.items() ^ single.items())}: {said}")
        parts = sorted(path.name for path in (place / "here").glob("shard-*.jsonl"))
        left = [str(path) for name in ("tests.tar.zst", "cargo-isotest") for path in (place / "home").rglob(name)]
        if len(parts) != 3 or left:
            raise CheckError(f"parts {parts}, left on the hosts: {left}")
        run.say(f"{len(merged)} tests of 3 parts have the verdicts of the single run")
        run.passed += 1


def command_of_page():
    """What the manual says to type."""
    _, section = PAGE.read_text().split("## GNU parallel over ssh\n")
    return re.search(r"^```sh\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)[1]


def execute(words, directory, environment):
    """Gives what a command prints on both streams."""
    done = subprocess.run([str(word) for word in words], check=False, cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    if done.returncode != 0:
        raise CheckError(f"`{words[0]} {words[1]}` ended with {done.returncode}: {done.stdout[-3000:]}")
    return done.stdout


def verdicts(path):
    """The verdict of each test in a report."""
    tests = json.loads(path.read_text())["results"]["tests"]
    return {(test["suite"][0], test["name"]): test["rawStatus"] for test in tests}
