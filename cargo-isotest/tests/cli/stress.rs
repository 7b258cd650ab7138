//! Tests that are executed many times: every verdict counts, and how their figures spread is shown.

use crate::call::{Call, isotest};
use crate::host;
use crate::project::Project;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::path::Path;

const MANIFEST: &str =
    "[package]\nname = \"again\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

/// A test that is steady, and one that is cold in every fourth iteration: it uses more, takes longer, and fails.
const TESTS: &str = r#"
use std::{env::var, thread::sleep, time::Duration};

#[test]
fn steady() {}

#[test]
fn cold() {
    assert_eq!(var("NEXTEST_STRESS_TOTAL").as_deref(), Ok("16"));
    let current: u32 = var("NEXTEST_STRESS_CURRENT").unwrap().parse().unwrap();
    assert!(var("NEXTEST_ATTEMPT_ID").unwrap().contains(&format!("@stress-{current}$")));
    if current % 4 == 0 {
        let used = vec![1u8; 64 << 20];
        sleep(Duration::from_secs(1));
        panic!("{}", used.iter().map(|byte| usize::from(*byte)).sum::<usize>());
    }
}
"#;

fn project(place: &Path) -> Project {
    Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS)])
}

/// The iterations of a test and their outcomes.
fn iterations(lines: &[Value], name: &str) -> Vec<(u64, String)> {
    let of_it = lines.iter().filter(|line| line["type"] == "attempt-finished" && line["name"] == name);
    let mut all: Vec<_> = of_it
        .map(|it| (it["iteration"].as_u64().unwrap(), it["outcome"].as_str().unwrap().to_owned()))
        .collect();
    all.sort();
    all
}

fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn call(project: &Project, json: &Path) -> Call {
    isotest(project).arguments(["-j", "2", "--report", &format!("json={}", json.display())])
}

#[test]
fn each_execution_has_a_verdict_and_a_number_and_two_modes_are_named() {
    let place = tempfile::tempdir().unwrap();
    let (project, json, junit) =
        (project(place.path()), place.path().join("json"), place.path().join("junit.xml"));
    let call = call(&project, &json).arguments(["--report", &format!("junit={}", junit.display())]);
    let text = call.arguments(["--stress-count", "16"]).run().with_code(100).stdout;
    let lines = read(&json);
    let all: Vec<_> = (1..=16).map(|number| (number, "passed".to_owned())).collect();
    assert_eq!(iterations(&lines, "steady"), all);
    let failed = |number: u64| if number % 4 == 1 { "failed" } else { "passed" };
    let cold: Vec<_> = (1..=16).map(|number| (number, failed(number).to_owned())).collect();
    assert_eq!(iterations(&lines, "cold"), cold);
    let finished = lines.last().unwrap();
    assert_eq!((&finished["counts"]["failed"], &finished["not_run"]), (&4.into(), &0.into()));
    assert!(text.contains(" 32 run: 28 passed, 4 failed "), "{text}");
    assert!(text.contains("  cold (iteration 5 of 16)\n"), "{text}");
    assert!(text.contains("      Stress again steady: 16 executions, 16 passed\n"), "{text}");
    let (_, cold) = text.split_once("      Stress again cold: 16 executions, 12 passed, 4 failed\n").unwrap();
    let cold: Vec<_> = cold.lines().take(4).collect();
    assert!(cold[0].contains("             time ") && cold[0].contains("▕"), "{text}");
    // How long an execution takes a busy machine decides, too, but not how much it needs.
    let modes = cold.iter().skip_while(|line| !line.contains("             peak ")).nth(1);
    let holds = lines[0]["isolation"]["memory"]["state"] == "in-force";
    assert!(
        !holds || modes.is_some_and(|line| line.contains("two modes: about ") && line.ends_with(" in 4")),
        "{text}"
    );
    let junit = fs::read_to_string(junit).unwrap();
    assert_eq!(junit.matches("<testsuite name=\"again@iteration-").count(), 16, "{junit}");
}

#[test]
fn the_end_of_its_time_or_a_signal_or_a_failure_ends_a_stress_run() {
    let place = tempfile::tempdir().unwrap();
    let (project, json) = (project(place.path()), place.path().join("json"));
    let run = |flags: &[&str]| call(&project, &json).arguments(flags);
    let ended = run(&["steady", "--stress-duration", "2s"]).run().with_code(0);
    let times = iterations(&read(&json), "steady").len();
    assert!(times > 1 && ended.stdout.contains(&format!(" {times} run: {times} passed")), "{}", ended.stdout);
    assert!(ended.stdout.contains("  steady (iteration 2)\n"), "{}", ended.stdout);

    run(&["--stress-count", "16", "--max-fail", "1"]).run().with_code(100);
    let lines = read(&json);
    let finished = lines.last().unwrap();
    let executed = ["steady", "cold"].map(|name| u64::try_from(iterations(&lines, name).len()).unwrap());
    assert_eq!(finished["not_run"].as_u64(), Some(32 - executed.iter().sum::<u64>()), "{finished}");

    let json = place.path().join("infinite");
    let running = call(&project, &json).arguments(["steady", "--stress-count", "infinite"]).start();
    let written = || fs::read_to_string(&json).unwrap_or_default();
    host::wait_until("three iterations", || written().matches("attempt-finished").count() >= 3);
    kill(Pid::from_raw(running.child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert!(running.end().stdout.contains("   Cancelled by SIGINT, "));
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    for (flags, why) in [
        (&["--stress-count", "0"][..], "a number above 0, or `infinite`"),
        (&["--stress-count", "2", "--stress-duration", "1s"], "cannot be used with"),
        (&["--stress-count", "2", "--no-run"], "cannot be used with"),
    ] {
        let ended = isotest(&project).arguments(flags).run().with_code(2);
        assert!(ended.stderr.contains(why), "{flags:?}: {}", ended.stderr);
    }
}
