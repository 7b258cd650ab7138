#!/usr/bin/env bash
# Measures `cargo isotest` against `cargo nextest run`, against that with bubblewrap around each test, and against a bare
# spawn loop, in one run with the rounds interleaved. Options are those of bench/measure.py (`ci/bench.sh --help`).
#
# Builds everything first. Needs root (for the row of an ordinary user), cargo-nextest and bubblewrap.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
bench=$target/bench
mkdir -p "$bench/bin"

if cargo build --release --quiet --workspace --bins; then
    cp "$target/release/cargo-isotest" "$bench/bin/"
else
    echo "warning: cargo-isotest does not build, its rows are left out" >&2
    rm -f "$bench/bin/cargo-isotest"
fi
for program in floor stopwatch; do
    rustc --edition 2024 -O -o "$bench/bin/$program" "$here/bench/$program.rs"
done
exec env -u CARGO_TARGET_DIR python3 "$here/bench/measure.py" --directory "$bench" "$@"
