//! The texts of `list` and of every form of `report`, of two recorded runs and the fixture of that project; and how texts are
//! compared with those that are kept.

use crate::call::{Ended, bare, isotest};
use crate::project::Project;
use snapbox::{Assert, Data, assert::DEFAULT_ACTION_ENV};
use std::path::{Path, PathBuf};

const PLACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/texts");

/// Compares a text with the one that is kept in a file of this name.
pub(crate) fn is_as_kept(name: &str, text: String) {
    let kept = Data::read_from(&Path::new(PLACE).join(name), None).raw();
    Assert::new().action_env(DEFAULT_ACTION_ENV).eq(text, kept);
}

/// What is said of files of that place, whose names stand in it.
fn report(arguments: &[&str]) -> Ended {
    bare()
        .variable("COLUMNS", "80")
        .within(Path::new(PLACE))
        .arguments([&["report"], arguments].concat())
        .run()
}

/// JSON in lines, of which those that change can be seen.
fn in_lines(text: String) -> String {
    let value = serde_json::from_str::<serde_json::Value>(&text);
    value.map_or(text, |value| serde_json::to_string_pretty(&value).unwrap() + "\n")
}

#[test]
fn a_report_of_each_form_is_as_kept() {
    let place = tempfile::tempdir().unwrap();
    for (format, name) in [
        ("junit", "run.junit.xml"),
        ("ctrf", "run.ctrf.json"),
        ("openmetrics", "run.openmetrics.txt"),
        ("trace", "run.trace.json"),
        ("markdown", "run.md"),
    ] {
        let file: PathBuf = place.path().join(name);
        report(&[&format!("--{format}"), file.to_str().unwrap(), "run.jsonl"]).with_code(0);
        is_as_kept(name, in_lines(std::fs::read_to_string(file).unwrap()));
    }
    let said = report(&["run.jsonl"]).with_code(0).stdout;
    is_as_kept("run.md", said);
    is_as_kept("diff.txt", report(&["--diff", "earlier.jsonl", "run.jsonl"]).with_code(0).stdout);
    is_as_kept("merged.md", report(&["--merge", "earlier.jsonl", "run.jsonl"]).with_code(0).stdout);
}

#[test]
fn a_list_of_each_form_is_as_kept() {
    let list = |format: &str| {
        let call = isotest(&Project::fixture("tour")).variable("COLUMNS", "80");
        call.arguments(["list", "--lib", "--test", "files", "--message-format", format])
            .run()
            .with_code(0)
            .stdout
    };
    is_as_kept("list.txt", list("human"));
    is_as_kept("list.jsonl", list("json"));
}
