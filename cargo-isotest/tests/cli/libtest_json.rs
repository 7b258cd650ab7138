//! What editors read: `--message-format libtest-json` says of each test what Rust's own harness says of it.

use crate::call::isotest;
use crate::project::Project;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

const MANIFEST: &str =
    "[package]\nname = \"edited\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

const UNITS: &str = r#"
#[test]
fn passes() {}

mod inner {
    #[test]
    fn fails() {
        println!("a word of its own");
        panic!("no \"quotes\"");
    }

    #[test]
    #[should_panic]
    fn should_panic() {
        panic!("as it should");
    }

    #[test]
    #[should_panic]
    fn does_not_panic() {}

    #[test] #[ignore] fn is_ignored() {}
}
"#;

const INTEGRATION: &str = "#[test]\nfn passes() {}\n\n#[test]\nfn passes_too() {}\n";

/// What is said of each test, by its name behind that of its binary, and of all binaries.
fn said(text: &str) -> (BTreeMap<String, Value>, Vec<Value>) {
    let (mut tests, mut suites) = (BTreeMap::new(), Vec::new());
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let members = line.as_object_mut().unwrap();
        // Times are not the same twice, and the output has thread ids.
        if let Some(time) = members.get_mut("exec_time") {
            assert!(time.is_f64(), "{time}");
            *time = json!(0);
        }
        if let Some(stdout) = members.get_mut("stdout") {
            let words =
                ["a word of its own\n", "no \"quotes\""].map(|word| stdout.as_str().unwrap().contains(word));
            *stdout = json!([words, stdout.as_str().unwrap().contains("running 1 test")]);
        }
        if line["type"] == "suite" {
            suites.push(line);
        } else {
            let name = line["name"].as_str().unwrap().rsplit('$').next().unwrap();
            let key = format!("{name} {}", if line["event"] == "started" { "starts" } else { "ends" });
            line.as_object_mut().unwrap().remove("name");
            *tests.entry(key).or_insert_with(|| json!([])) = line;
        }
    }
    suites.sort_by_key(Value::to_string);
    (tests, suites)
}

#[test]
fn each_test_is_said_to_end_as_under_the_harness_itself() {
    let place = tempfile::tempdir().unwrap();
    let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", UNITS), ("tests/it.rs", INTEGRATION)];
    let project = Project::written(place.path(), &files);
    let words = ["--no-fail-fast", "--message-format", "libtest-json"];
    let ended = isotest(&project).within(&project.directory).arguments(words).run().with_code(100);
    assert!(ended.stderr.contains("     Summary "), "text for humans goes elsewhere: {}", ended.stderr);

    let mut cargo = Command::new("cargo");
    cargo.args([
        "test",
        "--no-fail-fast",
        "--",
        "-Z",
        "unstable-options",
        "--format",
        "json",
        "--report-time",
    ]);
    cargo.current_dir(&project.directory).env("CARGO_TARGET_DIR", &project.target);
    let harness = cargo.env("RUSTC_BOOTSTRAP", "1").output().unwrap();
    let (tests, suites) = said(&String::from_utf8(harness.stdout).unwrap());
    assert_eq!(tests.len(), 12, "{tests:#?}");
    assert_eq!(said(&ended.stdout), (tests, suites));

    let plus =
        isotest(&project).within(&project.directory).arguments(["--message-format", "libtest-json-plus"]);
    let plus = plus.arguments(["--test", "it"]).run().with_code(0).stdout;
    let first: Value = serde_json::from_str(plus.lines().next().unwrap()).unwrap();
    assert_eq!(first["nextest"], json!({"crate": "edited", "test_binary": "it", "kind": "test"}));
    assert!(plus.contains(r#""name":"edited::it$passes""#), "{plus}");
}
