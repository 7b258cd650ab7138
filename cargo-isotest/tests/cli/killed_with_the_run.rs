//! Tests that are killed because their run ends, and tests that the run leaves no time for another attempt.

use crate::call::{Call, isotest};
use crate::host;
use crate::project::Project;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::path::Path;

const MANIFEST: &str =
    "[package]\nname = \"talks\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

/// A test that says what it waits for and never ends, and one that then fails.
const TESTS: &str = r#"
use std::{fs, path::Path, thread::sleep, time::Duration};

#[test]
fn waits() {
    let used = vec![1u8; 8 << 20];
    println!("asks {}", used.iter().map(|byte| usize::from(*byte)).sum::<usize>());
    eprintln!("waits for the oracle");
    fs::write("kept/waits", "").unwrap();
    sleep(Duration::from_secs(600));
}

#[test]
fn fails() {
    while !Path::new("kept/waits").exists() {
        sleep(Duration::from_millis(20));
    }
    panic!("no oracle");
}
"#;

/// A test that tidies up when it is told to end, and one that fails once that one runs.
const TIDY: &str = r#"
use std::{os::unix::process::CommandExt, path::Path, process::Command, thread::sleep, time::Duration};

#[test]
fn tidies_up() {
    let script = "for signal in INT TERM HUP QUIT; do trap \"echo SIG$signal >kept/told; exit 0\" $signal; done
        >kept/runs; while :; do sleep 0.05; done";
    panic!("{}", Command::new("sh").args(["-c", script]).exec());
}

#[test]
fn fails() {
    while !Path::new("kept/runs").exists() {
        sleep(Duration::from_millis(20));
    }
    panic!("no oracle");
}
"#;

fn project(place: &Path) -> Project {
    fs::create_dir(place.join("kept")).unwrap();
    Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS)])
}

fn call(project: &Project) -> Call {
    let kept = project.directory.join("kept");
    isotest(project).arguments(["-j", "2", "--keep", kept.to_str().unwrap()])
}

fn interrupt(pid: u32) {
    send(pid, Signal::SIGINT);
}

fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

#[test]
fn a_test_hears_why_the_run_ends_and_can_tidy_up() {
    let only = ["tidies_up", "--exact"];
    for (flags, sent, told) in [
        (&only[..], Some(Signal::SIGINT), "SIGINT"),
        (&only, Some(Signal::SIGTERM), "SIGTERM"),
        (&only, Some(Signal::SIGHUP), "SIGHUP"),
        (&only, Some(Signal::SIGQUIT), "SIGQUIT"),
        (&["tidies_up", "--exact", "--global-timeout", "2s"], None, "SIGTERM"),
        (&["--max-fail", "1:immediate"], None, "SIGTERM"),
    ] {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("kept")).unwrap();
        let project = Project::written(place.path(), &[("Cargo.toml", MANIFEST), ("src/lib.rs", TIDY)]);
        let running = call(&project).arguments(flags).start();
        if let Some(sent) = sent {
            host::wait_until("the test", || place.path().join("kept/runs").exists());
            send(running.child.id(), sent);
        }
        let ended = running.end();
        let heard = fs::read_to_string(place.path().join("kept/told")).ok();
        assert_eq!(heard.as_deref(), Some(&*format!("{told}\n")), "{flags:?}: {}", ended.stdout);
        assert_eq!(ended.word("tidies_up"), "INTERRUPTED", "{}", ended.stdout);
    }
}

/// Ends a run in which a test has written something and hangs, and returns the text and, by their formats, the files.
fn ended_by(flags: &[&str], is_signal: bool) -> (String, Vec<Value>, impl Fn(&str) -> String) {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let reports = ["json", "junit", "markdown", "ctrf", "html"];
    let files = reports.map(|format| format!("{format}={}", place.path().join(format).display()));
    let call = files.iter().fold(call(&project), |call, file| call.arguments(["--report", file]));
    let running = call.arguments(flags).start();
    if is_signal {
        host::wait_until("the test", || place.path().join("kept/waits").exists());
        interrupt(running.child.id());
    }
    let text = running.end().stdout;
    let lines = fs::read_to_string(place.path().join("json")).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (text, lines, move |format: &str| fs::read_to_string(place.path().join(format)).unwrap())
}

#[test]
fn what_a_test_had_written_and_used_is_reported_whatever_ends_the_run() {
    let never = "--exact";
    for (flags, is_signal) in [
        (&["waits", never][..], true),
        (&["waits", never, "--global-timeout", "4s"], false),
        (&["--max-fail", "1:immediate"], false),
    ] {
        let (text, lines, file) = ended_by(flags, is_signal);
        let said = "  --- stdout of talks waits ---\n";
        let (_, output) = text.split_once(said).unwrap_or_else(|| panic!("{flags:?}: {text}"));
        assert!(output.contains("    asks 8388608\n"), "{flags:?}: {text}");
        assert!(output.contains("    waits for the oracle\n"), "{flags:?}: {text}");
        let killed: Vec<_> = lines.iter().filter(|line| line["type"] == "attempt-interrupted").collect();
        let [killed] = killed.as_slice() else { panic!("{lines:#?}") };
        assert_eq!((&killed["name"], &killed["attempt"]), (&"waits".into(), &1.into()));
        assert!(killed["stderr"].as_str().unwrap().contains("the oracle"), "{killed}");
        assert!(killed["wall_us"].as_u64() > Some(0), "{killed}");
        if lines[0]["isolation"]["memory"]["state"] == "in-force" {
            assert!(killed["usage"]["memory_peak_bytes"].as_u64() > Some(8 << 20), "{killed}");
        }
        for format in ["junit", "markdown", "ctrf", "html"] {
            let text = file(format);
            assert!(
                text.contains("waits for the oracle") && text.contains("INTERRUPTED"),
                "{format}: {text}"
            );
        }
        let junit = file("junit");
        assert!(
            junit.contains("<error message=\"INTERRUPTED · ") && junit.contains(" · killed with the run\"")
        );
        assert!(file("ctrf").contains(r#""rawStatus":"interrupted""#));
    }
}

#[test]
fn output_that_nobody_wants_is_not_shown() {
    let (text, ..) = ended_by(&["waits", "--failure-output", "never"], true);
    assert!(text.contains(" INTERRUPTED [") && !text.contains("waits for the oracle"), "{text}");
    let (text, ..) = ended_by(&["waits", "--failure-output", "final"], true);
    let (_, list) = text.split_once(" Interrupted 1 test:\n").unwrap_or_else(|| panic!("{text}"));
    assert!(list.contains("    waits for the oracle\n"), "{text}");
}

#[test]
fn a_failure_that_was_to_be_tried_again_stands_when_the_run_ends_before() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let retries = "{ backoff = 'fixed', count = 2, delay = '1h' }";
    let json = place.path().join("json");
    let report = format!("json={}", json.display());
    let call = |flags: &[&str]| {
        let call = call(&project).arguments(flags).variable("ISOTEST_HISTORY", "true");
        call.variable("XDG_STATE_HOME", place.path())
    };
    let running = call(&["--retries", retries, "--report", &report]).start();
    host::wait_until("the failure", || {
        fs::read_to_string(&json).is_ok_and(|text| text.contains("\"fails\""))
    });
    interrupt(running.child.id());
    let ended = running.end();
    let said = " Not retried talks fails: the run ends after attempt 1 of 3\n      Repeat cargo isotest ";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    let text = fs::read_to_string(&json).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let dropped: Vec<_> = lines.iter().filter(|line| line["type"] == "retries-dropped").collect();
    let [dropped] = dropped.as_slice() else { panic!("{text}") };
    assert_eq!(
        (&dropped["name"], &dropped["attempt"], &dropped["attempts"]),
        (&"fails".into(), &1.into(), &3.into())
    );
    // What is known of it is used.
    let again = call(&["--rerun-failed", "--message-format", "json"]).run();
    let names =
        again.stdout.matches(r#""type":"attempt-finished","binary_id":"talks","name":"fails""#).count();
    assert_eq!((again.status.code(), names), (Some(100), 1), "{again:#?}");
}
