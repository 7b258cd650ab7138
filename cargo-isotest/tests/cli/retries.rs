//! Tests that fail and are attempted again.

use crate::call::{Call, isotest};
use crate::project::Project;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// A test that fails in its first two attempts, one that fails in all, one that passes, and one that is told which of its
/// attempts it is.
const UNSURE: &str = r#"
use std::env::var;

fn attempt() -> u32 {
    var("ISOTEST_ATTEMPT").unwrap().parse().unwrap()
}

#[test]
fn third_time() {
    assert!(attempt() > 2, "attempt {}", attempt());
}

#[test]
fn never() {
    panic!();
}

#[test]
fn at_once() {}

#[test]
fn is_told() {
    assert_eq!(var("NEXTEST_ATTEMPT").unwrap(), attempt().to_string());
    assert_eq!(var("NEXTEST_TOTAL_ATTEMPTS").as_deref(), Ok("4"));
}
"#;

fn unsure(place: &Path) -> Project {
    let manifest = "[package]\nname = \"unsure\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
    Project::written(place, &[("Cargo.toml", manifest), ("src/lib.rs", UNSURE)])
}

fn attempts(attempts: &[Value], name: &str) -> Vec<Value> {
    let of_it = attempts.iter().filter(|attempt| attempt["name"] == name);
    of_it.map(|it| json!([it["attempt"], it["attempts"], it["outcome"], it["is_last"]])).collect()
}

#[test]
fn a_test_is_attempted_until_it_passes() {
    let place = tempfile::tempdir().unwrap();
    let project = unsure(place.path());
    let (ended, lines) = isotest(&project).arguments(["--retries", "3", "-j", "2"]).lines();
    assert_eq!(ended.status.code(), Some(100), "`never` fails: {ended:#?}");
    let of = |name| Value::from(attempts(&lines.attempts, name));
    let expected = json!([[1, 4, "failed", false], [2, 4, "failed", false], [3, 4, "flaky", true]]);
    assert_eq!(of("third_time"), expected);
    let numbers: Vec<_> = (1..=4).map(|number| json!([number, 4, "failed", number == 4])).collect();
    assert_eq!(of("never"), Value::from(numbers));
    for name in ["at_once", "is_told"] {
        assert_eq!(of(name), json!([[1, 4, "passed", true]]));
    }
    let counts = &lines.finished["counts"];
    assert_eq!([&counts["passed"], &counts["flaky"], &counts["failed"]], [2, 1, 1], "{counts}");
}

#[test]
fn a_flaky_test_passes_unless_it_is_to_fail() {
    let place = tempfile::tempdir().unwrap();
    let project = unsure(place.path());
    let call = |arguments: &[&str]| isotest(&project).arguments(["third_time"]).arguments(arguments).run();
    let alone = call(&[]).with_code(100);
    assert_eq!(alone.word("third_time"), "FAIL", "control: without retries it fails");
    call(&["--retries", "1"]).with_code(100);

    let ended = call(&["--retries", "2"]).with_code(0);
    let list = "       Flaky 1 test:\n       FLAKY [";
    assert!(ended.stdout.contains(list), "{}", ended.stdout);
    assert!(ended.stdout.contains(" third_time (attempt 1 of 3)\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("] 1 run: 1 passed (1 flaky), "), "{}", ended.stdout);

    let ended = call(&["--retries", "2", "--flaky-result", "fail"]).with_code(100);
    assert!(ended.stdout.contains("  Not passed 1 test:\n  FLAKY-FAIL ["), "{}", ended.stdout);
    assert!(ended.stdout.contains("] 1 run: 0 passed, 1 failed (1 flaky), "), "{}", ended.stdout);
}

#[test]
fn a_delay_is_waited_for_while_others_run() {
    let place = tempfile::tempdir().unwrap();
    let project = unsure(place.path());
    isotest(&project).arguments(["at_once"]).run().with_code(0);
    let lasts = |retries: &str| {
        let began = Instant::now();
        let call: Call = isotest(&project).arguments(["third_time", "at_once", "-j", "1"]);
        let (ended, lines) = call.arguments(["--retries", retries]).lines();
        assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
        let order: Vec<_> = lines.attempts.iter().map(|attempt| attempt["name"].as_str().unwrap()).collect();
        assert_eq!(order.len(), 4, "{order:?}");
        began.elapsed()
    };
    let doubling = "{ backoff = 'exponential', count = 2, delay = '1500ms' }";
    assert!(lasts(doubling) >= Duration::from_millis(4500));
    assert!(lasts("2") < Duration::from_millis(4500), "control");
}

#[test]
fn nonsense_is_refused_with_what_would_be_sense() {
    let place = tempfile::tempdir().unwrap();
    let project = unsure(place.path());
    for (value, expected) in [
        ("often", "neither a number nor a table such as `{ backoff = "),
        ("{ backoff = 'slow', count = 1 }", "unknown variant `slow`, expected `fixed` or `exponential`"),
    ] {
        let ended = isotest(&project).arguments(["--retries", value]).run().with_code(2);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}
