"""No test is said to need more memory that does not, on a busy machine, and each is that does.

200 tests of many kinds of memory are executed again and again with neighbours that keep every CPU busy, and with the page cache of their
binary dropped between the runs; then by a tenth and a MiB more. A thousand runs take hours. So the peaks of some further runs are
recorded, and each of these is judged beside each three of them in a row, by the function that judges a run at its first look: that are
more judgements than runs, which know no other noise than that of the runs that there were.
"""

import argparse
import json
import os
import subprocess

import needs
import neighbours
import places
from running import CheckError

NEEDS = needs.Needs()
DIRECTORY = places.TARGET / "growth"
TESTS = 200
# Runs in a row that are a baseline of recorded peaks.
BESIDE = 3
# What each CPU is charged for ahead.
BATCH = 256 << 10
GREW = 99

MANIFEST = '[package]\nname = "growth"\nedition = "2024"\n[workspace]\n'
HEAD = """
use std::hint::black_box;
fn more(mebibytes: usize) -> usize {
    let grows = std::env::var_os("GROWS").is_some();
    (mebibytes << 20) + if grows { (mebibytes << 20) / 10 + (1 << 20) } else { 0 }
}
fn take(bytes: usize) { black_box(vec![1_u8; bytes]); }
fn in_threads(bytes: usize) {
    let together = std::sync::Barrier::new(4);
    let hold = || { let held = vec![1_u8; bytes / 4]; together.wait(); black_box(held); };
    std::thread::scope(|scope| for _ in 0..4 { scope.spawn(hold); });
}
fn in_file(bytes: usize) { std::fs::write("/tmp/growth", vec![1_u8; bytes / 2]).unwrap(); }
fn in_pieces(bytes: usize) { black_box((0..bytes / 1000).map(|_| vec![1_u8; 976]).collect::<Vec<_>>()); }
"""
KINDS = ("take", "in_threads", "in_file", "in_pieces")


def check(run):
    options = parse(run.options)
    run.build()
    (DIRECTORY / "src").mkdir(parents=True, exist_ok=True)
    tests = [f"#[test] fn {KINDS[n % 4]}_{n}() {{ {KINDS[n % 4]}(more({1 + n % 24})); }}\n" for n in range(TESTS)]
    (DIRECTORY / "Cargo.toml").write_text(MANIFEST)
    (DIRECTORY / "src/lib.rs").write_text(f"#[cfg(test)]\nmod tests {{\n{HEAD}{''.join(tests)}}}\n")
    baseline = DIRECTORY / "baseline.json"
    baseline.unlink(missing_ok=True)
    alarms, found, kept = [], [], []
    recorded = {"unchanged": [], "grown": []}
    with neighbours.busy():
        for _ in range(options.recorded):
            drop_page_cache()
            recorded["unchanged"].append(peaks([], {}))
        for _ in range(options.saved):
            grown(["--save-baseline", baseline], {})
        compare = ["--baseline", baseline, "--fail-on-increase", "10%"]
        for _ in range(options.unchanged):
            drop_page_cache()
            names, repeated = grown(compare, {})
            alarms += names
            kept.append(repeated)
        for _ in range(options.grown):
            drop_page_cache()
            names, _ = grown(compare, {"GROWS": "1"})
            found.append(len(names))
            recorded["grown"].append(peaks([], {"GROWS": "1"}))
    judge(run, recorded)
    run.say(f"{options.unchanged} unchanged runs of {TESTS} tests: {len(alarms)} false alarms; repeated alone and cleared: {sum(kept)}")
    run.say(f"{options.grown} runs that need 10 % and a MiB more: found of {TESTS} each: {found}")
    if alarms or any(number < TESTS for number in found):
        raise CheckError(f"false alarms: {sorted(set(alarms))}; least found: {min(found, default=TESTS)} of {TESTS}")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="ci/check growth --", description="try comparing with a baseline on a busy machine")
    parser.add_argument("--recorded", type=int, default=36, help="runs that are each compared with the others (36)")
    parser.add_argument("--saved", type=int, default=3, help="runs that make the baseline (3)")
    parser.add_argument("--unchanged", type=int, default=20,
                        help="runs that need as much (20); the rarer a false alarm, the more runs it takes to see one")
    parser.add_argument("--grown", type=int, default=2, help="runs that need more (2)")
    return parser.parse_args(arguments)


def judge(run, recorded):
    """Judges recorded peaks by what judges those of a run."""
    if len(recorded["unchanged"]) <= BESIDE:
        return
    file = DIRECTORY / "peaks.json"
    file.write_text(json.dumps({"grain": os.cpu_count() * BATCH, "beside": BESIDE, **recorded}) + "\n")
    told = run.read(["cargo", "test", "--quiet", "--workspace", "--bins", "--", "--nocapture", "recorded_peaks"],
                    env=os.environ | {"RECORDED_PEAKS": str(file)})
    lines = [line for line in told.splitlines() if line.startswith("recorded peaks: ")]
    if len(lines) != 1:
        raise CheckError(f"the recorded peaks of {file} were not judged:\n{told}")
    run.say(lines[0])


def peaks(arguments, variables):
    """The memory peak of each test of a run, in the order of their names."""
    return [line["usage"]["memory_peak_bytes"] for line in sorted(ended(arguments, variables), key=lambda line: line["name"])]


def grown(arguments, variables):
    """The tests that a run says need more memory, and how many were executed again and do not."""
    lines = ended(arguments, variables)
    if any("growth" not in line for line in lines if "--baseline" in arguments):
        raise CheckError(f"not each of {TESTS} tests was compared")
    cleared = [line for line in lines if any("needs no more than" in remark for remark in line["remarks"])]
    return [line["name"] for line in lines if line["outcome"] == "over-budget"], len(cleared)


def ended(arguments, variables):
    """What a run says of its tests."""
    command = [places.DEBUG / "cargo-isotest", "isotest", "--no-history", "--no-memory-aware", "--message-format", "json",
               "--manifest-path", DIRECTORY / "Cargo.toml", *arguments]
    done = subprocess.run([str(word) for word in command], check=False, env=os.environ | variables, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    if done.returncode not in (0, GREW):
        raise CheckError(f"a run ended with {done.returncode}:\n{done.stderr[-2000:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    lines = [line for line in lines if line["type"] == "attempt-finished"]
    if len(lines) != TESTS:
        raise CheckError(f"{len(lines)} of {TESTS} tests were executed")
    return lines


def drop_page_cache():
    """Of the test's binary; that of the machine belongs to others, too."""
    for file in (DIRECTORY / "target/debug/deps").glob("growth-*"):
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
