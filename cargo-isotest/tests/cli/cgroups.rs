//! Somebody outside meddles with the cgroups of a run.

use crate::call::{Ended, Lines, isotest};
use crate::host::{cgroups_of, skip_without_cgroups, wait_until};
use crate::project::Project;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each test is there for a while, and some are only prepared.
const SLEEP: &str = r"
fn be() { std::thread::sleep(std::time::Duration::from_millis(700)); }
#[test] fn a() { be() }
#[test] fn b() { be() }
#[test] fn c() { be() }
#[test] fn d() { be() }
";

/// One after the other, so that each has one prepared behind it but the last.
const COMPUTES: &str = r"
fn be() { let began = std::time::Instant::now(); while began.elapsed().as_secs() < 2 {} }
#[test] fn a() { be() }
#[test] fn b() { be() }
";

const MANIFEST: &str =
    "[package]\nname = \"watched\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

/// A run, with which somebody meddles as soon as its first test is there.
fn meddled(place: &Path, tests: &str, meddle: impl FnOnce(&[PathBuf])) -> (Ended, Lines) {
    let project = Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", tests)]);
    let running = isotest(&project).arguments(["--message-format", "json", "-j", "1"]).start();
    let pid = running.child.id();
    let mut leaves = Vec::new();
    wait_until("a test is in its cgroup, and others are prepared", || {
        leaves = cgroups_of(pid).iter().flat_map(|run| directories(run)).collect();
        let inhabited = leaves.iter().filter(|leaf| is_inhabited(leaf)).count();
        0 < inhabited && inhabited < leaves.len()
    });
    meddle(&leaves);
    let ended = running.end();
    let lines = Lines::new(&ended);
    assert_eq!(cgroups_of(pid), [""; 0].map(PathBuf::from));
    (ended, lines)
}

/// Those of attempts, which are numbers.
fn directories(run: &Path) -> Vec<PathBuf> {
    let is_number = |entry: &DirEntry| entry.file_name().to_string_lossy().parse::<u64>().is_ok();
    let inside = fs::read_dir(run).into_iter().flatten().flatten();
    inside.filter(is_number).map(|entry| entry.path()).collect()
}

fn is_inhabited(leaf: &Path) -> bool {
    fs::read_to_string(leaf.join("cgroup.procs")).is_ok_and(|processes| !processes.is_empty())
}

/// Whether the caller can have cgroups here at all.
fn has_cgroups(place: &Path) -> bool {
    let project = Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", "#[test] fn it() {}")]);
    isotest(&project).lines().1.started["cgroup_layout"].is_string()
}

#[test]
fn tests_whose_cgroup_somebody_removes_have_no_verdict_and_the_run_says_so() {
    let place = tempfile::tempdir().unwrap();
    if !has_cgroups(&place.path().join("control")) {
        return skip_without_cgroups("removed cgroups");
    }
    let (ended, lines) = meddled(place.path(), SLEEP, |leaves| {
        for leaf in leaves.iter().filter(|leaf| !is_inhabited(leaf)) {
            // One that is about to be inhabited stays.
            let _ = fs::remove_dir(leaf);
        }
    });
    assert_eq!(ended.status.code(), Some(98), "{ended:#?}");
    let lost: Vec<_> = lines.attempts.iter().filter(|attempt| attempt["outcome"] == "not-isolated").collect();
    // The two that were prepared, and the first if it had not entered every hierarchy.
    assert!((1..=3).contains(&lost.len()), "{:#?}", lines.attempts);
    assert_eq!(lines.finished["counts"]["passed"], 4 - lost.len(), "the others are as before: {ended:#?}");
    for attempt in lost {
        let message = attempt["error"]["message"].as_str().unwrap();
        assert!(message.contains("cgroup"), "{message}");
    }
    assert!(ended.stderr.contains("another process removed the cgroup of the run"), "{}", ended.stderr);
    let (ended, _) = meddled(place.path(), SLEEP, |_| ());
    assert_eq!(ended.status.code(), Some(0), "control: {ended:#?}");
}

#[test]
fn a_test_that_somebody_moves_is_marked_as_suspect() {
    let place = tempfile::tempdir().unwrap();
    if !has_cgroups(&place.path().join("control")) {
        return skip_without_cgroups("a test that is moved");
    }
    let move_out = |leaves: &[PathBuf]| {
        for leaf in leaves.iter().filter(|leaf| is_inhabited(leaf)) {
            let elsewhere = leaf.with_file_name("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            for process in fs::read_to_string(leaf.join("cgroup.procs")).unwrap().lines() {
                fs::write(elsewhere.join("cgroup.procs"), process).unwrap();
            }
        }
    };
    let (ended, lines) = meddled(place.path(), COMPUTES, move_out);
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(lines.finished["suspect"], 1, "{ended:#?}");
    assert!(lines.attempts[0]["suspect"].as_str().unwrap().starts_with("it left its cgroup"));
    assert!(ended.stderr.contains("suspect: it left its cgroup"), "{}", ended.stderr);
    let (_, lines) = meddled(place.path(), COMPUTES, |_| ());
    assert_eq!(lines.finished["suspect"], 0, "control");
    assert!(lines.attempts[0]["suspect"].is_null(), "control");
}

#[test]
fn cgroups_that_cannot_be_removed_are_told() {
    let place = tempfile::tempdir().unwrap();
    if !has_cgroups(&place.path().join("control")) {
        return skip_without_cgroups("cgroups that stay");
    }
    let project =
        Project::written(&place.path().join("it"), &[("Cargo.toml", MANIFEST), ("src/lib.rs", SLEEP)]);
    let run = |occupy: &mut dyn FnMut(&Path)| {
        let running = isotest(&project).start();
        let mut runs = Vec::new();
        wait_until("the run has its cgroups", || {
            runs = cgroups_of(running.child.id());
            runs.iter().flat_map(|run| directories(run)).any(|leaf| is_inhabited(&leaf))
        });
        occupy(&runs[0]);
        let ended = running.end();
        assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
        (ended, runs[0].clone())
    };
    let mut stranger = None;
    let (ended, left) = run(&mut |run| {
        let elsewhere = run.join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let child = stranger.insert(Command::new("sleep").arg("60").spawn().unwrap());
        fs::write(elsewhere.join("cgroup.procs"), child.id().to_string()).unwrap();
    });
    let mut stranger = stranger.unwrap();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    fs::remove_dir(left.join("elsewhere")).unwrap();
    fs::remove_dir(&left).unwrap();
    let told =
        format!("warning: cgroups of this run could not be removed: could not remove `{}`", left.display());
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    let (ended, left) = run(&mut |_| ());
    assert!(!ended.stderr.contains("warning") && !left.exists(), "control: {}", ended.stderr);
}
