#!/usr/bin/env bash
# test-case =3.3.1 does not fix the names of tests: they come from test-case-macros, for which it takes any later version 3.
# Version 3.4.1 of that numbers each case: `one` of 3.3.1 is `test_case_1_one`, and `_3_expects` is `test_case_3_3_expects`.
# Without a lock file, whatever selects or remembers tests by whole names loses them although nothing was updated on purpose.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cd "$work"
export CARGO_TARGET_DIR=$work/target
cat >Cargo.toml <<'END'
[package]
name = "named"
version = "0.1.0"
edition = "2021"

[dev-dependencies]
test-case = "=3.3.1"

[workspace]
END
cat >src/lib.rs <<'END'
#[cfg(test)]
mod tests {
    use test_case::test_case;

    #[test_case(1; "one")]
    #[test_case(3)]
    fn is_small(number: u32) {
        assert!(number < 4);
    }
}
END
cargo generate-lockfile --quiet

names_with() {
    cargo update --quiet --package test-case-macros --precise "$1" >&2
    cargo update --quiet --package test-case-core --precise "$1" >&2
    cargo test --quiet --lib -- --list 2>list.log | sed -n 's/^tests::is_small::\(.*\): test$/\1/p' | sort | paste -sd' '
}

for macros in 3.3.1 3.4.1; do
    names=$(names_with "$macros")
    facade=$(cargo tree --quiet --edges dev --depth 1 --prefix none | grep '^test-case ')
    echo "$facade with test-case-macros $macros: $names"
    case $macros in
    3.3.1) [ "$names" = "_3_expects one" ] ;;
    *) [ "$names" = "test_case_1_one test_case_2_3_expects" ] ;;
    esac
    [ "$facade" = "test-case v3.3.1" ]
done
echo "as stated"
