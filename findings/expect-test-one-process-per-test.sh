#!/usr/bin/env bash
# expect-test 1.5.1 patches a source file by the line numbers that were compiled in. Where each test is a process of
# its own and the new values have other numbers of lines, a later process changes the literal of another test: b's update fails
# with a panic in expect-test, and c passes although its value now stands in the `expect!` of b. One process for all is right.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src" "$work/tests"
cd "$work"
export CARGO_TARGET_DIR=$work/target
cat >Cargo.toml <<'END'
[package]
name = "patched"
version = "0.1.0"
edition = "2024"

[dev-dependencies]
expect-test = "=1.5.1"

[workspace]
END
: >src/lib.rs
cat >original <<'END'
use expect_test::expect;
#[test] fn a() { expect![""].assert_eq("one\ntwo\n"); }


#[test] fn b() { expect![""].assert_eq("four\n"); }


#[test] fn c() { expect![""].assert_eq("seven\n"); }
END
cp original tests/t.rs
cargo test --quiet --no-run --test t 2>build.log || { cat build.log; exit 1; }
binary=$(cargo test --no-run --test t 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
# As cargo sets it; expect-test looks for the sources from there.
export CARGO_MANIFEST_DIR=$work

echo "== one process for three tests"
UPDATE_EXPECT=1 "$binary" --test-threads=1 >together.log 2>&1 && together=0 || together=$?
cp tests/t.rs together.rs
echo "exit status $together"; cat together.rs

echo "== one process for each test"
cp original tests/t.rs
statuses=""
for name in a b c; do
    UPDATE_EXPECT=1 "$binary" --exact "$name" >"$name.log" 2>&1 && statuses+="$name:0 " || statuses+="$name:$? "
done
echo "exit statuses $statuses"; cat tests/t.rs

literal_of() { awk -v test="fn $1()" 'index($0, "#[test]") {inside = index($0, test)} inside' "$2"; }
[ "$together" = 0 ]
literal_of b together.rs | grep -q four
literal_of c together.rs | grep -q seven
[ "$statuses" = "a:0 b:101 c:0 " ]
literal_of b tests/t.rs | grep -q seven
if literal_of c tests/t.rs | grep -q '^ *seven'; then exit 1; fi
echo "as stated"
