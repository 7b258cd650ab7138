"""For an ordinary user, with cgroups handed over and without, each promise holds, and the program does what it is told."""

import argparse
import os
import pathlib
import shutil
import subprocess
import time

import places
from needs import FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=FOR_TESTS)
# What of the machine's own may come in the meantime.
SPARE_NETWORKS = 100
# Projects that take long to build.
HANDED_ON = ("attributes", "harness")


def check(run):
    options = parse(run.options)
    end_to_end, command_line = run.test_binary("e2e"), run.test_binary("cli")
    # Where each user builds the projects that are tested.
    shared = places.TARGET / "tmp"
    shared.mkdir(exist_ok=True)
    shared.chmod(0o1777)
    hand_on(shared)
    before = networks()
    for cgroups in [], ["--no-cgroups"]:
        run.say(f"as an ordinary user, {' '.join(cgroups) or 'with cgroups'}")
        # With cargo the end-to-end tests would build what they have, where this user may not write.
        needed = (("isotest-core", end_to_end, {"CARGO_MANIFEST_DIR": str(places.ROOT / "isotest-core")}),
                  ("cargo-isotest", command_line, {"CARGO": shutil.which("cargo")}))
        if run.gate and cgroups and not options.whole:
            # The program's own part is the same as with cgroups but for the figures, of which the end-to-end tests know more.
            needed = needed[:1]
        # Root tries more of them, and what is left over in great numbers is in cgroups.
        attempts = {} if options.whole or not run.gate else {"E2E_ATTEMPTS": "1000" if cgroups else "3000"}
        for crate, binary, variables in needed:
            run.call([places.CHECK, "as-user", *cgroups, "env", "-C", crate, binary], env=os.environ | variables | attempts)
    for _ in range(50):
        after = networks()
        if after < before + SPARE_NETWORKS:
            return
        time.sleep(0.2)
    raise CheckError(f"there were {before} network namespaces, and ten seconds later there are {after}")


def hand_on(shared):
    """Gives the user a copy of what root has built of projects in which no path of the build is compiled in, as if the user had."""
    uid = os.environ.get("ISOTEST_CI_UID", "61234")
    of_root, of_user = shared / f"projects-{os.geteuid()}", shared / f"projects-{uid}"
    for project in HANDED_ON:
        if (of_root / project).is_dir() and not (of_user / project).exists():
            of_user.mkdir(exist_ok=True)
            # Hard links and times are kept, by which cargo knows what it built.
            subprocess.run(["cp", "--archive", of_root / project, of_user], check=True)
            subprocess.run(["chown", "--recursive", "--no-dereference", f"{uid}:{uid}", of_user], check=True)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="ci/check user --", description="try the promises as an ordinary user")
    parser.add_argument("--whole", action="store_true", help="in the gate, too, try the built program without cgroups")
    return parser.parse_args(arguments)


def networks():
    """How many network namespaces there are. The kernel's list is root's to read, and it is the users' that are handed on."""
    lines = pathlib.Path("/proc/slabinfo").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("net_namespace ")), 0)
