#!/usr/bin/env bash
# insta 1.49.0 writes what inline snapshots are to become, a line each, to one `.pending-snap` file; whoever reads it for a review
# takes the lines of the last run id only. A run id is a process's own unless NEXTEST_RUN_ID is set: of two processes of the
# same test binary, each with a new value, the first one's is in the file, but is never offered.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src tests
cat >Cargo.toml <<'END'
[package]
name = "pending"
version = "0.1.0"
edition = "2024"

[dependencies]
insta = { version = "=1.49.0", features = ["_cargo_insta_internal"] }

[workspace]
END
: >src/lib.rs
cat >src/main.rs <<'END'
use insta::_cargo_insta_support::PendingInlineSnapshot;
use std::path::Path;

fn main() {
    let file = Path::new("tests/.t.rs.pending-snap");
    let lines = std::fs::read_to_string(file).expect("a file").lines().count();
    let offered = PendingInlineSnapshot::load_batch(file).expect("pending snapshots").len();
    println!("{lines} written, {offered} offered");
}
END
cat >tests/t.rs <<'END'
#[test]
fn first() {
    insta::assert_snapshot!("one", @"");
}

#[test]
fn second() {
    insta::assert_snapshot!("two", @"");
}
END
unset NEXTEST_RUN_ID
cargo test --no-run --test t 2>build.log || { cat build.log; exit 1; }
binary=$(sed -n 's/^ *Executable .*(\(.*\))$/\1/p' build.log)
export CARGO_MANIFEST_DIR=$work INSTA_UPDATE=new INSTA_FORCE_PASS=1

each() {
    rm -f tests/.t.rs.pending-snap
    for name in first second; do "$binary" --exact "$name" >"$name.log" 2>&1; done
    cargo run --quiet
}

echo "two processes: $(each | tee apart.log)"
echo "two processes with one NEXTEST_RUN_ID: $(NEXTEST_RUN_ID=one each | tee together.log)"
[ "$(cat apart.log)" = "2 written, 1 offered" ]
[ "$(cat together.log)" = "2 written, 2 offered" ]
echo "as stated"
