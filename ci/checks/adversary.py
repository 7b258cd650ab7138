"""Whoever attacks, whatever fails, whoever is killed: no verdict is false, and nothing is left or changed, here and in a guest."""

import argparse
import os
import shutil
import tempfile

import places
from needs import FOR_GUESTS, FOR_TESTS, Needs

NEEDS = Needs(debian=(*FOR_TESTS, *FOR_GUESTS), apt=True)
CORE = places.ROOT / "isotest-core"
# Of the end-to-end tests.
GROUPS = ["adversary", "bad_days", "killed_supervisors", "steps", "suspects", "faults", "kills"]
# Under emulation everything takes ten times as long.
SLOWER = 10


def check(run):
    options = parse(run.options)
    amounts = {"E2E_FAULTS": options.faults, "E2E_KILLS": str(options.kills)}
    binary = run.test_binary("e2e")
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        copy, probe = shutil.copy(binary, f"{place}/e2e"), shutil.copy(places.DEBUG / "probe", place)
        if "root" in options.only:
            run.say("as root")
            for group in GROUPS:
                run.call([copy, f"{group}::"], env=os.environ | amounts)
        for name, words in ("user", []), ("no-cgroups", ["--no-cgroups"]):
            if name in options.only:
                run.say(f"as an ordinary user, {' '.join(words) or 'with cgroups'}")
                for group in GROUPS:
                    run.call([places.CHECK, "as-user", *words, "env", "-C", place, copy, f"{group}::"], env=os.environ | amounts)
        for name, words in ("guest", []), ("guest-user", ["--as-user"]):
            if name in options.only:
                in_guest(run, options, words, [copy, probe])


def in_guest(run, options, words, files):
    faults = 200 if options.faults == "all" else int(options.faults)
    for group in GROUPS:
        run.say(f"in the guest, {' '.join(words) or 'as root'}: {group}")
        run.call([places.CHECK, "guest", *words, "--timeout", "1800", *(word for file in files for word in ("--copy", file)),
                  "--copy", CORE / "Cargo.toml", "--env", "CI=true", "--env", "TMPDIR=/mnt/disk",
                  "--env", f"E2E_FAULTS={max(faults // SLOWER, 6)}", "--env", f"E2E_KILLS={max(options.kills // SLOWER, 6)}",
                  "--env", f"CARGO_MANIFEST_DIR={CORE}", "--", files[0], f"{group}::"])


def parse(arguments):
    where = ["root", "user", "no-cgroups", "guest", "guest-user"]
    parser = argparse.ArgumentParser(prog="ci/check adversary --", description="do harm to the sandbox, and to what makes it")
    parser.add_argument("--faults", default="all", metavar="N",
                        help="how many system calls fail, or `all` (all); a sixth of so many are pairs at the end")
    parser.add_argument("--kills", type=int, default=500, metavar="N", help="how many processes are killed (500)")
    parser.add_argument("--only", action="append", choices=where, metavar="WHERE",
                        help=f"do it only there: {', '.join(where)} (repeatable)")
    options = parser.parse_args(arguments)
    options.only = options.only or where
    return options
