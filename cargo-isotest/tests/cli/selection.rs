//! Which tests are executed, and how many at once.

use crate::call::{Lines, isotest};
use crate::project::Project;

fn names(lines: &Lines) -> Vec<&str> {
    let mut names: Vec<_> = lines.attempts.iter().map(|attempt| attempt["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[track_caller]
fn selects(arguments: &[&str], expected: &[&str]) {
    let (_, lines) = isotest(&Project::fixture("tour")).arguments(arguments).lines();
    assert_eq!(names(&lines), expected, "{arguments:?}");
}

#[test]
fn filters_choose_by_a_part_of_the_name_or_the_whole() {
    selects(&["empty"], &["accepts_empty_input", "tests::index_of_an_empty_text_is_empty"]);
    selects(&["--exact", "rejects_nul", "rejects"], &["rejects_nul"]);
    selects(&["empty", "--skip", "tests::"], &["accepts_empty_input"]);
    selects(&["--", "empty", "--skip", "input"], &["tests::index_of_an_empty_text_is_empty"]);
    selects(&["--lib", "columns"], &["tests::aligns_columns"]);
}

#[test]
fn expressions_choose_by_everything_that_is_known_of_a_test() {
    selects(&["-E", "binary(parser) and test(/^re.*nul$/)"], &["rejects_nul"]);
    selects(
        &["-E", "test(=rejects_nul)", "--filterset", "kind(lib) & test(columns)"],
        &["rejects_nul", "tests::aligns_columns"],
    );
    selects(&["-E", "test(empty)", "input"], &["accepts_empty_input"]);
    selects(&["-E", "binary_id(tour::parser) - test(~a) | rdeps(tour) & test(#*nul)"], &["rejects_nul"]);
    let ended = isotest(&Project::fixture("tour")).arguments(["-E", "none()"]).run().with_code(4);
    assert!(ended.stderr.contains("no tests to run"), "{}", ended.stderr);
}

#[test]
fn names_in_expressions_are_those_of_the_project() {
    for (expression, says) in [
        ("package(tuor)", "no package of the project\n    package(tuor)\n    ^^^^^^^^^^^^^"),
        ("all() - binary(tour::parser)", "no test binary of the project"),
        ("binary_id(parser)", "no binary id of the project"),
        ("group(database)", "no test group of the project"),
    ] {
        let ended = isotest(&Project::fixture("tour")).arguments(["-E", expression]).run().with_code(94);
        assert!(ended.stderr.contains(says) && ended.stderr.contains("hint:"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("Finished"), "nothing is built: {}", ended.stderr);
    }
}

#[test]
fn ignored_tests_are_executed_on_request() {
    selects(&["--run-ignored", "only"], &["reads_a_very_long_novel"]);
    selects(&["--", "--ignored"], &["reads_a_very_long_novel"]);
    selects(&["--run-ignored", "all", "novel", "nul"], &["reads_a_very_long_novel", "rejects_nul"]);
}

#[test]
fn one_job_executes_tests_in_their_order() {
    let (_, lines) = isotest(&Project::fixture("tour")).arguments(["-j", "1", "--test", "parser"]).lines();
    assert_eq!(lines.started["jobs"], 1);
    let order: Vec<_> = lines.attempts.iter().map(|attempt| attempt["name"].as_str().unwrap()).collect();
    assert_eq!(
        order,
        [
            "a_column_without_width_panics",
            "accepts_empty_input",
            "ignores_white_space_around",
            "keeps_letters_of_any_script",
            "rejects_nul"
        ]
    );
}

#[test]
fn the_first_failure_ends_the_run_if_it_is_to() {
    let call = isotest(&Project::fixture("bad_days")).arguments(["-j", "1", "--fail-fast"]);
    let (ended, lines) = call.arguments(["--test", "panics", "--test", "prints_invalid_utf8"]).lines();
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    assert_eq!(names(&lines), ["panics"]);
    assert_eq!(lines.finished["not_run"], 2);
    assert!(ended.stderr.contains("after a failure"), "{}", ended.stderr);
}

#[test]
fn tests_can_be_listed_without_being_executed() {
    let tour = Project::fixture("tour");
    let ended =
        isotest(&tour).arguments(["list", "--test", "parser", "--run-ignored", "all", "nul", "novel"]);
    let ended = ended.run().with_code(0);
    assert_eq!(ended.stdout, "tour::parser reads_a_very_long_novel (ignored)\ntour::parser rejects_nul\n");
    let ended = isotest(&tour).arguments(["list", "--message-format", "json", "nul"]).run().with_code(0);
    let object: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&object["binary_id"], &object["name"]), (&"tour::parser".into(), &"rejects_nul".into()));
}
