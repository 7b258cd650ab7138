//! What a test reads of its own attempt, and what it asserts of it.

use crate::call::isotest;
use crate::project::Project;
use std::process::{Command, Output};

/// Its tests below plain cargo.
fn plain(policy: &str, filter: &str) -> Output {
    let project = Project::fixture("inside");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "--lib", "--target-dir"]).arg(&project.target);
    cargo.args(["--", filter]).current_dir(&project.directory);
    cargo.env_remove("ISOTEST_METRICS").env_remove("ISOTEST").env("ISOTEST_ASSERT", policy);
    cargo.output().unwrap()
}

#[test]
fn a_test_reads_its_own_figures_and_is_held_to_what_it_asserts() {
    let (ended, lines) = isotest(&Project::fixture("inside")).lines();
    let outcome = |name: &str| lines.outcome("inside", &format!("tests::{name}"));
    for name in ["reads_what_it_uses", "keeps_what_it_asserts", "has_regions"] {
        assert_eq!(outcome(name), "passed", "{ended:#?}");
    }
    let output = |name: &str| lines.attempt("inside", &format!("tests::{name}")).to_string();
    if !lines.holds("memory") {
        assert_eq!(outcome("uses_more_than_it_asserts"), "passed", "{ended:#?}");
        return;
    }
    let over = output("uses_more_than_it_asserts");
    assert_eq!(outcome("uses_more_than_it_asserts"), "failed", "{ended:#?}");
    assert!(over.contains("over budget: memory 9") && over.contains(" MiB of 32 MiB (+2"), "{over}");
    assert!(over.contains("src/lib.rs:"), "it says where: {over}");
    let regions = &lines.attempt("inside", "tests::has_regions")["regions"];
    let grow = regions.as_array().into_iter().flatten().find(|region| region["name"] == "grow");
    let peak = grow.and_then(|region| region["memory_peak_bytes"].as_u64());
    assert!(peak.is_some_and(|peak| peak >= 8 << 20), "{regions:?}");
    let regions = isotest(&Project::fixture("inside")).arguments(["has_regions", "--no-capture"]).run();
    assert!(
        regions.stdout.contains("region grow: ") || regions.stderr.contains("region grow: "),
        "{regions:#?}"
    );
}

#[test]
fn without_a_sandbox_nothing_is_asserted_unless_it_is_required() {
    let skipped = plain("skip", "");
    assert!(skipped.status.success(), "{skipped:#?}");
    let required = plain("require", "keeps_what_it_asserts");
    assert_eq!(required.status.code(), Some(101), "{required:#?}");
    let told = String::from_utf8_lossy(&required.stdout);
    assert!(told.contains("cannot hold this test to its budget: this process is not executed by"), "{told}");
    let unknown = plain("sometimes", "keeps_what_it_asserts");
    assert!(String::from_utf8_lossy(&unknown.stdout).contains("`skip` or `require`"), "{unknown:#?}");
}
