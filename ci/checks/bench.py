"""What a test costs beside other runners, how its time and memory grow; fails only for what is enforced.

In the gate that is the memory.

Rows of commands execute the same trivial tests in one run, with the rounds interleaved: `cargo isotest`, `cargo nextest
run`, that with bubblewrap around each test, and a bare spawn loop. Wall times are never judged, only ratios of rows of the
same round.
"""

import argparse
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess

import debian
import places
from bench import trivial
from needs import FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=FOR_TESTS)
# Ratios settle with few tests; they are for a quiet machine to judge. A tree is executed in by tests of both crates.
OF_THE_GATE = ["--tests", "200", "--rounds", "1", "--jobs", "2", "--sizes", "10000", "--enforce", "memory",
               "--suites", "", *(word for row in ("floor", "isotest root", "isotest user", "isotest minimal") for word in ("--only", row))]
AS_USER = [places.CHECK, "as-user"]
UID = int(os.environ.get("ISOTEST_CI_UID", "61234"))
DIRECTORY = places.TARGET / "bench"
# The most a row may cost, as a share of another row of the same round.
ALLOWED = {("isotest user", "nextest"): 0.8, ("isotest root", "nextest"): 1.0,
           ("isotest root", "nextest single"): 1.6, ("isotest user", "nextest single"): 1.6,
           ("isotest user", "nextest+bwrap"): 0.35, ("isotest root", "nextest+bwrap"): 0.35,
           ("isotest tree", "isotest root"): 1.5, ("isotest minimal", "isotest root"): 1.5}
ALLOWED_PEAK_KIB = 64 * 1024
# Wall time per test, as a share of that at the next smaller size. More is not linear.
ALLOWED_GROWTH = 1.25


def check(run):
    options = parse(run.options or (OF_THE_GATE if run.gate else []))
    build(run)
    bench = Bench(run, options)
    result = {"tests": options.tests, "rounds": options.rounds, "rows": [], "ratios": [], "scaling": []}
    for jobs in options.jobs:
        walls = bench.interleaved(jobs)
        result["rows"] += [row(name, jobs, values) for name, values in walls.items()]
        result["ratios"] += ratios(jobs, walls)
    tell_rows(run, result)
    if options.sizes:
        result["scaling"] = [bench.scale(size) for size in options.sizes]
        tell_scaling(run, result["scaling"])
    result["suites"] = [bench.suite(*suite) for suite in options.suites]
    tell_suites(run, result["suites"])
    report = bench.directory / "bench.json"
    report.write_text(json.dumps(result, indent=1) + "\n")
    run.say(f"\nwritten to {report}")
    missed = [(kind, miss) for kind, judge in JUDGES.items() for miss in judge(result)]
    for _, miss in missed:
        run.say(f"missed: {miss}")
    enforced = [miss for kind, miss in missed if kind in options.enforce]
    if enforced:
        raise CheckError("; ".join(enforced))


def build(run):
    """All that is executed."""
    run.build("--release")
    (DIRECTORY / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy2(places.RELEASE / "cargo-isotest", DIRECTORY / "bin")
    for program in "floor", "stopwatch":
        run.call(["rustc", "--edition", "2024", "-O", "-o", DIRECTORY / "bin" / program, places.CI / f"bench/{program}.rs"])


def parse(arguments):
    def numbers(text):
        return [int(number) for number in text.split(",") if number]

    def suites(text):
        return [tuple(int(number) for number in suite.split("x")) for suite in text.split(",") if suite]

    parser = argparse.ArgumentParser(prog="ci/check bench --", description="measure cargo isotest against what people use today")
    parser.add_argument("--tests", type=int, default=1000, help="trivial tests in four binaries (1000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all rows (5)")
    parser.add_argument("--jobs", type=numbers, default=[1, 2], metavar="N,..", help="tests at once (1,2)")
    parser.add_argument("--sizes", type=numbers, default=[100, 1000, 10000], metavar="N,..",
                        help="numbers of tests of the scaling section; empty for none (100,1000,10000)")
    parser.add_argument("--suites", type=suites, default=[(4, 40), (60, 300)], metavar="BINARIESxTESTS,..",
                        help="suites that are called through cargo, nothing to build; empty for none (4x40,60x300)")
    parser.add_argument("--only", action="append", default=[], metavar="ROW", help="only this row (repeatable)")
    parser.add_argument("--enforce", action="append", default=[], choices=list(JUDGES),
                        help="fail if this is over its limit, or could not be measured (repeatable)")
    return parser.parse_args(arguments)


class Bench:
    """The built projects and the rows that execute their tests."""

    def __init__(self, run, options):
        self.run = run
        self.options = options
        self.directory = DIRECTORY
        self.bin = self.directory / "bin"
        self.triple = places.triple()
        self.project = self.prepared("root", options.tests)
        self.test_list = trivial.list_tests(self.project, options.tests)
        self.rows = self.available_rows()

    def prepared(self, owner, size):
        """A project of `size` tests, built, which belongs to its owner."""
        project = trivial.copy(self.directory / owner / f"trivial-{size}")
        output(["cargo", "test", "--no-run", "--quiet", "--manifest-path", project / "Cargo.toml"], size)
        if owner == "user":
            subprocess.run(["chown", "-R", f"{UID}:{UID}", project], check=True)
        return project

    def available_rows(self):
        """Each row's name and the command that executes all tests, given the number of jobs."""
        rows = {"floor": self.floor}
        if shutil.which("cargo-nextest"):
            rows["nextest"] = self.nextest
            # Without executing itself before each test.
            rows["nextest single"] = lambda jobs: ["env", "NEXTEST_DOUBLE_SPAWN=0", *self.nextest(jobs)]
            if shutil.which("bwrap"):
                rows["nextest+bwrap"] = self.nextest_bwrap
        self.user_project = self.prepared("user", self.options.tests)
        rows |= {"isotest root": self.isotest_root, "isotest user": self.isotest_user,
                 "isotest minimal": lambda jobs: [*self.isotest_root(jobs), "--root", "minimal"]}
        if shutil.which("mmdebstrap"):
            rows["isotest tree"] = lambda jobs: [*self.isotest_root(jobs), "--root", f"dir:{debian.root()}"]
        missing = {"nextest": "cargo-nextest", "nextest single": "cargo-nextest", "nextest+bwrap": "cargo-nextest or bubblewrap",
                   "isotest tree": "mmdebstrap"}
        wanted = self.options.only or [*rows, *missing]
        for name, program in missing.items():
            if name in wanted and name not in rows:
                self.run.say(f"warning: no row `{name}`: {program} is missing")
        return {name: command for name, command in rows.items() if name in wanted}

    def floor(self, jobs):
        return [self.bin / "floor", str(jobs), self.test_list]

    def nextest(self, jobs):
        return ["cargo", "nextest", "run", "--manifest-path", self.project / "Cargo.toml", "--no-fail-fast", f"--jobs={jobs}",
                "--status-level=none", "--final-status-level=none", "--show-progress=none"]

    def nextest_bwrap(self, jobs):
        shown = "--ro-bind / / --dev /dev --proc /proc --tmpfs /tmp"
        sandbox = f"bwrap --unshare-all --die-with-parent {shown} --bind {self.project} {self.project}"
        return ["env", f"CARGO_TARGET_{self.triple.upper().replace('-', '_')}_RUNNER={sandbox}", *self.nextest(jobs)]

    def isotest_root(self, jobs, project=None):
        return [self.bin / "cargo-isotest", "isotest", "--manifest-path", (project or self.project) / "Cargo.toml",
                "--no-fail-fast", f"--jobs={jobs}"]

    def isotest_user(self, jobs):
        return self.isotest_root(jobs, self.user_project)

    def interleaved(self, jobs):
        """The walls of each row in seconds, one a round. The rows take turns in going first; a round before is not counted."""
        names = list(self.rows)
        walls = {name: [] for name in names}
        for round_number in range(self.options.rounds + 1):
            shift = round_number % len(names)
            for name in names[shift:] + names[:shift]:
                wall, _ = self.measure(name, self.rows[name](jobs), self.options.tests)
                if round_number > 0:
                    walls[name].append(wall)
        return walls

    def measure(self, name, command, size, mode="time"):
        """Wall time in seconds and peak memory in KiB; stops everything if not all tests passed."""
        log = self.directory / "output"
        log.touch()
        log.chmod(0o666)
        session = AS_USER if name == "isotest user" else []
        line = output([*session, self.bin / "stopwatch", mode, log, *command], size, self.directory)
        wall, peak, status = map(int, line.split())
        text = log.read_text(errors="replace")
        if status != 0 or not re.search(rf"\b{size} (tests )?run: {size} passed", text):
            raise CheckError(f"row `{name}` ended with {status} and did not pass {size} tests; the end of its output:\n{text[-2000:]}")
        return wall / 1e6, peak

    def suite(self, binaries, tests):
        """Wall times in seconds of whole commands, one a round: what cargo takes to find that all is built, and the runners."""
        project = trivial.wide(self.directory / "root" / f"suite-{binaries}x{tests}", binaries, tests)
        manifest = ["--manifest-path", project / "Cargo.toml"]
        commands = {"cargo test --no-run": ["cargo", "test", "--no-run", *manifest],
                    "cargo isotest": ["env", f"PATH={self.bin}:{os.environ['PATH']}", "cargo", "isotest", *manifest]}
        if shutil.which("cargo-nextest"):
            commands["cargo nextest run"] = ["cargo", "nextest", "run", *manifest]
        walls = {name: [] for name in commands}
        # One round before is not counted: it builds.
        for round_number in range(self.options.rounds + 1):
            for name, command in commands.items():
                line = output([self.bin / "stopwatch", "time", self.directory / "output", *command], 0, self.directory)
                wall, _, status = map(int, line.split())
                if status != 0:
                    raise CheckError(f"`{name}` of {tests} tests in {binaries} binaries ended with {status}")
                if round_number > 0:
                    walls[name].append(wall / 1e6)
        return {"binaries": binaries, "tests": tests, "wall_s": walls}

    def scale(self, size):
        """The smaller of two walls: what disturbs the machine only adds to them. Without another size to compare them with, one."""
        project = self.prepared("root", size)
        command = self.isotest_root(max(self.options.jobs), project)
        wall, peak = self.measure("isotest root", command, size, "peak")
        if len(self.options.sizes) > 1:
            again, _ = self.measure("isotest root", command, size)
            wall = min(wall, again)
        return {"tests": size, "wall_ms_per_test": wall * 1000 / size, "peak_kib": peak}


def output(command, size=0, directory=None):
    done = subprocess.run(list(map(str, command)), check=False, cwd=directory, env=trivial.environment(size), text=True,
                          stdout=subprocess.PIPE)
    if done.returncode != 0:
        raise CheckError(f"`{' '.join(map(str, command))}` ended with {done.returncode}")
    return done.stdout


def row(name, jobs, walls):
    return {"row": name, "jobs": jobs, "wall_s": walls}


def ratios(jobs, walls):
    """Ratios of rows of the same round: neighbours in time saw the same machine."""
    pairs = [pair for pair in ALLOWED if pair[0] in walls and pair[1] in walls]
    return [{"row": row, "of": of, "jobs": jobs, "allowed": ALLOWED[row, of],
             "median": statistics.median(a / b for a, b in zip(walls[row], walls[of], strict=True))} for row, of in pairs]


def tell_rows(run, result):
    run.say(f"wall time per test in ms, {result['tests']} tests in four binaries, {result['rounds']} rounds")
    run.say(f"{'row':15} {'jobs':>4} {'min':>8} {'median':>8} {'max':>8}")
    for entry in result["rows"]:
        each = [wall * 1000 / result["tests"] for wall in entry["wall_s"]]
        run.say(f"{entry['row']:15} {entry['jobs']:4} {min(each):8.3f} {statistics.median(each):8.3f} {max(each):8.3f}")
    for entry in result["ratios"]:
        run.say(f"{entry['row']} / {entry['of']}, {entry['jobs']} jobs: {entry['median']:.2f} (allowed {entry['allowed']})")


def tell_scaling(run, scaling):
    run.say("\nhow it grows, as root")
    for entry in scaling:
        peak = entry["peak_kib"] / 1024
        run.say(f"{entry['tests']:6} tests  {entry['wall_ms_per_test']:8.3f} ms a test  supervisor's peak {peak:6.1f} MiB")


def tell_suites(run, suites):
    for suite in suites:
        run.say(f"\n{suite['tests']} tests in {suite['binaries']} binaries, called through cargo, nothing to build: median ms")
        built = suite["wall_s"]["cargo test --no-run"]
        for name, walls in suite["wall_s"].items():
            more = statistics.median(wall - least for wall, least in zip(walls, built, strict=True))
            run.say(f"{name:20} {statistics.median(walls) * 1000:8.0f}  over cargo alone {more * 1000:8.0f}")


def missed_ratios(result):
    """Those over their limit, and those of rows that are not there."""
    measured = {(entry["row"], entry["of"]) for entry in result["ratios"]}
    return [f"{row} / {of} could not be measured" for row, of in ALLOWED if (row, of) not in measured] + [
        f"{entry['row']} / {entry['of']} with {entry['jobs']} jobs is {entry['median']:.2f}, allowed is {entry['allowed']}"
        for entry in result["ratios"] if entry["median"] > entry["allowed"]]


def missed_memory(result):
    if not result["scaling"]:
        return ["the supervisor's memory could not be measured"]
    return [f"the supervisor takes {entry['peak_kib']} KiB for {entry['tests']} tests, allowed is {ALLOWED_PEAK_KIB}"
            for entry in result["scaling"] if entry["peak_kib"] > ALLOWED_PEAK_KIB]


def missed_growth(result):
    scaling = result["scaling"]
    if len(scaling) < 2:
        return ["how the time grows could not be measured"]
    grown = [(larger["tests"], larger["wall_ms_per_test"] / smaller["wall_ms_per_test"])
             for smaller, larger in itertools.pairwise(scaling)]
    return [f"one of {tests} tests takes {growth:.2f} times as long as in the smaller run, allowed is {ALLOWED_GROWTH}"
            for tests, growth in grown if growth > ALLOWED_GROWTH]


# What can be enforced.
JUDGES = {"ratios": missed_ratios, "memory": missed_memory, "growth": missed_growth}
