"""Every line that the program writes for machines is as the published schema says, names no member besides, and wrong ones are refused."""

import copy
import json
import pathlib
import subprocess
import tempfile
import time

import needs
import places
from running import CheckError

NEEDS = needs.Needs(linters=True)

PUBLISHED = places.ROOT / "cargo-isotest/lines.schema.json"
PROGRAM = places.DEBUG / "cargo-isotest"

# Reads lines, and lines that are wrong. Says which the schema judges otherwise, and which have members that it does not name: lines
# may have more, but the schema is to be complete.
JUDGE = """
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(schema)
published = jsonschema.Draft7Validator(schema)

def close(part):
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        close(inner)
    if isinstance(part, dict):
        each = [*part.get("properties", {}).values(), part.get("items"), part.get("additionalProperties")]
        for inner in each:
            if isinstance(inner, dict) and inner:
                inner["unevaluatedProperties"] = False

close(schema)
schema["unevaluatedProperties"] = False
# Only later versions of the language know the word.
schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
closed = jsonschema.Draft202012Validator(schema)
right, wrong = json.load(open(sys.argv[2]))
for line in right:
    for name, validator in [("published", published), ("closed", closed)]:
        errors = list(validator.iter_errors(line))
        if errors:
            print(name, jsonschema.exceptions.best_match(errors).message[:1000], json.dumps(line)[:1000])
            break
for line in wrong:
    if published.is_valid(line):
        print("taken for right:", json.dumps(line)[:1000])
"""

MANIFEST = '[package]\nname = "all"\nedition = "2024"\n[lib]\ndoctest = false\ntest = false\n[workspace]\n'

# A test for each verdict, and for each thing that only some attempts have.
VERDICTS = r"""
use std::process::{Command, abort};
use std::thread::sleep;
use std::time::Duration;

#[test]
fn passes() {
    eprintln!("region parse: 84 ms, 83 ms cpu, peak 318.5 MiB, 4 KiB read, 8 KiB written");
    std::fs::write("beside", "").unwrap();
}

#[test]
fn fails() {
    std::fs::write("new.snap.new", "").unwrap();
    std::fs::write("beside", "").unwrap();
    panic!("no");
}

#[test]
fn ends_by_a_signal() {
    abort();
}

#[test]
fn does_not_end() {
    let _child = Command::new("sleep").arg("60").spawn();
    sleep(Duration::from_secs(60));
}

#[test]
fn wants_much() {
    let much = vec![1_u8; 512 << 20];
    assert_ne!(std::hint::black_box(&much)[5], 0);
}

#[test]
fn is_over_budget() {
    sleep(Duration::from_millis(100));
}

#[test]
fn leaves_a_process() {
    let _ = Command::new("sleep").arg("60").spawn();
}

#[test]
fn passes_at_last() {
    assert_eq!(std::env::var("NEXTEST_ATTEMPT").as_deref(), Ok("2"));
}

#[test]
fn takes_a_second() {
    sleep(Duration::from_millis(1300));
}

#[test]
#[ignore]
fn is_ignored() {}
"""

# The second cannot be executed any more.
BINARY = """
#[test]
fn a_removes_its_binary() {
    std::fs::remove_file(std::env::current_exe().unwrap()).unwrap();
}

#[test]
fn b_has_none() {}
"""

TOGETHER = "#[test]\nfn one() {}\n\n#[test]\nfn other() {\n    assert!(std::env::var_os(\"UPDATE_EXPECT\").is_none());\n}\n"

CONFIGURATION = """
[test-groups]
few = { max-threads = 1 }

[scripts.setup.data]
command = "true"

[scripts.setup.broken]
command = "sh -c 'echo no >&2; exit 3'"

[scripts.setup.endless]
command = "sh -c 'touch $MARKS/begun; sleep 60'"

[[profile.default.scripts]]
filter = 'test(passes)'
setup = "data"

[[profile.default.overrides]]
filter = 'test(does_not_end)'
timeout = "1s"
slow-timeout = "500ms"

[[profile.default.overrides]]
filter = 'test(wants_much)'
memory-limit = "64MiB"

[[profile.default.overrides]]
filter = 'test(is_over_budget)'
budget = { memory = "4 GiB", wall = "1 ms", procs = 50 }

[[profile.default.overrides]]
filter = 'test(passes_at_last)'
retries = 1
priority = 5

[[profile.default.overrides]]
filter = 'test(takes_a_second) or test(=fails)'
test-group = "few"
threads-required = "num-test-threads"

[profile.broken]
[[profile.broken.scripts]]
setup = "broken"

[profile.endless]
[[profile.endless.scripts]]
setup = "endless"
"""

FILES = {"Cargo.toml": MANIFEST, "src/lib.rs": "", "tests/verdicts.rs": VERDICTS, "tests/binary.rs": BINARY, "tests/together.rs": TOGETHER,
         ".config/isotest.toml": CONFIGURATION, ".config/isotest-budgets.toml": '["all::verdicts"]\ngone = { memory = "64 MiB" }\n'}

TYPES = {"run-started", "waiting", "setup-finished", "setup-interrupted", "attempt-slow", "attempt-finished", "attempt-interrupted",
         "retries-dropped", "process-finished", "run-finished", "command-finished", "test", "runs", "evidence", "budget",
         "budget-problem", "fit", "closure", "setting", "doctor"}
OUTCOMES = {"passed", "failed", "signaled", "timed-out", "over-budget", "leaked", "flaky", "not-isolated"}
PARTS = {"memory_samples", "regions", "budget", "growth", "autopsy", "error", "evidence", "keep", "iteration", "test_group",
         "threads_required", "priority", "shard", "shared_sandboxes", "test_groups", "shuffle_seed"}


def check(run):
    run.build()
    shown = run.read([PROGRAM, "isotest", "report", "--schema"])
    if shown != PUBLISHED.read_text():
        raise CheckError(f"{PUBLISHED.relative_to(places.ROOT)} is not what `report --schema` prints")
    with tempfile.TemporaryDirectory(prefix="isotest-lines.") as name:
        place = pathlib.Path(name)
        project = place / "all"
        for path, text in FILES.items():
            file = project / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        right = [json.loads(line) for line in written(project, place)]
        wrong = list(mistaken(right))
        texts = place / "lines.json"
        texts.write_text(json.dumps([right, wrong]))
        lacking(right)
        run.say(f"{len(right)} lines that were written, {len(wrong)} that are wrong")
        judged = run.read([needs.tool("python"), "-c", JUDGE, PUBLISHED, texts])
        if judged:
            raise CheckError(f"the schema judges otherwise:\n{judged}")
        # As a reader would: one line, by another program.
        for number, (line, status) in enumerate([(right[0], 0), (right[-1], 0), (wrong[0], 1), (wrong[-1], 1)]):
            file = place / f"{number}.json"
            file.write_text(json.dumps(line))
            run.call([needs.tool("check-jsonschema"), "--schemafile", PUBLISHED, file], accept=(status,))


def written(project, place):
    """All lines of several runs and commands."""
    target = place / "target"
    here = ["--manifest-path", project / "Cargo.toml", "--target-dir", target]
    results, usage = place / "run.jsonl", place / "usage.json"

    def lines(*words, accept=(0,), variables=()):
        done = call(project, place, words, variables)
        said, told = done.communicate()
        if done.returncode not in accept:
            raise CheckError(f"`{' '.join(map(str, words))}` ended with {done.returncode}:\n{told}")
        return said.splitlines()

    def of_run(*words, accept=(0, 100), variables=()):
        return lines("--message-format", "json", *words, *here, "--no-fail-fast", accept=accept, variables=variables)

    for _ in range(2):
        yield from of_run("--test", "verdicts", "--save-baseline", "main", "takes_a_second")
    yield from of_run("--test", "verdicts", "-j", "2", "--baseline", "main", "--shuffle", "--report", f"json={results}")
    yield from of_run("--test", "verdicts", "-j", "2", "--stress-count", "2", "--baseline", "main", "passes", "takes_a_second")
    yield from of_run("--test", "verdicts", "--partition", "hash:1/2", "--retries", "1", "--off", "io,disk", "fails", "passes")
    yield from of_run("--test", "binary", "-j", "1", "--bind", f"{target}:rw", accept=(98,))
    yield from of_run("--test", "together", "--per-binary")
    yield from of_run("--test", "together", accept=(100,), variables={"UPDATE_EXPECT": "1"})
    yield from of_run("--test", "together", "-P", "broken", accept=(105,))
    yield from interrupted(project, place, here)
    yield from of_run("--test", "verdicts", "--global-timeout", "2s", "--timeout", "60s", "--retries",
                      '{ backoff = "fixed", count = 9, delay = "1m" }', "does_not_end", "fails", "passes", accept=(100,))
    yield from results.read_text().splitlines()
    lines("exec", "--usage-json", usage, "--", "true")
    yield from usage.read_text().splitlines()
    json_lines = ["--message-format", "json"]
    yield from lines("list", *json_lines, *here)
    yield from lines("evidence", *json_lines, *here)
    yield from lines("budgets", "list", *json_lines, *here)
    yield from lines("budgets", "check", *json_lines, *here, accept=(96,))
    yield from lines("fit", *json_lines, results)
    yield from lines("closure", *json_lines, "/bin/true")
    yield from lines("show-config", *json_lines, *here)
    yield from lines("show-config", *json_lines, *here, "--timeout", "3s", "passes_at_last", variables={"ISOTEST_JOBS": "2"})
    yield from lines("doctor", *json_lines, accept=(0, 1, 102))
    yield from seen_running(project, place, here, lines)


def interrupted(project, place, here):
    """What a run writes that is ended while a setup script is running."""
    marks = place / "marks"
    marks.mkdir()
    words = ["--message-format", "json", "--test", "together", "-P", "endless", "--bind", f"{marks}:rw", *here]
    running = call(project, place, words, {"MARKS": str(marks)})
    for _ in range(300):
        if (marks / "begun").exists():
            break
        time.sleep(0.1)
    running.terminate()
    return running.communicate()[0].splitlines()


def seen_running(project, place, here, lines):
    """What `ps` writes while a test is running."""
    running = call(project, place, ["--test", "verdicts", *here, "--timeout", "20s", "does_not_end"], ())
    try:
        for _ in range(100):
            looks = lines("ps", "--full", "--message-format", "json")
            if any(attempt["picture"] for run in json.loads(looks[0])["runs"] for attempt in run["attempts"]):
                return looks
            time.sleep(0.1)
        raise CheckError("`ps` does not see a test that is running")
    finally:
        running.terminate()
        running.communicate()


def call(project, place, words, variables):
    """Starts the program in a project, with a state of its own."""
    environment = {"HOME": "/root", **needs.os.environ, "XDG_STATE_HOME": str(place / "state"), **dict(variables)}
    return subprocess.Popen([PROGRAM, "isotest", *map(str, words)], cwd=project, env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lacking(lines):
    """Fails unless each type, each outcome and each part that not every line has is among the lines."""
    has = {line["type"] for line in lines}, {line.get("outcome") for line in lines}, {part for line in lines for part in line}
    for wanted, found in zip((TYPES, OUTCOMES, PARTS), has, strict=True):
        if wanted - found:
            raise CheckError(f"no line has {', '.join(sorted(wanted - found))}")


def mistaken(lines):
    """Of the first line of each type: without its type, of an unknown one, and with each member missing or of another kind."""
    first = {}
    for line in lines:
        first.setdefault(line["type"], line)
    # What passes has no output.
    optional = PARTS | {"machine", "suspect", "setup_us", "teardown_us", "stdout", "stdout_dropped_bytes", "stderr", "stderr_dropped_bytes"}
    for line in first.values():
        yield {**line, "type": "unheard-of"}
        for member in line:
            if member not in optional:
                less = copy.deepcopy(line)
                del less[member]
                yield less
            # No member is a fraction, and values of settings can be anything.
            if (line["type"], member) != ("setting", "value"):
                yield {**line, member: 0.5}
