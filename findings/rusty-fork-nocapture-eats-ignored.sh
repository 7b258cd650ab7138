#!/usr/bin/env bash
# rusty-fork 0.3.1 takes libtest's `--nocapture` for a flag with a value: it leaves out the argument behind it where it starts the
# process of a test. With `--nocapture --ignored` that process ignores its test and ends with 0, so an ignored test that
# is wrong has passed, and never ran; with `--ignored --nocapture` it fails. So it is with test-fork 0.1.7. proptest 1.12.0 forks by
# rusty-fork: an ignored property that holds fails in the first order. `--no-capture`, as libtest's help (Rust 1.95) spells it, fails
# each test of rusty-fork: UnknownFlag.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "forked"
version = "0.1.0"
edition = "2024"

[dev-dependencies]
proptest = { version = "=1.12.0", default-features = false, features = ["std", "fork"] }
rusty-fork = { version = "=0.3.1", default-features = false }
test-fork = "=0.1.7"

[workspace]
END
cat >src/lib.rs <<'END'
#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusty_fork::rusty_fork_test;

    rusty_fork_test! {
        #[test]
        fn right() {
            assert_eq!(1 + 1, 2);
        }

        #[test]
        #[ignore]
        fn wrong() {
            panic!("wrong has run");
        }
    }

    #[test_fork::test]
    #[ignore]
    fn too() {
        panic!("too has run");
    }

    proptest! {
        #![proptest_config(ProptestConfig { fork: true, cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        #[ignore]
        fn holds(number in 0u8..9) {
            prop_assert!(number < 9);
        }
    }
}
END
cargo test --quiet --no-run >build.log 2>&1 || { cat build.log; exit 1; }

# The last result is that of the whole run; those before it are of the processes of single tests.
outcome_of() {
    cargo test --quiet --lib -- --exact "tests::$1" "${@:2}" >run.log 2>&1 || true
    sed -n 's/^test result: [A-Za-z]*\. \([0-9]* passed; [0-9]* failed\);.*/\1/p' run.log | tail -n 1
}

while read -r name arguments expected said; do
    read -ra flags <<<"${arguments//,/ }"
    seen=$(outcome_of "$name" "${flags[@]}")
    echo "$name, ${flags[*]}: $seen"
    [ "$seen" = "$expected passed; $((1 - expected)) failed" ]
    grep -F "$said" run.log
done <<'END'
wrong --ignored,--nocapture 0 wrong has run
wrong --nocapture,--ignored 1 test result: ok. 0 passed; 0 failed; 1 ignored
too --ignored,--nocapture 0 too has run
too --nocapture,--ignored 1 test result: ok. 0 passed; 0 failed; 1 ignored
holds --ignored,--nocapture 1 test result: ok. 1 passed; 0 failed; 0 ignored
holds --nocapture,--ignored 0 Child process crashed or timed out before the first test started
right --nocapture 1 test result: ok. 1 passed; 0 failed; 0 ignored
right --no-capture 0 UnknownFlag("--no-capture")
END
echo "as stated"
