"""Peaks and processor times are what a program is known to use, and as close to it as those of BenchExec's runexec.

A program that uses known amounts (`accuracy/amounts.c`) is executed by `cargo isotest exec`, by runexec and by GNU time, which take
turns within the same run: alone, and with neighbours that keep every CPU busy and take and give back memory and page cache. What the
program needs beside the amount is no constant: a control, which is the same program with nothing in what it makes, is executed by the
same tools in the same rounds, and the least of its figures is deducted. Page tables of the amount are added: 8 bytes for each page.
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import subprocess

import needs
import neighbours
import places
from running import CheckError

NEEDS = needs.Needs(debian=("gcc", "libc6-dev", "time"), linters=True)
DIRECTORY = places.TARGET / "accuracy"
PROGRAM = DIRECTORY / "amounts"
MIB = 1 << 20
KIB = 1 << 10
# Each CPU is charged for so much more than it has handed out (64 pages).
BATCH = 256 << 10
# Kinds of memory, and the most MiB of each that is tried: sockets and pipes have limits of their own.
MEMORY = {"allocate": 1000, "map": 1000, "share": 1000, "fork": 1000, "threads": 1000, "tmpfs": 1000, "read": 1000,
          "sockets": 100, "pipes": 30, "io_uring": 1000}
# Kinds of which the amount is mapped, and by how many processes.
MAPPED = {"allocate": 1, "map": 1, "share": 5, "fork": 1, "threads": 1}
TABLES_OF_A_MIB = 2 * KIB
# Kinds whose control depends on the amount: there are more pipes and sockets.
OF_MANY = ("sockets", "pipes")
OF_CONTROLS = 1
PROCESSOR = ("compute", "compute_in_threads", "compute_in_daemon")
QUICK = {"mebibytes": [1, 30], "milliseconds": [20, 200], "times": 5}
FULL = {"mebibytes": [1, 10, 100, 1000], "milliseconds": [10, 100, 1000], "times": 30}


def check(run):
    options = parse(run.options)
    run.build()
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    run.call(["gcc", "-O1", "-Wall", "-Werror", "-static", "-pthread", "-o", PROGRAM, places.CI / "accuracy/amounts.c"])
    try:
        # That of the neighbours has a MiB, as has that of controls.
        for name, mebibytes in [("neighbours", 1), (OF_CONTROLS, 1), *((amount, amount) for amount in options.mebibytes)]:
            with file_of(name).open("wb") as file:
                for _ in range(mebibytes):
                    file.write(bytes(MIB))
                os.fsync(file.fileno())
        rows = [row for state, around in (("alone", alone), ("busy", busy)) for row in measured(options, state, around)]
    finally:
        for file in DIRECTORY.glob("file-*"):
            file.unlink()
    (DIRECTORY / "accuracy.json").write_text(json.dumps(rows) + "\n")
    tell(run, rows)
    run.say(f"\n{options.times} executions of each; written to {DIRECTORY / 'accuracy.json'}")
    missed = [miss for row in rows for miss in misses(row)]
    for miss in missed:
        run.say(f"missed: {miss}")
    if missed:
        raise CheckError(f"{len(missed)} of {len(rows)} rows are not as close as they should be")


def file_of(name):
    return DIRECTORY / f"file-{name}"


def parse(arguments):
    def numbers(text):
        return [int(number) for number in text.split(",")]

    parser = argparse.ArgumentParser(prog="ci/check accuracy --", description="compare what is measured with what is known to be used")
    parser.add_argument("--full", action="store_true", help="30 executions of each, and larger amounts; takes hours")
    parser.add_argument("--times", type=int, help="executions of each (5)")
    parser.add_argument("--mebibytes", type=numbers, metavar="N,..", help="amounts of memory (1,30)")
    parser.add_argument("--milliseconds", type=numbers, metavar="N,..", help="amounts of processor time (20,200)")
    parser.add_argument("--only", action="append", default=[], metavar="KIND", choices=[*MEMORY, *PROCESSOR],
                        help="only this kind of amount (repeatable)")
    options = parser.parse_args(arguments)
    for name, value in (FULL if options.full else QUICK).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


@contextlib.contextmanager
def alone():
    yield


def busy():
    """Neighbours that also take and give back memory and page cache."""
    work = f"{PROGRAM} compute 20; {PROGRAM} allocate 32; {PROGRAM} read 1 {file_of('neighbours')}; {PROGRAM} fork 16"
    return neighbours.busy(work, each=2)


def measured(options, state, around):
    """A row for each kind and amount, with the differences of each tool's figures from what is known, one for each execution."""
    amounts = [(kind, amount) for kind, most in MEMORY.items() for amount in options.mebibytes if amount <= most]
    amounts += [(kind, amount) for kind in PROCESSOR for amount in options.milliseconds]
    rows = [{"state": state, "kind": kind, "amount": amount, "off": {tool: [] for tool in TOOLS}}
            for kind, amount in amounts if not options.only or kind in options.only]
    controls = {control_of(row): {tool: [] for tool in TOOLS} for row in rows if row["kind"] in MEMORY}
    with around():
        for number in range(options.times):
            names = list(TOOLS)
            names = names[number % 3:] + names[:number % 3]
            for (kind, amount), name in itertools.product(controls, names):
                controls[kind, amount][name].append(difference(name, kind, amount, "empty"))
            for row, name in itertools.product(rows, names):
                row["off"][name].append(difference(name, row["kind"], row["amount"]))
    for row in rows:
        if row["kind"] in MEMORY:
            deduct(row, controls[control_of(row)])
    return rows


def control_of(row):
    """The kind and amount of what is deducted from the figures of a row."""
    return row["kind"], row["amount"] if row["kind"] in OF_MANY else OF_CONTROLS


def deduct(row, control):
    """Deducts what is in use beside the amount. The noise of a control only adds to it."""
    tables = MAPPED.get(row["kind"], 0) * TABLES_OF_A_MIB * row["amount"]
    row["control"] = {tool: min(off) for tool, off in control.items()}
    row["off"] = {tool: [value - row["control"][tool] - tables for value in off] for tool, off in row["off"].items()}


def difference(tool, kind, amount, *empty):
    """By how much a tool's figure is more than what the program says that it used: bytes, or microseconds."""
    if kind == "read":
        # What is cached has been charged to somebody else.
        with file_of(amount).open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    output, memory, processor = TOOLS[tool]([PROGRAM, kind, amount, file_of(amount), *empty])
    known = dict(re.findall(r"^(memory|processor) (\d+)$", output, re.MULTILINE))
    if len(known) < 2:
        raise CheckError(f"`{kind} {amount}` did not say what it used:\n{output}")
    return memory - int(known["memory"]) if kind in MEMORY else processor - int(known["processor"])


def isotest(command):
    usage = DIRECTORY / "usage.json"
    done = execute([places.DEBUG / "cargo-isotest", "isotest", "exec", "--quiet", "--usage-json", usage, "--", *command])
    used = json.loads(usage.read_text())["usage"]
    return done.stdout, used["memory_peak_bytes"], used["cpu_user_us"] + used["cpu_system_us"]


def runexec(command):
    output = DIRECTORY / "output"
    # Its default is an overlay over `/`, which Linux refuses over a root with mounts in it.
    done = execute([needs.tool("runexec"), "--quiet", "--output", output, "--read-only-dir", "/", "--hidden-dir", "/tmp",
                    "--overlay-dir", "/home", "--", *command])
    told = dict(re.findall(r"^(\w+)=([\d.]+)[sB]?$", done.stdout, re.MULTILINE))
    if not {"memory", "cputime"} <= told.keys():
        raise CheckError(f"runexec measured nothing:\n{done.stdout}{done.stderr}")
    return output.read_text(), int(told["memory"]), float(told["cputime"]) * 1e6


def gnu_time(command):
    figures = DIRECTORY / "time"
    done = execute(["/usr/bin/time", "-v", "-o", figures, *command])
    told = dict(re.findall(r"^\s*(.*): (\S+)$", figures.read_text(), re.MULTILINE))
    times = [float(told[name]) * 1e6 for name in ("User time (seconds)", "System time (seconds)")]
    return done.stdout, int(told["Maximum resident set size (kbytes)"]) * 1024, sum(times)


TOOLS = {"isotest": isotest, "runexec": runexec, "time": gnu_time}


def execute(words):
    words = [str(word) for word in words]
    done = subprocess.run(words, check=False, cwd=DIRECTORY, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise CheckError(f"`{' '.join(words)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def tell(run, rows):
    run.say("By how much each figure is more than what was used, least to highest: KiB of memory, ms of processor time.\n")
    run.say("| used | neighbours | `cargo isotest` | runexec 3.35 | GNU time |")
    run.say("|---|---|---|---|---|")
    for row in rows:
        is_memory = row["kind"] in MEMORY
        unit, scale = ("MiB", 1024) if is_memory else ("ms", 1000)
        digits = 0 if is_memory else 1
        cells = [f"{min(off) / scale:+.{digits}f} to {max(off) / scale:+.{digits}f}" for off in row["off"].values()]
        run.say(f"| {row['kind'].replace('_', ' ')} {row['amount']} {unit} | {row['state']} | {' | '.join(cells)} |")


def misses(row):
    """What of a row is not as it should be."""
    name = f"{row['kind']} {row['amount']} {row['state']}"
    off, other = row["off"]["isotest"], row["off"]["runexec"]
    error, spread = max(map(abs, off)), max(off) - min(off)
    if row["kind"] in MEMORY:
        used = row["amount"] * MIB
        limits = [("error", error, BATCH * os.cpu_count() + 0.005 * used), ("spread", spread, max(0.01 * used, 512 << 10)),
                  ("error beside runexec's", error, max(map(abs, other)) + BATCH)]
    else:
        # What comes before main and after it is not in what the program knows.
        used = row["amount"] * 1000
        limits = [("error", error, max(0.02 * used, 2000)), ("error beside runexec's", error, max(*map(abs, other), 2000))]
    return [f"{name}: {what} {value:.0f}, allowed is {limit:.0f}" for what, value, limit in limits if value > limit]
