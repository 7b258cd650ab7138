//! Tests that together need more memory than there is for them.

use crate::call::{Call, Lines, isotest};
use crate::fit::{comes_true, fit};
use crate::host::{own_cgroup, wait_until};
use crate::project::Project;
use std::fs;
use std::io::{Write, stderr};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const TEST_MIB: u64 = 192;
const TEST_TIME: Duration = Duration::from_millis(1500);

/// A cgroup with room for three of the tests and what executes them, and a history in which they are known.
struct Short {
    cgroup: PathBuf,
    state: TempDir,
}

impl Short {
    /// `None` where this user can make none in version 1: in version 2 no cgroup with processes has others with limits in it.
    fn new(name: &str) -> Option<Self> {
        let cgroup = own_cgroup("memory")?.join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&cgroup).ok()?;
        let short = Self { cgroup, state: tempfile::tempdir().unwrap() };
        let limit = short.cgroup.join("memory.limit_in_bytes");
        if !limit.exists() {
            return None;
        }
        fs::write(limit, ((3 * TEST_MIB + 160) << 20).to_string()).unwrap();
        Some(short)
    }

    fn call(&self, arguments: &[&str]) -> Call {
        let call = isotest(&Project::fixture("remembered")).arguments(arguments);
        let call = call.variable("ISOTEST_HISTORY", "true").variable("XDG_STATE_HOME", self.state.path());
        let millis = format!("all={}", TEST_TIME.as_millis());
        call.variable("MIB", TEST_MIB.to_string()).variable("MILLIS", millis)
    }

    /// How often the limit was reached.
    fn hits(&self) -> u64 {
        let hits = fs::read_to_string(self.cgroup.join("memory.failcnt")).unwrap();
        hits.trim().parse().unwrap()
    }
}

impl Drop for Short {
    fn drop(&mut self) {
        // Processes may take a moment to leave it.
        wait_until("the cgroup is removed", || fs::remove_dir(&self.cgroup).is_ok());
    }
}

fn skip(what: &str) {
    // Not by a macro, which would keep it from whoever executes the tests.
    let _ = writeln!(stderr(), "skipped without cgroups of version 1: {what}");
}

fn number(lines: &Lines, key: &str) -> u64 {
    lines.finished[key].as_u64().unwrap()
}

#[test]
fn tests_wait_for_memory_that_they_are_known_to_need() {
    let Some(short) = Short::new("cli-waits") else { return skip("waiting for memory") };
    // They become known where there is room for all.
    short.call(&["-j", "1"]).variable("MILLIS", "").run().with_code(0);
    let (ended, lines) = short.call(&["-j", "8"]).within_cgroup(&short.cgroup).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!((number(&lines, "replaced"), short.hits()), (0, 0), "nothing ran short: {ended:#?}");
    assert!(number(&lines, "waited_for_memory") >= 5, "{ended:#?}");
    // The best that three at once can do, however long each takes on a busy machine.
    let walls = lines.attempts.iter().map(|attempt| attempt["wall_us"].as_u64().unwrap());
    let best = Duration::from_micros(walls.sum::<u64>() / 3);
    let wall = Duration::from_micros(number(&lines, "wall_us"));
    assert!(best >= TEST_TIME * 8 / 3 && wall < best.mul_f64(1.3), "{wall:?} instead of {best:?}");

    let ended = short.call(&["-j", "8", "--no-memory-aware"]).within_cgroup(&short.cgroup).run();
    assert!(short.hits() > 0, "control: they do not fit all at once: {ended:#?}");
}

#[test]
fn in_a_first_run_tests_wait_for_as_much_as_others_of_their_binary_needed() {
    let Some(short) = Short::new("cli-first") else { return skip("the first run") };
    // Of the first four nothing is known, and three fit; by then it is known that no fourth fits. With a limit of failures
    // no test is given to a thread before that is free.
    let (ended, lines) = short.call(&["-j", "4", "--max-fail", "9"]).within_cgroup(&short.cgroup).lines();
    assert_eq!((ended.status.code(), lines.attempts.len()), (Some(0), 8), "{ended:#?}");
    assert!(number(&lines, "waited_for_memory") > 0, "{ended:#?}");
}

#[test]
fn how_long_a_run_takes_with_little_memory_is_foretold() {
    let Some(short) = Short::new("cli-foretold") else { return skip("a fit to little memory") };
    let lines = short.state.path().join("run.jsonl");
    let report = format!("json={}", lines.display());
    // With as many at once as may be, since only one of the machines is short.
    short.call(&["-j", "2", "--report", &report]).run().with_code(0);
    let machines = ["--machine", &format!("8:{}MiB", 3 * TEST_MIB + 100), "--machine", "8"];
    let foretold = fit(&lines, &machines);
    let waited = |line: &serde_json::Value| line["waited_for_memory"].as_u64().unwrap();
    assert_eq!((waited(&foretold[0]), waited(&foretold[1])), (5, 0), "{foretold:?}");
    let most = foretold[0]["memory_peak_bytes"].as_u64().unwrap() >> 20;
    assert!((3 * TEST_MIB..3 * TEST_MIB + 100).contains(&most), "{foretold:?}");
    comes_true(&foretold[0], || short.call(&["-j", "8"]).within_cgroup(&short.cgroup));
}

#[test]
fn what_is_killed_because_others_need_much_runs_again_alone() {
    let Some(short) = Short::new("cli-killed") else { return skip("a shortage of memory") };
    let (ended, lines) = short.call(&["-j", "8", "--no-memory-aware"]).within_cgroup(&short.cgroup).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!((lines.attempts.len(), lines.finished["counts"]["passed"].as_u64()), (8, Some(8)));
    let again = lines.attempts.iter().filter(|attempt| {
        let remarks = attempt["remarks"].as_array().unwrap().iter();
        remarks.filter_map(|remark| remark.as_str()).any(|remark| {
            remark == "executed again, alone: the machine ran short of memory, and the kernel had killed 1 of its processes"
        })
    });
    let again = again.count();
    assert!(again > 0, "{ended:#?}");
    assert_eq!(number(&lines, "replaced"), u64::try_from(again).unwrap());
}

#[test]
fn a_limit_of_its_own_is_no_shortage() {
    let Some(short) = Short::new("cli-own") else { return skip("a limit of a test's own") };
    let (ended, lines) = short.call(&["-j", "1", "--memory-limit", "64MiB", "tests::a"]).lines();
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    assert_eq!((number(&lines, "replaced"), lines.attempts[0]["outcome"].as_str()), (0, Some("oom-killed")));
}
