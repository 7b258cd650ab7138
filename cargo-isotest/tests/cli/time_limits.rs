//! Tests and runs that take too long, and runs that are cut short.

use crate::call::isotest;
use crate::project::Project;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// One test that takes as long as it is told, three that fail at once, and one that passes.
const LONG: &str = r#"
#[test]
fn a_sleeps() {
    let seconds = std::env::var("SECONDS").map_or(0.0, |seconds| seconds.parse().unwrap());
    std::thread::sleep(std::time::Duration::from_secs_f64(seconds));
}

#[test]
fn b_fails() {
    panic!();
}

#[test]
fn c_fails() {
    panic!();
}

#[test]
fn d_fails() {
    panic!();
}

#[test]
fn e_passes() {}
"#;

fn long(place: &Path) -> Project {
    let manifest = "[package]\nname = \"long\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
    Project::written(place, &[("Cargo.toml", manifest), ("src/lib.rs", LONG)])
}

#[test]
fn a_slow_test_says_so_while_it_runs() {
    let place = tempfile::tempdir().unwrap();
    let project = long(place.path());
    let call = |period| {
        let call =
            isotest(&project).arguments(["a_sleeps", "--slow-timeout", period]).variable("SECONDS", "2.6");
        call.arguments(["--message-format", "json"]).run().with_code(0)
    };
    let ended = call("1s");
    let slow: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let slow: Vec<_> = slow.iter().filter(|line| line["type"] == "attempt-slow").collect();
    let times: Vec<_> = slow.iter().map(|line| line["running_us"].as_u64().unwrap()).collect();
    assert_eq!(times, [1_000_000, 2_000_000], "{}", ended.stdout);
    assert_eq!((&slow[0]["name"], &slow[0]["attempt"]), (&"a_sleeps".into(), &1.into()));
    assert!(ended.stderr.contains("        Slow [>   1.0s] long a_sleeps\n"), "{}", ended.stderr);
    assert!(!call("1m").stdout.contains("attempt-slow"), "control");
}

#[test]
fn after_some_periods_a_test_is_ended_and_fails_unless_it_is_to_pass() {
    let place = tempfile::tempdir().unwrap();
    let project = long(place.path());
    let call = |value: &str| {
        isotest(&project).arguments(["a_sleeps", "--slow-timeout", value]).variable("SECONDS", "50").run()
    };
    let began = Instant::now();
    let ended = call("{ period = '1s', terminate-after = 2 }").with_code(100);
    assert_eq!(ended.word("a_sleeps"), "TIMEOUT");
    let ended = call("{ period = '1s', terminate-after = 2, on-timeout = 'pass' }").with_code(0);
    assert_eq!(ended.word("a_sleeps"), "TMPASS");
    assert!(ended.stdout.contains("] 1 run: 1 passed (1 timed out), "), "{}", ended.stdout);
    assert!(began.elapsed() < Duration::from_secs(50), "neither ended by itself");
}

#[test]
fn a_test_has_its_grace_to_end_in_order() {
    let wall = |arguments: &[&str]| {
        let call = isotest(&Project::fixture("bad_days")).arguments(["--test", "ignores_sigterm"]);
        let (ended, lines) = call.arguments(arguments).lines();
        assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
        assert_eq!(lines.attempts[0]["outcome"], "timed-out");
        Duration::from_micros(lines.attempts[0]["wall_us"].as_u64().unwrap())
    };
    let patient = wall(&["--slow-timeout", "{ period = '1s', terminate-after = 1, grace-period = '6s' }"]);
    assert!(patient >= Duration::from_secs(7), "{patient:?}");
    let usual = wall(&["--timeout", "1s"]);
    assert!((Duration::from_secs(3)..Duration::from_secs(7)).contains(&usual), "{usual:?}");
}

#[test]
fn a_run_ends_after_so_many_failures() {
    let place = tempfile::tempdir().unwrap();
    let project = long(place.path());
    let run = |arguments: &[&str]| {
        let (ended, lines) = isotest(&project).arguments(["-j", "1"]).arguments(arguments).lines();
        assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
        let finished = lines.finished;
        (
            finished["counts"]["failed"].clone(),
            finished["not_run"].clone(),
            finished["cancelled"]["by"].clone(),
        )
    };
    let fail_fast = Value::from("fail-fast");
    assert_eq!(run(&["--fail-fast"]), (1.into(), 3.into(), fail_fast.clone()));
    assert_eq!(run(&["--max-fail", "2"]), (2.into(), 2.into(), fail_fast.clone()));
    assert_eq!(run(&["--fail-fast", "--max-fail", "3"]), (3.into(), 1.into(), fail_fast));
    for all in ["--max-fail=all", "--max-fail=4", "--no-fail-fast"] {
        assert_eq!(run(&["--fail-fast", all]), (3.into(), 0.into(), Value::Null), "{all}");
    }
}

#[test]
fn a_failure_kills_what_runs_if_that_is_to_end_at_once() {
    let place = tempfile::tempdir().unwrap();
    let project = long(place.path());
    let call = |mode| {
        let call = isotest(&project).arguments(["-j", "2", "--max-fail", mode, "a_sleeps", "b_fails"]);
        call.variable("SECONDS", "8").lines()
    };
    let (ended, lines) = call("1:immediate");
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    assert_eq!(lines.finished["interrupted"][0]["name"], "a_sleeps", "{}", lines.finished);
    let said = "   Cancelled after a failure, 1 test interrupted, 0 tests not run";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    let (_, lines) = call("1:wait");
    assert_eq!(lines.outcome("long", "a_sleeps"), "passed", "control");
}

#[test]
fn the_time_of_a_run_ends_it_and_what_was_not_finished_has_not_passed() {
    let place = tempfile::tempdir().unwrap();
    let project = long(place.path());
    let call = |limit| {
        let call =
            isotest(&project).arguments(["-j", "1", "--global-timeout", limit, "a_sleeps", "e_passes"]);
        call.variable("SECONDS", "4").lines()
    };
    let (ended, lines) = call("1s");
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    assert_eq!(lines.finished["cancelled"]["by"], "global-timeout");
    let finished = &lines.finished;
    assert_eq!((&finished["interrupted"][0]["name"], &finished["not_run"]), (&"a_sleeps".into(), &1.into()));
    let (ended, lines) = call("5m");
    assert_eq!((ended.status.code(), &lines.finished["cancelled"]), (Some(0), &Value::Null), "control");
}
