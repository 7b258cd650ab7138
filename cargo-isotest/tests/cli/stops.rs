//! The key that stops a run for a while: its tests stand still, and so do all of its clocks.

use crate::call::isotest;
use crate::host;
use crate::project::Project;
use crate::terminal::Terminal;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

const MANIFEST: &str =
    "[package]\nname = \"counting\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

/// A test that takes two seconds, counts meanwhile, and has a child that counts, too. Where it was stopped by a signal, it sees
/// that its child was.
const TESTS: &str = r#"
use std::{fs, process::Command, thread::sleep, time::Duration};

#[test]
fn counts() {
    let count = "i=0; while :; do i=$((i + 1)); echo $i >kept/child; sleep 0.05; done";
    let mut child = Command::new("sh").args(["-c", count]).spawn().unwrap();
    for number in 0..40 {
        fs::write("kept/number", number.to_string()).unwrap();
        sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
"#;

/// Longer than the test may take.
const STOP: Duration = Duration::from_secs(6);

fn counts(place: &Path) -> [Option<String>; 2] {
    ["number", "child"].map(|name| fs::read_to_string(place.join("kept").join(name)).ok())
}

fn tried(flags: &[&str]) -> Vec<Value> {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let project = Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS)]);
    fs::create_dir(place.join("kept")).unwrap();
    let kept = place.join("kept");
    let report = format!("json={}", place.join("report.json").display());
    let call =
        isotest(&project).arguments(["--timeout", "5s", "--global-timeout", "5s", "--report", &report]);
    let call = call.arguments(["--keep", kept.to_str().unwrap()]).arguments(flags).variable("TERM", "xterm");
    let mut terminal = Terminal::with_columns(100);
    let script = "\"$@\"; status=$?; echo; echo stopped $status; read line; fg >/dev/null; echo status $?";
    let running = call.on(&terminal, script).start();
    host::wait_until("the counts", || counts(place).iter().all(Option::is_some));
    terminal.wait_until_it_shows("the bar", |shown| shown.contains("Running ["));
    terminal.keys(b"\x1a");
    terminal.wait_until_it_shows("the shell", |shown| shown.contains("stopped 148"));
    assert!(!terminal.shown().contains("Running ["), "{}", terminal.shown());
    let before = counts(place);
    sleep(STOP);
    assert_eq!(counts(place), before, "all of it stands still");
    terminal.keys(b"\n");
    terminal.wait_until_it_shows("the bar again", |shown| shown.contains("Running ["));
    terminal.wait_until_it_shows("end", |shown| shown.contains("status "));
    assert!(terminal.shown().contains("status 0"), "{}", terminal.shown());
    running.end();
    let report = fs::read_to_string(place.join("report.json")).unwrap();
    report.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn time_for_which_a_run_was_stopped_does_not_count() {
    // Without cgroups there is nothing to be frozen.
    for flags in [&[][..], &["--off", "memory,pids,cpu,io,pressure"]] {
        let lines = tried(flags);
        let times = ["attempt-finished", "run-finished"].map(|kind| {
            let line = lines.iter().find(|line| line["type"] == kind).unwrap();
            Duration::from_micros(line["wall_us"].as_u64().unwrap())
        });
        // One of the waits goes on while the test is stopped.
        let least = Duration::from_secs(2) - Duration::from_millis(100);
        for time in times {
            assert!((least..Duration::from_secs(5)).contains(&time), "{times:?}");
        }
    }
}

#[test]
fn a_test_that_takes_as_long_without_a_stop_runs_out_of_time() {
    let place = tempfile::tempdir().unwrap();
    let project = Project::written(place.path(), &[("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS)]);
    fs::create_dir(place.path().join("kept")).unwrap();
    let ended = isotest(&project).arguments(["--timeout", "1s"]).run().with_code(100);
    assert_eq!(ended.word("counts"), "TIMEOUT");
}

#[test]
fn a_run_that_is_ended_while_it_is_stopped_leaves_nothing() {
    let without_cgroups = ["--off", "memory,pids,cpu,io,pressure"];
    // Killed, it can do nothing for those that stand still.
    for (signal, status) in [("TERM", "143"), ("KILL", "137")] {
        for flags in [&[][..], &without_cgroups] {
            ended_while_it_is_stopped(signal, status, flags);
        }
    }
}

fn ended_while_it_is_stopped(signal: &str, status: &str, flags: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let project = Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS)]);
    fs::create_dir(place.join("kept")).unwrap();
    let kept = place.join("kept");
    let call = isotest(&project).arguments(["--keep", kept.to_str().unwrap()]).arguments(flags);
    let mut terminal = Terminal::new();
    let script = format!(
        "\"$@\"; status=$?; echo; echo stopped $status; read line; kill -{signal} %1; fg >/dev/null; echo status $?"
    );
    let running = call.on(&terminal, &script).start();
    host::wait_until("the counts", || counts(place).iter().all(Option::is_some));
    terminal.keys(b"\x1a");
    terminal.wait_until_it_shows("the shell", |shown| shown.contains("stopped 148"));
    terminal.keys(b"\n");
    terminal.wait_until_it_shows("end", |shown| shown.contains(&format!("status {status}")));
    let mark = running.mark.clone();
    running.end();
    host::wait_until("the end of all processes", || host::processes_marked(&mark).is_empty());
}
