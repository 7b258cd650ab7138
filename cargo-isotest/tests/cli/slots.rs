//! What a test is told of the run it is part of.

use crate::call::isotest;
use crate::project::Project;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Two tests, each of which takes the place of its slot in a directory both see, and waits for the other to be there.
const MEET: &str = r#"
use std::{env::var, fs, thread::sleep, time::Duration};

fn meet() {
    let directory = var("MEETING").unwrap();
    let slot = var("ISOTEST_SLOT").unwrap();
    fs::File::create_new(format!("{directory}/{slot}")).expect("no other test has this slot");
    for _ in 0..600 {
        if fs::read_dir(&directory).unwrap().count() == 2 {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("the other test has not come");
}

#[test]
fn one() {
    meet();
}

#[test]
fn other() {
    meet();
}

#[test]
fn is_told() {
    assert_eq!(var("ISOTEST").as_deref(), Ok("1"));
    assert_eq!(var("NEXTEST_TEST_GLOBAL_SLOT"), var("ISOTEST_SLOT"));
    let (name, run) = (var("NEXTEST_TEST_NAME"), var("NEXTEST_RUN_ID").unwrap());
    assert_eq!(name.as_deref(), Ok("is_told"));
    assert_eq!(var("NEXTEST_ATTEMPT_ID"), Ok(format!("{run}:slots$is_told")));
}
"#;

#[test]
fn tests_that_run_at_once_have_slots_of_their_own() {
    let place = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"slots\"\nedition = \"2024\"\n[workspace]\n";
    let files = [("Cargo.toml", manifest), ("src/lib.rs", MEET)];
    let project = Project::written(place.path(), &files);
    let meeting = tempfile::tempdir().unwrap();
    let call = || isotest(&project).variable("MEETING", meeting.path()).arguments(["-j", "2", "--keep"]);
    let (ended, lines) = call().arguments([meeting.path()]).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    for name in ["one", "other", "is_told"] {
        assert_eq!(lines.outcome("slots", name), "passed");
    }
    let entries = meeting.path().read_dir().unwrap();
    let mut slots: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    slots.sort();
    assert_eq!(slots, ["0", "1"]);
}

/// A test that writes down what it is told by variables of cargo-nextest.
const TOLD: &str = r#"
#[test]
fn it() {
    let told = std::env::vars().filter(|(name, _)| name.starts_with("NEXTEST"));
    let told: String = told.map(|(name, value)| format!("{name}={value}\n")).collect();
    std::fs::write(std::env::var("TOLD").unwrap(), told).unwrap();
}
"#;

fn told(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap();
    let told = text.lines().filter_map(|line| line.split_once('='));
    told.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_test_is_told_what_nextest_would_tell_it() {
    let (place, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let manifest = "[package]\nname = \"told\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
    let project = Project::written(place.path(), &[("Cargo.toml", manifest), ("src/lib.rs", TOLD)]);
    let (ours, theirs) = (kept.path().join("ours"), kept.path().join("theirs"));
    let call = isotest(&project).within(place.path()).variable("TOLD", &ours);
    call.arguments(["-j", "3", "--keep"]).arguments([kept.path()]).run().with_code(0);
    let ours = told(&ours);
    assert!(ours["NEXTEST_ATTEMPT_ID"].starts_with(&ours["NEXTEST_RUN_ID"]), "{ours:?}");

    let mut nextest = Command::new("cargo");
    nextest.args(["nextest", "run", "-j", "3"]).current_dir(place.path()).env("TOLD", &theirs);
    // Of a run that this test is part of itself.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NEXTEST")) {
        nextest.env_remove(name);
    }
    let output = nextest.env_remove("CARGO_TARGET_DIR").output().unwrap();
    let is_missing = !Command::new("cargo").args(["nextest", "--version"]).output().unwrap().status.success();
    if is_missing {
        #[expect(clippy::print_stderr, reason = "a check that did not happen must be seen")]
        {
            eprintln!("SKIPPED: cargo-nextest is not installed, so nothing was compared with it");
        }
        return;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut theirs = told(&theirs);
    // That it is at work itself, in which version, by which of its profiles.
    for name in ["", "_VERSION", "_REQUIRED_VERSION", "_RECOMMENDED_VERSION", "_PROFILE"] {
        assert!(theirs.remove(&format!("NEXTEST{name}")).is_some(), "{name}");
    }
    let names = |told: &BTreeMap<String, String>| told.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs));
    // Each has its own run and slots, and hands on another search path for libraries.
    let of_run =
        ["NEXTEST_RUN_ID", "NEXTEST_ATTEMPT_ID", "NEXTEST_TEST_GLOBAL_SLOT", "NEXTEST_LD_LIBRARY_PATH"];
    for name in names(&ours).iter().filter(|name| !of_run.contains(&name.as_str())) {
        assert_eq!(ours[name], theirs[name], "{name}");
    }
    let after = |told: &BTreeMap<String, String>| {
        told["NEXTEST_ATTEMPT_ID"].replace(&told["NEXTEST_RUN_ID"], "the run")
    };
    assert_eq!(after(&ours), after(&theirs));
    assert_eq!(ours["NEXTEST_RUN_ID"].len(), theirs["NEXTEST_RUN_ID"].len());
}
