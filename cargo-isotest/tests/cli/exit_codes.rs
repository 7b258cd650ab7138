//! How the process ends, and what it says then.

use crate::call::{bare, isotest};
use crate::project::Project;
use serde_json::Value;
use std::fs::{self, File};
use std::time::{Duration, Instant};

#[test]
fn all_passed() {
    isotest(&Project::fixture("passing")).run().with_code(0);
}

#[test]
fn nonsense_on_the_command_line() {
    let ended = isotest(&Project::fixture("passing")).arguments(["--require", "gravity"]).run().with_code(2);
    for word in ["user", "copy-on-write", "memory", "pressure"] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    assert_eq!(ended.stdout, "");
    let ended = isotest(&Project::fixture("passing")).arguments(["--timeout", "0s"]).run().with_code(2);
    assert!(
        ended.stderr.starts_with("error: `--timeout 0s`: the time limit of a test must be greater than 0\n"),
        "{}",
        ended.stderr
    );
    let both = ["--prefer", "memory", "--memory-limit", "1GiB"];
    let ended = isotest(&Project::fixture("passing")).arguments(both).run().with_code(2);
    assert!(ended.stderr.contains(": a limit requires the metric that it limits\n"), "{}", ended.stderr);
}

#[test]
fn a_report_that_cannot_be_written() {
    let passing = Project::fixture("passing");
    for arguments in [&["--message-format", "human"][..], &["--message-format", "json"], &["list"]] {
        let mut call = isotest(&passing).arguments(arguments);
        call.command.stdout(File::create("/dev/full").unwrap());
        let ended = call.run().with_code(70);
        let expected = "error: cannot write the output: No space left on device (os error 28)\n";
        assert_eq!(ended.stderr.matches(expected).count(), 1, "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn no_manifest() {
    let empty = tempfile::tempdir().unwrap();
    let ended = bare().within(empty.path()).run().with_code(102);
    assert!(ended.stderr.contains("could not find `Cargo.toml`"), "{}", ended.stderr);
    let ended = bare().arguments(["--manifest-path", "/nowhere/Cargo.toml"]).run().with_code(102);
    assert!(ended.stderr.contains("/nowhere/Cargo.toml"), "{}", ended.stderr);
}

#[test]
fn a_project_that_does_not_build() {
    let ended = isotest(&Project::fixture("does_not_build")).run().with_code(101);
    assert!(ended.stderr.contains("error[E0308]: mismatched types"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--> src/lib.rs:"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_name_that_no_test_has() {
    let ended = isotest(&Project::fixture("passing")).arguments(["no_such_test"]).run().with_code(4);
    assert!(ended.stderr.contains("no tests to run: 2 filtered out"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: `cargo isotest list` names the tests; "), "{}", ended.stderr);
    assert!(ended.stderr.contains("the id of a binary, or a whole line"), "{}", ended.stderr);
}

#[test]
fn nothing_but_doctests() {
    let place = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"told\"\nedition = \"2024\"\n[workspace]\n";
    let text = "/// ```\n/// told::counts();\n/// ```\npub fn counts() {}\n";
    let told = Project::written(place.path(), &[("Cargo.toml", manifest), ("src/lib.rs", text)]);
    let ended = isotest(&told).run().with_code(4);
    let expected = "error: no tests to run: the selected targets have none; doctests are run by `--doc`, not here: told\n";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: `cargo isotest --doc` runs doctests"), "{}", ended.stderr);
    let ended = isotest(&told).arguments(["--lib"]).run().with_code(4);
    assert!(!ended.stderr.contains("doctests"), "cargo would not run them either: {}", ended.stderr);
}

#[test]
fn a_binary_that_cannot_list_its_tests() {
    let unlistable = Project::fixture("unlistable");
    let ended = isotest(&unlistable).arguments(["--test", "crashes"]).run().with_code(104);
    let expected = "cannot list the tests of `unlistable::crashes`: it was ended by signal SIGABRT";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    // An editor hears of the binary, too.
    let call = isotest(&unlistable).arguments(["--test", "crashes", "--message-format", "libtest-json-plus"]);
    let ended = call.run().with_code(104);
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> = lines.iter().map(|line| (&line["type"], &line["event"])).collect();
    let [suite, started, failed] = ["suite", "started", "failed"].map(Value::from);
    assert_eq!(seen, [(&suite, &started), (&suite, &failed)]);
    assert_eq!(lines[0]["nextest"]["test_binary"], "crashes");
}

#[test]
fn a_binary_that_takes_too_long_to_list_its_tests() {
    let unlistable = Project::fixture("unlistable");
    let call = isotest(&unlistable).arguments(["--test", "hangs", "--list-timeout", "1s"]);
    let began = Instant::now();
    let ended = call.run().with_code(104);
    assert!(began.elapsed() < Duration::from_mins(1), "as long as without the flag");
    let expected = "cannot list the tests of `unlistable::hangs`: it did not end within 1s, the time of \
                    `--list-timeout`";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
}

#[test]
fn a_standard_harness_that_is_not_reached() {
    let unlistable = Project::fixture("unlistable");
    let ended = isotest(&unlistable).arguments(["--test", "refuses"]).run().with_code(104);
    let expected = "cannot list the tests of `unlistable::refuses`: it exited with status 3, its last words being \
                    `no configuration`";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_binary_that_is_no_program() {
    let place = tempfile::tempdir().unwrap();
    let passing = Project::copied("passing", place.path());
    isotest(&passing).arguments(["list"]).run().with_code(0);
    for text in ["", "not a program"] {
        fs::write(passing.binary("outside"), text).unwrap();
        let ended = isotest(&passing).run().with_code(104);
        assert!(ended.stderr.contains("`passing::outside`"), "{}", ended.stderr);
        assert!(ended.stderr.contains("Exec format error"), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("hint: the file is neither an executable for this architecture"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn cargo_reports_as_it_does_by_itself() {
    let place = tempfile::tempdir().unwrap();
    let files = [
        ("Cargo.toml", "[package]\nname = \"warned\"\nedition = \"2024\"\n[workspace]\n"),
        ("src/lib.rs", "fn nobody_calls() {}\n#[test]\nfn passes() {}\n"),
    ];
    let ended = isotest(&Project::written(place.path(), &files)).run().with_code(0);
    assert!(ended.stderr.contains("warning: function `nobody_calls` is never used"), "{}", ended.stderr);
    assert!(ended.stderr.contains("    Finished `test` profile"), "{}", ended.stderr);
}
