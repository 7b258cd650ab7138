//! Tests of a binary that share network and files. The control is the same run in which they do not, or another binary.

use crate::call::{Call, isotest};
use crate::project::Project;
use serde_json::{Value, json};
use std::fs;
use std::sync::LazyLock;
use tempfile::TempDir;

const MANIFEST: &str =
    "[package]\nname = \"suite\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

/// The first test serves at a port and leaves files; the others find them, and nobody at the port.
const TESTS: &str = r#"
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::thread::sleep;
use std::time::Duration;

const PORT: &str = "127.0.0.1:5432";
const BINARY: &str = env!("CARGO_CRATE_NAME");

/// Fails if another test is running that sees the same files.
fn alone(test: impl FnOnce()) {
    fs::create_dir("/tmp/running").expect("another one is running");
    sleep(Duration::from_millis(50));
    test();
    fs::remove_dir("/tmp/running").unwrap();
}

#[test]
fn a_leaves_files() {
    alone(|| {
        let listener = TcpListener::bind(PORT).unwrap();
        let client = TcpStream::connect(PORT).unwrap();
        listener.accept().unwrap();
        drop(client);
        fs::write("/tmp/left", BINARY).unwrap();
        fs::write("left in the workspace", BINARY).unwrap();
        fs::write("/tmp/large", vec![1; 8 << 20]).unwrap();
    });
}

#[test]
fn b_finds_them() {
    alone(|| {
        TcpStream::connect(PORT).unwrap_err();
        TcpListener::bind(PORT).unwrap();
        assert_eq!(fs::read_to_string("/tmp/left").unwrap(), BINARY);
        assert_eq!(fs::read_to_string("left in the workspace").unwrap(), BINARY);
    });
}

#[test]
fn c_sees_itself_only() {
    alone(|| {
        let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        let numbers: Vec<u32> = numbers.filter_map(|name| name.parse().ok()).collect();
        assert_eq!(numbers.len(), 3, "{numbers:?}");
    });
}

#[test]
fn d_finds_what_its_first_attempt_left() {
    if std::env::var_os("FLAKY").is_none() {
        return;
    }
    fs::create_dir("/tmp/attempt").unwrap_err();
}
"#;

fn project() -> &'static Project {
    static PROJECT: LazyLock<(TempDir, Project)> = LazyLock::new(|| {
        let place = tempfile::tempdir().unwrap();
        let files =
            [("Cargo.toml", MANIFEST), ("src/lib.rs", ""), ("tests/one.rs", TESTS), ("tests/two.rs", TESTS)];
        let project = Project::written(place.path(), &files);
        isotest(&project).arguments(["--no-run"]).run().with_code(0);
        (place, project)
    });
    &PROJECT.1
}

fn call(arguments: &[&str]) -> Call {
    isotest(project()).arguments(["--jobs", "4", "--no-history"]).arguments(arguments)
}

/// Whether the test that looks for files has found them in each binary.
fn found(attempts: &[Value]) -> Vec<(&str, bool)> {
    let those = attempts.iter().filter(|attempt| attempt["name"] == "b_finds_them");
    let mut found: Vec<_> = those
        .map(|attempt| (attempt["binary_id"].as_str().unwrap(), attempt["outcome"] == "passed"))
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn tests_of_a_binary_share_files_and_ports_one_after_another() {
    let both = |found| vec![("suite::one", found), ("suite::two", found)];
    let (ended, lines) = call(&["--per-binary"]).lines();
    ended.with_code(0);
    assert_eq!(found(&lines.attempts), both(true));
    let shared =
        json!([{ "binary_id": "suite::one", "tests": 4 }, { "binary_id": "suite::two", "tests": 4 }]);
    assert_eq!(lines.started["shared_sandboxes"], shared);
    for attempt in &lines.attempts {
        let leaves = attempt["name"] == "a_leaves_files";
        assert_eq!(
            attempt["changed_paths_count"],
            u64::from(leaves),
            "what others changed is theirs: {attempt}"
        );
        if let Some(bytes) = attempt["usage"]["disk_bytes"].as_u64() {
            assert_eq!(bytes > 4 << 20, leaves, "{attempt}");
        }
    }
    let (ended, control) = call(&[]).lines();
    ended.with_code(100);
    assert_eq!(found(&control.attempts), both(false));
    assert_eq!(control.started.get("shared_sandboxes"), None);
}

#[test]
fn the_report_says_which_tests_share() {
    let opening = |arguments: &[&str]| {
        let ended = call(arguments).run().with_code(0);
        ended
            .stdout
            .lines()
            .filter(|line| line.contains("per-binary"))
            .map(str::trim)
            .collect::<Vec<_>>()
            .join("")
    };
    let all = "Note `per-binary`: 8 tests of 2 binaries share network and files with the others of their binary, and run one \
               after another there";
    assert_eq!(opening(&["--per-binary"]), all);
    let one =
        "Note `per-binary`: the 4 tests of suite::two share network and files, and run one after another";
    assert_eq!(opening(&["--per-binary", "--test", "two"]), one);
    assert_eq!(opening(&["a_leaves"]), "");
}

#[test]
fn an_override_says_of_which_tests_it_holds() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("isotest.toml");
    let overrides = "[[profile.default.overrides]]\nfilter = 'binary(one)'\nper-binary = true\n";
    fs::write(&path, overrides).unwrap();
    let config = ["--config-file", path.to_str().unwrap()];
    let (ended, lines) = call(&config).lines();
    ended.with_code(100);
    assert_eq!(found(&lines.attempts), [("suite::one", true), ("suite::two", false)]);
    assert_eq!(lines.started["shared_sandboxes"], json!([{ "binary_id": "suite::one", "tests": 4 }]));
    let (ended, lines) = call(&config).variable("ISOTEST_PER_BINARY", "true").lines();
    ended.with_code(0);
    assert_eq!(found(&lines.attempts), [("suite::one", true), ("suite::two", true)]);
    // What sees something else of the host has a sandbox of its own, in which nobody has left anything.
    fs::write(
        &path,
        format!("{overrides}\n[[profile.default.overrides]]\nfilter = 'test(b_finds)'\nbind = ['/etc']\n"),
    )
    .unwrap();
    let (ended, lines) = call(&config).arguments(["--test", "one"]).lines();
    ended.with_code(100);
    assert_eq!(found(&lines.attempts), [("suite::one", false)]);
    let shared =
        json!([{ "binary_id": "suite::one", "tests": 3 }, { "binary_id": "suite::one", "tests": 1 }]);
    assert_eq!(lines.started["shared_sandboxes"], shared);
}

#[test]
fn further_attempts_are_made_where_the_first_was() {
    let flaky = ["--per-binary", "--retries", "1", "d_finds"];
    let (ended, lines) = call(&flaky).variable("FLAKY", "1").lines();
    ended.with_code(0);
    let outcomes: Vec<_> =
        lines.attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "flaky").count(), 2, "{outcomes:?}");
    call(&flaky[1..]).variable("FLAKY", "1").run().with_code(100);
}

#[test]
fn a_run_that_is_cut_short_leaves_nothing() {
    // Whatever is left of a call is an error of `run`.
    let failing = call(&["--per-binary", "--max-fail", "1:immediate"]).variable("FLAKY", "1");
    failing.run().with_code(100);
    call(&["--per-binary", "--global-timeout", "30ms"]).run();
}
