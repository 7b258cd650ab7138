//! Tests that mean harm reach neither the report nor the host.

use crate::call::isotest;
use crate::project::Project;
use std::fs;

#[test]
fn output_that_imitates_ours_changes_nothing() {
    let adversaries = Project::fixture("adversaries");
    let call = || isotest(&adversaries).arguments(["--test", "imitates", "--color", "never"]);
    let ended = call().run().with_code(100);
    let forged: Vec<_> = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with("        PASS") && line.contains("never_written"))
        .collect();
    assert!(forged.is_empty(), "{forged:?}");
    assert!(!ended.stdout.contains('\x1b'), "{:?}", ended.stdout);
    assert_eq!(ended.word("and_fails"), "FAIL");
    assert_eq!(ended.word("and_passes"), "PASS");
    assert_eq!(ended.word("a_harness_without_tests"), "PASS");
    let (_, lines) = call().lines();
    assert_eq!(lines.attempts.len(), 3);
    assert!(lines.attempts.iter().all(|attempt| attempt["name"] != "never_written"));
}

#[test]
fn any_name_is_executed_and_shown_harmlessly() {
    let adversaries = Project::fixture("adversaries");
    let call = || isotest(&adversaries).arguments(["--test", "names", "--test", "two_lines"]);
    let (ended, lines) = call().lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!((lines.attempts.len(), &lines.finished["counts"]["passed"]), (7, &7.into()));
    assert_eq!(lines.outcome("adversaries::names", "bytes \u{fffd}\u{fffd}"), "passed");
    assert_eq!(lines.outcome("adversaries::names", "--help"), "passed");
    assert!(ended.stderr.contains("adversaries::two_lines does not speak the test harness protocol"));
    for (flag, code) in [("run", 0), ("list", 0)] {
        let call = if flag == "list" { call().arguments(["list"]) } else { call() };
        let ended = call.arguments(["--color", "never"]).run().with_code(code);
        assert!(!ended.stdout.contains('\x1b'), "{flag}: {:?}", ended.stdout);
        assert!(ended.stdout.contains("two words: test"), "{flag}: {}", ended.stdout);
    }
}

#[test]
fn what_a_test_destroys_is_its_own_copy() {
    let (place, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(home.path().join(".profile"), "mine").unwrap();
    let project = Project::copied("adversaries", place.path());
    isotest(&project).arguments(["list", "--test", "damages"]).run().with_code(0);
    let (files, binary) = (project.files(), fs::read(project.binary("damages")).unwrap());
    let call = isotest(&project).arguments(["--test", "damages"]).variable("HOME", home.path());
    let (ended, lines) = call.lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(lines.attempts.len(), 4);
    assert_eq!(project.files(), files);
    assert_eq!(fs::read(project.binary("damages")).unwrap(), binary);
    assert_eq!(fs::read_to_string(home.path().join(".profile")).unwrap(), "mine");
}

#[test]
fn there_is_no_way_out() {
    let call = isotest(&Project::fixture("adversaries")).arguments(["--test", "reaches_out"]);
    let (ended, lines) = call.lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(lines.attempts.len(), 4);
}

#[test]
fn what_a_test_uses_up_is_back_when_it_ends() {
    let call = isotest(&Project::fixture("adversaries")).arguments(["--test", "exhausts"]);
    let (ended, lines) = call.variable("LARGE", "x".repeat(100 << 10)).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let changed = |name| lines.attempt("adversaries::exhausts", name)["changed_paths_count"].clone();
    assert_eq!(changed("names_among_the_sources"), 20_000);
    assert_eq!(changed("depth"), 1);
}
