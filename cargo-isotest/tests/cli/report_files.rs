//! Files of results: written beside what is shown, and the run goes on without one that cannot be.

use crate::call::isotest;
use crate::project::Project;
use serde_json::Value;
use std::fs;

#[test]
fn every_format_is_written_and_tells_of_the_same_run() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().join(name);
    let mut call = isotest(&Project::fixture("tour")).arguments(["--test", "parser"]);
    for format in ["junit", "ctrf", "json", "markdown"] {
        call = call.arguments(["--report", &format!("{format}={}", file(format).display())]);
    }
    let ended = call.run().with_code(100);
    assert!(ended.stdout.contains("     Summary "), "{ended:?}");
    let text = |name: &str| fs::read_to_string(file(name)).unwrap();
    let json = text("json");
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed = lines.iter().filter(|line| line["effect"] == "fails").count();
    assert!(failed > 0 && lines[0]["type"] == "run-started", "{json}");
    let junit = text("junit");
    assert_eq!(junit.matches("<failure ").count(), failed, "{junit}");
    assert!(junit.contains(lines[0]["run_id"].as_str().unwrap()), "{junit}");
    let ctrf: Value = serde_json::from_str(&text("ctrf")).unwrap();
    assert_eq!(ctrf["results"]["summary"]["failed"], failed);
    let markdown = text("markdown");
    assert_eq!(markdown.matches("cargo isotest -p tour --test parser --exact").count(), failed, "{markdown}");
}

#[test]
fn a_file_that_cannot_be_written_to_its_end_is_named_after_the_summary() {
    let call = isotest(&Project::fixture("passing")).arguments(["--report", "junit=/dev/full"]);
    let ended = call.run().with_code(70);
    assert!(ended.stdout.contains("     Summary "), "{}", ended.stdout);
    assert!(
        ended.stderr.ends_with("error: cannot write `/dev/full`: No space left on device (os error 28)\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_file_without_format_is_refused_with_an_example() {
    for wrong in ["junit.xml", "junit=", "html5=x", "=x"] {
        let call = isotest(&Project::fixture("passing")).arguments(["--report", wrong]);
        let ended = call.run().with_code(2);
        let said =
            format!("error: `--report {wrong}` is not FORMAT=FILE, with one of the formats junit, ctrf, ");
        assert!(ended.stderr.starts_with(&said), "{}", ended.stderr);
    }
}
