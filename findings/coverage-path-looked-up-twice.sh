#!/usr/bin/env bash
# A program that rustc 1.95.0 instruments for coverage looks a relative LLVM_PROFILE_FILE up twice: at its start it makes the
# directories and an empty file, and at its end it opens the path again from wherever it stands then, making no directory. After a
# chdir the profile is lost with a line on standard error and exit status 0, or it is in another directory than the empty file that
# a tool finds. With %m in the name nothing is made at the start, and at the end the directories are made in the new place.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export RUSTUP_HOME=$work/rustup
rustup toolchain install 1.95.0 --profile minimal --no-self-update >install.log 2>&1 || { cat install.log; exit 1; }
cat >moves.rs <<'END'
fn main() {
    if let Some(place) = std::env::args().nth(1) {
        std::env::set_current_dir(place).unwrap();
    }
}
END
rustup run 1.95.0 rustc -C instrument-coverage moves.rs

profiles() { find . -name '*.profraw' -printf '%P %s\n' | sed 's/ 0$/ empty/; s/ [0-9]*$/ whole/; s|[0-9]*_0\.|M.|' | LC_ALL=C sort; }
expect() {
    diff <(printf '%s\n' "$2") <(profiles) || { echo "$1: other profiles than expected"; exit 1; }
    echo "== $1"
    profiles
    find . -name '*.profraw' -delete
    rm -rf made there/made
}

mkdir there
LLVM_PROFILE_FILE=made/p.profraw ./moves
expect "a program that stays" "made/p.profraw whole"

LLVM_PROFILE_FILE=made/p.profraw ./moves there 2>errors
grep -q 'Failed to write file "made/p.profraw"' errors
expect "a program that moves: the profile is lost, and its exit status is 0" "made/p.profraw empty"

mkdir there/made
LLVM_PROFILE_FILE=made/p.profraw ./moves there
expect "a program that moves to where the directory exists" "made/p.profraw empty
there/made/p.profraw whole"

LLVM_PROFILE_FILE=made/%m.profraw ./moves there
expect "the same with %m" "there/made/M.profraw whole"
echo "as stated"
