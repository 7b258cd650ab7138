//! Order of lines where tests write to the streams of the run.

use crate::call::isotest;
use crate::project::Project;
use std::fs::{self, File};

const MANIFEST: &str =
    "[package]\nname = \"order\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[test]
fn the_start_of_a_test_its_output_and_its_verdict_stand_together() {
    let place = tempfile::tempdir().unwrap();
    let tests = NAMES.map(|name| format!("#[test] fn {name}() {{ println!(\"output of {name}\") }}\n"));
    let project =
        Project::written(place.path(), &[("Cargo.toml", MANIFEST), ("src/lib.rs", &tests.concat())]);
    let expected: Vec<_> = NAMES
        .iter()
        .flat_map(|name| [format!("Start {name}"), format!("output of {name}"), format!("PASS {name}")])
        .collect();
    for flags in [&[][..], &["--fail-fast"]] {
        for _ in 0..3 {
            let path = place.path().join("written");
            let file = File::create(&path).unwrap();
            let mut call = isotest(&project).arguments(["--offline", "--no-capture"]).arguments(flags);
            call.command.stdout(file.try_clone().unwrap()).stderr(file);
            call.run().with_code(0);
            let written = fs::read_to_string(&path).unwrap();
            assert_eq!(written.lines().filter_map(told).collect::<Vec<_>>(), expected, "{written}");
        }
    }
}

/// What a line says of a test.
fn told(line: &str) -> Option<String> {
    let words: Vec<_> = line.split_whitespace().collect();
    match (*words.first()?, *words.last()?) {
        (word @ ("Start" | "PASS"), name) => Some(format!("{word} {name}")),
        _ => line.find("output of ").map(|at| line[at..].to_owned()),
    }
}
