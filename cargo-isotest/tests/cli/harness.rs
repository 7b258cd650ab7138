//! A harness of a project's own, which sandboxes its tests below plain cargo, too.

use crate::call::isotest;
use crate::project::Project;
use std::fs;
use std::process::{Command, Output};

/// Its tests below plain cargo.
fn plain(filter: &str, variables: &[(&str, &str)]) -> Output {
    let project = Project::fixture("harness");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "--test", "documents", "--target-dir"]).arg(&project.target);
    cargo.args(["--", filter]).current_dir(&project.directory);
    cargo.env_remove("ISOTEST_METRICS").env_remove("ISOTEST").envs(variables.iter().copied());
    cargo.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn below_plain_cargo_each_trial_has_a_sandbox() {
    let passed = plain("name", &[]);
    assert!(passed.status.success(), "{passed:#?}");
    assert!(text(&passed).contains("2 passed"), "{passed:#?}");
    // Control: within what is taken for one sandbox they are in each other's way.
    let together = plain("name", &[("ISOTEST_METRICS", "")]);
    let _ = fs::remove_dir("/tmp/isotest-harness-name");
    assert!(text(&together).contains("1 passed; 1 failed"), "{together:#?}");

    let failed = plain("fails", &[]);
    assert_eq!(failed.status.code(), Some(101), "{failed:#?}");
    assert!(
        text(&failed).contains("for its own reason") && text(&failed).contains("it exited with 101"),
        "{failed:#?}"
    );
    assert!(text(&plain("is_ignored", &[])).contains("1 ignored"));
}

#[test]
fn a_trial_that_is_not_there_in_the_sandbox_has_not_passed() {
    let hidden = "/tmp/isotest-harness-hidden";
    fs::write(hidden, "").unwrap();
    let inside = plain("is_of_a_hidden_file", &[]);
    let outside = plain("is_of_a_hidden_file", &[("ISOTEST_METRICS", "")]);
    fs::remove_file(hidden).unwrap();
    assert!(text(&inside).contains("0 passed; 1 failed"), "{inside:#?}");
    assert!(text(&inside).contains("inside the sandbox there is no such test"), "{inside:#?}");
    assert!(text(&outside).contains("1 passed"), "control: {outside:#?}");
}

#[test]
fn its_budgets_are_held_both_ways() {
    let (ended, lines) = isotest(&Project::fixture("harness")).lines();
    let outcome = |name: &str| lines.outcome("sandboxing::documents", name);
    for name in ["takes_a_name", "takes_the_same_name", "keeps_its_budget"] {
        assert_eq!(outcome(name), "passed", "{ended:#?}");
    }
    assert_eq!(outcome("fails"), "failed", "{ended:#?}");
    if !lines.holds("memory") {
        return;
    }
    assert_eq!(outcome("has_an_attribute"), "over-budget", "{ended:#?}");
    assert_eq!(outcome("breaks_its_budget"), "over-budget", "{ended:#?}");
    let why = lines.attempt("sandboxing::documents", "breaks_its_budget").to_string();
    assert!(why.contains("over budget: memory 9") && why.contains(" MiB of 32 MiB (+2"), "{why}");

    let plain = plain("budget", &[]);
    let told = text(&plain);
    assert!(told.contains("1 passed; 2 failed"), "{plain:#?}");
    assert!(told.contains("over budget: memory 9"), "{told}");
    assert!(told.contains("over budget: the kernel killed it at 32 MiB of memory"), "{told}");
    let peak = told.lines().find(|line| line.ends_with("  keeps_its_budget")).map(str::trim);
    assert!(peak.is_some_and(|peak| peak.starts_with('4') && peak.contains(" MiB")), "{told}");
}
