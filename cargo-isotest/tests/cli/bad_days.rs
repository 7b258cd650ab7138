//! Tests that misbehave end in a clear verdict, and neither their neighbours nor the host notice.

use crate::call::{Lines, isotest};
use crate::host::{self, is_refused_without_cgroups};
use crate::project::Project;
use serde_json::Value;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The most memory of a supervisor, in KiB.
const SUPERVISOR_KIB: u64 = 64 << 10;

const OUTCOMES: [(&str, &str, &str); 25] = [
    ("neighbours", "computes", "passed"),
    ("neighbours", "writes_to_tmp", "passed"),
    ("aborts", "aborts", "signaled"),
    ("closes_stdout", "passes", "passed"),
    ("closes_stdout", "fails", "failed"),
    ("daemonises", "daemonises", "leaked"),
    ("exits", "with_code_0", "passed"),
    ("exits", "with_code_3", "failed"),
    ("fills_tmp", "fills", "oom-killed"),
    ("forks_without_end", "forks", "failed"),
    ("ignores_sigterm", "ignores", "timed-out"),
    ("kills_its_parent", "kills", "passed"),
    ("kills_its_parent", "kills_all_it_can", "passed"),
    ("leaves_an_orphan_holding_stdout", "leaves", "leaked"),
    ("never_ends", "waits", "timed-out"),
    ("never_ends", "computes", "timed-out"),
    ("panics", "panics", "failed"),
    ("prints_100_mb", "passes", "passed"),
    ("prints_100_mb", "fails", "failed"),
    ("prints_invalid_utf8", "passes", "passed"),
    ("prints_invalid_utf8", "fails", "failed"),
    ("segfaults", "segfaults", "signaled"),
    ("stops_itself", "stops", "timed-out"),
    ("terminates_itself", "terminates", "signaled"),
    ("unmounts", "unmounts", "passed"),
];

#[test]
fn each_ends_in_its_verdict_and_the_host_is_as_before() {
    let project = Project::fixture("bad_days");
    let (mounts, files) = (host::mounts(), project.files());
    let limited = |flags: &[&str]| {
        isotest(&project).arguments(["--message-format", "json", "--timeout", "3s"]).arguments(flags).run()
    };
    let mut ended = limited(&["--memory-limit", "300MiB", "--pids-limit", "60"]);
    let without_cgroups = is_refused_without_cgroups(&ended, "memory");
    if without_cgroups {
        // What no cgroup ends, another limit does, but for the one that takes all memory.
        ended = limited(&["--rlimit", "nproc=60", "--skip", "fills"]);
    }
    let lines = Lines::new(&ended);
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    for (binary, name, outcome) in OUTCOMES {
        if without_cgroups && name == "fills" {
            continue;
        }
        let attempt = lines.attempt(&format!("bad_days::{binary}"), name);
        assert_eq!(attempt["outcome"], outcome, "{attempt}");
    }
    let signal =
        |binary: &str, name: &str| lines.attempt(&format!("bad_days::{binary}"), name)["signal"].clone();
    assert_eq!(signal("aborts", "aborts"), "SIGABRT");
    assert_eq!(signal("segfaults", "segfaults"), "SIGSEGV");
    assert_eq!(signal("terminates_itself", "terminates"), "SIGTERM");
    let forks = lines.attempt("bad_days::forks_without_end", "forks");
    let counted = if without_cgroups { Value::Null } else { 60.into() };
    assert_eq!(forks["usage"]["pids_peak"], counted, "{forks}");
    assert!(forks["stderr"].as_str().unwrap().contains("Resource temporarily unavailable"), "{forks}");
    assert_eq!(host::mounts(), mounts);
    assert_eq!(project.files(), files);
}

#[test]
fn a_flood_of_output_is_kept_in_part_and_costs_little_memory() {
    let call = isotest(&Project::fixture("bad_days")).arguments(["--test", "prints_100_mb"]);
    let (ended, lines) = call.lines();
    assert_eq!(ended.status.code(), Some(100), "{}", ended.stderr);
    let attempt = lines.attempt("bad_days::prints_100_mb", "fails");
    let kept = attempt["stdout"].as_str().unwrap();
    let dropped = attempt["stdout_dropped_bytes"].as_u64().unwrap();
    assert!(kept.contains("FIRST LINE\n") && kept.contains("LAST LINE\n"));
    assert!(dropped > 98_000_000 && kept.len() < 2 << 20, "{dropped} dropped, {} kept", kept.len());
    assert!(ended.stderr.contains(&format!("... {dropped} bytes left out ...")));
}

#[test]
fn the_supervisor_stays_small() {
    let mut call = isotest(&Project::fixture("bad_days")).arguments(["--test", "prints_100_mb"]);
    call.command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = call.start();
    let (pid, mut peak) = (running.child.id(), None);
    while running.child.try_wait().unwrap().is_none() {
        peak = peak.max(high_water_mark(pid));
        sleep(Duration::from_millis(2));
    }
    assert!(peak.is_some_and(|peak| peak < SUPERVISOR_KIB), "{peak:?} KiB");
}

fn high_water_mark(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn bytes_that_are_no_text_are_shown_as_such() {
    let call = isotest(&Project::fixture("bad_days")).arguments(["--test", "prints_invalid_utf8"]);
    let ended = call.run().with_code(100);
    assert!(ended.stdout.contains("before \u{fffd}\u{fffd}\u{fffd}( after\n"), "{}", ended.stdout);
}

#[test]
fn an_orphan_does_not_keep_its_test_from_ending() {
    let began = Instant::now();
    let ended =
        isotest(&Project::fixture("bad_days")).arguments(["--test", "leaves_an_orphan_holding_stdout"]).run();
    assert_eq!(ended.with_code(0).word("leaves"), "LEAK");
    assert!(began.elapsed().as_secs() < 25, "the orphan sleeps for 30 seconds");
}
