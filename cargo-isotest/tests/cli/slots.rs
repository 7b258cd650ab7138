//! What a test is told of the run it is part of.

use crate::call::isotest;
use crate::project::Project;

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
    let told = [
        ("ISOTEST", "1"),
        ("NEXTEST_EXECUTION_MODE", "process-per-test"),
        ("NEXTEST_TEST_GLOBAL_SLOT", &var("ISOTEST_SLOT").unwrap()),
        ("NEXTEST_TEST_GROUP", "@global"),
        ("NEXTEST_TEST_GROUP_SLOT", "none"),
    ];
    for (name, value) in told {
        assert_eq!(var(name).as_deref(), Ok(value), "{name}");
    }
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
