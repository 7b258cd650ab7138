#!/usr/bin/env bash
# cargo-nextest 0.9.143, asked for the lines of Rust's test harness (`--message-format libtest-json`), counts an ignored test among
# those that have ended: with one of three tests ignored it ends the suite a test too early, and then starts and ends it once more.
# Whoever adds suites up finds the ignored test twice, and six tests. The harness itself has one suite for them.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cargo install --quiet --locked --debug --root "$work/tools" --target-dir "$work/tools-target" cargo-nextest@0.9.143
rm -rf "$work/tools-target"
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "suite"
version = "0.1.0"
edition = "2021"

[workspace]
END
cat >src/lib.rs <<'END'
#[cfg(test)]
mod tests {
    #[test]
    fn first() {}
    #[test]
    #[ignore]
    fn later() {}
    #[test]
    fn second() {}
}
END
export CARGO_TARGET_DIR=$work/target
NEXTEST_EXPERIMENTAL_LIBTEST_JSON=1 "$work/tools/bin/cargo-nextest" nextest run --message-format libtest-json >nextest.jsonl 2>nextest.log ||
    { cat nextest.log; exit 1; }
# The lines of the harness are unstable, and nextest sets the same variable for itself.
RUSTC_BOOTSTRAP=1 cargo test --quiet --lib -- -Z unstable-options --format json >harness.jsonl 2>harness.log || { cat harness.log; exit 1; }

python3 - <<'END'
import json
import sys


def suites(path):
    """The ends of suites: how many tests each says it had, passed and ignored."""
    lines = [json.loads(line) for line in open(path) if line.strip()]
    counts = [line["test_count"] for line in lines if (line["type"], line["event"]) == ("suite", "started")]
    ends = [(line["passed"], line["ignored"]) for line in lines if (line["type"], line["event"]) == ("suite", "ok")]
    return counts, ends


seen = {"harness": suites("harness.jsonl"), "nextest": suites("nextest.jsonl")}
expected = {"harness": ([3], [(2, 1)]), "nextest": ([3, 3], [(1, 1), (1, 1)])}
print("suites as (tests announced, [(passed, ignored)]):", seen)
sys.exit(0 if seen == expected else f"expected {expected}")
END
