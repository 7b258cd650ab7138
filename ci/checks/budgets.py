"""No verdict on 200 budgeted tests is wrong with all jobs busy, and a test with a budget takes no longer than one without.

Tests of ten kinds, of which it is known whether they keep their budgets, are executed 20 times, from an archive, with neighbours that
keep every CPU busy: as root, as a user with cgroups and without, where only the budgets are tried that need none, and in a guest with
version 2. Then 10,000 tests with a budget each are executed with it and without, in pairs that take turns in going first.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import neighbours
import places
from needs import FOR_GUESTS, FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=(*FOR_TESTS, *FOR_GUESTS), apt=True)
DIRECTORY = places.TARGET / "budgets"
MANIFEST = """[package]
name = "NAME"
edition = "2024"
[workspace]
[dev-dependencies]
isotest-core = { path = "CORE", default-features = false }
[profile.test]
debug = false
"""
# Whoever keeps a budget has some times more than it needs, and who breaks one uses some times more than it has: what lies between is
# for `accuracy` to try.
KINDS = {
    "memory_kept": ('memory = "40 MiB"', "take(8)", "passed"),
    "memory_over": ('memory = "40 MiB"', "take(64)", "over-budget"),
    "memory_hard_kept": ('memory = "40 MiB", hard = true', "take(8)", "passed"),
    "memory_hard_over": ('memory = "40 MiB", hard = true', "take(64)", "over-budget"),
    "procs_kept": ("procs = 16", "threads(4)", "passed"),
    "procs_over": ("procs = 6", "threads(8)", "over-budget"),
    "cpu_kept": ('cpu = "20 s", wall = "5 min"', "compute(20)", "passed"),
    "cpu_over": ('cpu = "50 ms"', "compute(150)", "over-budget"),
    "disk_kept": ('disk = "8 MiB"', "write(1)", "passed"),
    "disk_over": ('disk = "1 MiB"', "write(8)", "over-budget"),
}
# Kinds that are judged where there is no cgroup.
WITHOUT_CGROUPS = ("cpu", "disk")
TESTS = 200
HEAD = """
use std::time::Duration;
fn take(mebibytes: usize) { std::hint::black_box(vec![1_u8; mebibytes << 20]); }
fn threads(number: usize) {
    let together = std::sync::Barrier::new(number);
    std::thread::scope(|scope| for _ in 0..number { scope.spawn(|| together.wait()); });
}
fn used() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}
fn compute(milliseconds: u64) { while used() < Duration::from_millis(milliseconds) {} }
fn write(mebibytes: usize) { std::fs::write(std::env::temp_dir().join("written"), vec![1_u8; mebibytes << 20]).unwrap(); }
"""
# Prints the name and the outcome of each test, as often as it is told.
AGAIN = r"""
results=$(mktemp) || exit
for _ in $(seq "$1"); do
    "$2" isotest --archive-file "$3" --no-history --no-fail-fast --message-format json -E "$4" >"$results" 2>"$results.said"
    status=$?
    sed -n 's/^{"type":"attempt-finished",.*"name":"\([^"]*\)".*"outcome":"\([^"]*\)".*/\1 \2/p' "$results"
    echo "ended $status"
    [ $status = 99 ] || tail -n 5 "$results.said"
done
rm "$results" "$results.said"
"""
WHERE = ("root", "user", "no-cgroups", "guest")
# The most that 10,000 tests with a budget each may take, as a share of the time without.
ALLOWED = 1.03


def check(run):
    options = parse(run.options)
    run.build(*(["--release"] if "guest" in options.where or options.pairs else []))
    program = places.RELEASE / "cargo-isotest" if "guest" in options.where or options.pairs else places.DEBUG / "cargo-isotest"
    wrong = judge(run, options, program) if options.where else []
    if options.pairs:
        wrong += cost(run, options, program)
    if wrong:
        raise CheckError("; ".join(wrong[:20]))


def parse(arguments):
    parser = argparse.ArgumentParser(prog="ci/check budgets --", description="try verdicts on budgets, and what budgets cost")
    parser.add_argument("--times", type=int, default=20, help="executions of 200 tests in each place (20)")
    parser.add_argument("--where", default=",".join(WHERE), help="places, of root,user,no-cgroups,guest; empty for none")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of executions with budgets and without; 0 for none (5)")
    parser.add_argument("--tests", type=int, default=10000, help="tests of these (10000)")
    options = parser.parse_args(arguments)
    options.where = [name for name in options.where.split(",") if name]
    if not set(options.where) <= set(WHERE):
        parser.error(f"places are {', '.join(WHERE)}")
    return options


def project(name, library):
    """A package of its own, which is made anew."""
    directory = DIRECTORY / name
    (directory / "src").mkdir(parents=True, exist_ok=True)
    (directory / "Cargo.toml").write_text(MANIFEST.replace("NAME", name).replace("CORE", str(places.ROOT / "isotest-core")))
    (directory / "src/lib.rs").write_text(library)
    return directory


def judge(run, options, program):
    """What of the verdicts is not as is known."""
    kinds = list(KINDS)
    tests = [(kinds[n % len(kinds)], f"{kinds[n % len(kinds)]}_{n}") for n in range(TESTS)]
    text = "".join(f"#[isotest_core::budget({KINDS[kind][0]})]\n#[test] fn {name}() {{ {KINDS[kind][1]} }}\n" for kind, name in tests)
    made = project("judged", f"#[cfg(test)]\nmod tests {{\n{HEAD}{text}}}\n")
    with tempfile.TemporaryDirectory(prefix="isotest-budgets-") as place:
        os.chmod(place, 0o755)
        shutil.copy(program, place)
        archive = f"{place}/tests.tar.zst"
        run.call([program, "isotest", "archive", "--archive-file", archive, "--manifest-path", made / "Cargo.toml"])
        wrong = []
        for where in options.where:
            expected = {f"tests::{name}": KINDS[kind][2] for kind, name in tests
                        if where != "no-cgroups" or kind.startswith(WITHOUT_CGROUPS)}
            filterset = f"test(/^tests::({'|'.join(WITHOUT_CGROUPS)})/)" if where == "no-cgroups" else "all()"
            words = ["sh", "-c", AGAIN, "sh", options.times, f"{place}/cargo-isotest", archive, filterset]
            with neighbours.busy():
                said = run.read([*within(where, place, archive), *words])
            wrong += told(run, where, said, expected, options.times)
    return wrong


def within(where, place, archive):
    """The words before a command that is executed there."""
    if where == "guest":
        return [places.CHECK, "guest", "--timeout", "3000", "--memory", "2048", "--copy", f"{place}/cargo-isotest", "--copy", archive, "--"]
    return {"root": [], "user": [places.CHECK, "as-user"], "no-cgroups": [places.CHECK, "as-user", "--no-cgroups"]}[where]


def told(run, where, said, expected, times):
    """What of the verdicts in one place is not as is known; there are as many as there must be."""
    verdicts = re.findall(r"^(tests::\w+) ([\w-]+)$", said, re.MULTILINE)
    ends = re.findall(r"^ended (\d+)$", said, re.MULTILINE)
    wrong = [f"{where}: {name} is {outcome}" for name, outcome in verdicts if expected.get(name) != outcome]
    run.say(f"{where}: {len(ends)} runs of {len(expected)} budgeted tests, {len(verdicts)} verdicts, {len(wrong)} wrong")
    if len(verdicts) != times * len(expected) or ends != ["99"] * times:
        wrong.append(f"{where}: {len(verdicts)} verdicts, runs ended with {sorted(set(ends))}: {said[-600:]}")
    return wrong


def cost(run, options, program):
    """What of the time is more than is allowed."""
    text = "".join(f'#[isotest_core::budget(memory = "64 MiB")]\n#[test] fn t{n}() {{}}\n' for n in range(options.tests))
    made = project("priced", f"#[cfg(test)]\nmod tests {{\n{text}}}\n")
    walls = {"enforce": [], "off": []}
    # A pair before is not counted: it builds.
    for number in range(options.pairs + 1):
        for mode in list(walls)[::1 if number % 2 else -1]:
            start = time.monotonic()
            done = subprocess.run([program, "isotest", "--no-history", "--budgets", mode, "--manifest-path", made / "Cargo.toml"],
                                  check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            wall = time.monotonic() - start
            if done.returncode != 0 or not re.search(rf"\b{options.tests} (tests )?run: {options.tests} passed", done.stdout + done.stderr):
                raise CheckError(f"`--budgets {mode}` ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
            if number > 0:
                walls[mode].append(wall)
    ratio = statistics.median(one / other for one, other in zip(walls["enforce"], walls["off"], strict=True))
    each = {mode: statistics.median(values) * 1000 / options.tests for mode, values in walls.items()}
    run.say(f"{options.tests} tests in {options.pairs} pairs: {each['enforce']:.3f} ms each with a budget, {each['off']:.3f} ms without: "
            f"{ratio:.3f} times the time, allowed is {ALLOWED}")
    return [f"a test with a budget takes {ratio:.3f} times the time without, allowed is {ALLOWED}"] if ratio > ALLOWED else []
