#!/usr/bin/env bash
# divan 0.1.21 understands the arguments by which test runners ask for the list of a binary (`--list --format terse`) only where the
# environment has NEXTEST=1; otherwise they are a usage error. With the variable, a name that no benchmark has, asked for by
# `--exact`, ends with exit status 0 and without a word.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src benches
cat >Cargo.toml <<'END'
[package]
name = "listed"
version = "0.1.0"
edition = "2024"

[dev-dependencies]
divan = "=0.1.21"

[[bench]]
name = "sums"
harness = false

[workspace]
END
: >src/lib.rs
cat >benches/sums.rs <<'END'
fn main() {
    divan::main();
}

#[divan::bench]
fn adds() -> u32 {
    1 + 1
}
END
unset NEXTEST
cargo test --no-run --bench sums 2>build.log || { cat build.log; exit 1; }
binary=$(sed -n 's/^ *Executable .*(\(.*\))$/\1/p' build.log)

"$binary" --list --format terse >plain.log 2>&1 && plain=0 || plain=$?
echo "without NEXTEST: exit status $plain"; cat plain.log
NEXTEST=1 "$binary" --list --format terse >nextest.log 2>&1 && with=0 || with=$?
echo "with NEXTEST=1: exit status $with"; cat nextest.log
NEXTEST=1 "$binary" --exact sums::multiplies >none.log 2>&1 && none=0 || none=$?
echo "a name that is not there: exit status $none, $(wc -c <none.log) bytes"

[ "$plain" = 2 ] && grep -q 'unexpected argument' plain.log
[ "$with" = 0 ] && grep -q '^sums::adds: benchmark$' nextest.log
[ "$none" = 0 ] && [ "$(tr -d '[:space:]' <none.log | wc -c)" = 0 ]
echo "as stated"
