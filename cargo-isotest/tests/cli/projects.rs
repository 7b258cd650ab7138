//! Workspaces, features and whatever else cargo is told on our command line.

use crate::call::isotest;
use crate::project::Project;

#[test]
fn a_workspace_is_executed_as_cargo_does() {
    let project = Project::fixture("workspace");
    // Cargo reads its configuration from the directory it is called in.
    let call = || isotest(&project).within(&project.directory);
    let (ended, lines) = call().lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(lines.attempts.len(), 10);
    assert_eq!(lines.outcome("gadget::bin/gadget", "program_sees_the_library"), "passed");
    assert_eq!(lines.outcome("gadget::example/show", "example_sees_the_library"), "passed");
    let (_, lines) = call().arguments(["--features", "gadget/extra"]).lines();
    assert_eq!((lines.attempts.len(), &lines.finished["counts"]["passed"]), (11, &11.into()));
    let (_, lines) = call().arguments(["-p", "gadget-derive"]).lines();
    assert_eq!(lines.attempts.len(), 1);
    assert_eq!(lines.outcome("gadget-derive", "tests::finds_the_name"), "passed");
    let (_, lines) = call().arguments(["--workspace", "--exclude", "gadget-derive", "--lib"]).lines();
    assert!(lines.attempts.iter().all(|attempt| attempt["binary_id"] == "gadget"), "{lines:#?}");
}

#[test]
fn surroundings_are_those_of_cargo() {
    let project = Project::fixture("surroundings");
    let (ended, lines) = isotest(&project).within(&project.directory).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(lines.outcome("surroundings::outside", "the_build_script_was_heard"), "passed");
}

#[test]
fn a_thousand_tests_leave_nothing_behind() {
    let (ended, lines) = isotest(&Project::fixture("trivial")).lines();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!((lines.attempts.len(), &lines.finished["counts"]["passed"]), (1000, &1000.into()));
}

#[test]
fn cargo_can_be_told_to_be_quiet() {
    let ended = isotest(&Project::fixture("passing")).arguments(["-q", "--offline", "--locked"]).run();
    assert_eq!(ended.with_code(0).stderr, "");
}
