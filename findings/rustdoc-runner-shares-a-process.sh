#!/usr/bin/env bash
# rustdoc 1.95.0 gives each doctest of a crate of edition 2024 a process of its own only where cargo has no runner for the target. With
# any (here `env`, which changes nothing) it says that they run in the same process, and there `std::process::exit(0)` in one doctest
# ends all: cargo's exit status is 0, no result is printed, and a doctest that fails after it has not run. Without the runner, or
# with edition 2021, the same doctests end with status 101 and "2 passed; 1 failed".
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export RUSTUP_HOME=$work/rustup CARGO_TARGET_DIR=$work/target
rustup toolchain install 1.95.0 --profile minimal --no-self-update >install.log 2>&1 || { cat install.log; exit 1; }
host=$(rustup run 1.95.0 rustc -vV | sed -n 's/^host: //p')
mkdir src
cat >src/lib.rs <<'RUST'
//! ```
//! assert!(true);
//! ```

/// ```
/// std::process::exit(0);
/// ```
pub fn leaves() {}

/// ```
/// assert_eq!(1 + 1, 3);
/// ```
pub fn wrong() {}
RUST

for expected in "2021 none 101 2 passed; 1 failed" "2021 env 101 2 passed; 1 failed" \
    "2024 none 101 2 passed; 1 failed" "2024 env 0 no result"; do
    read -r edition runner status result <<<"$expected"
    printf '[package]\nname = "doctested"\nversion = "0.1.0"\nedition = "%s"\n\n[workspace]\n' "$edition" >Cargo.toml
    options=()
    if [ "$runner" != none ]; then options=(--config "target.$host.runner = '$runner'"); fi
    rustup run 1.95.0 cargo test "${options[@]}" --doc -- --test-threads=1 >run.log 2>&1 && seen=0 || seen=$?
    said=$(sed -n 's/^test result: .*\. \([0-9]* passed; [0-9]* failed\);.*/\1/p' run.log)
    echo "edition $edition, runner $runner: exit status $seen, ${said:-no result}"
    if [ "$seen" != "$status" ] || [ "${said:-no result}" != "$result" ]; then cat run.log; exit 1; fi
done
grep 'doctests will be run in the same process' run.log
echo "as stated"
