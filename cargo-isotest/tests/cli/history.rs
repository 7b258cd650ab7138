//! What runs keep of their tests, and what later runs do with it.

use crate::call::{Call, Ended, isotest, isotest_between};
use crate::project::Project;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use tempfile::TempDir;

/// A state directory, in which calls have a history.
struct State(TempDir);

impl State {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Has a call keep its history here.
    fn of(&self, call: Call) -> Call {
        call.variable("ISOTEST_HISTORY", "true").variable("XDG_STATE_HOME", self.path())
    }

    fn call(&self, arguments: &[&str]) -> Call {
        self.of(isotest(&Project::fixture("remembered")).arguments(arguments))
    }

    /// The one file of the history.
    fn file(&self) -> PathBuf {
        let workspaces: Vec<_> = fs::read_dir(self.path().join("isotest")).unwrap().collect();
        let [workspace] = &workspaces[..] else { panic!("{workspaces:?}") };
        workspace.as_ref().unwrap().path().join("history.redb")
    }
}

/// The names of tests in the order in which they started.
fn started(mut attempts: Vec<Value>) -> String {
    attempts.sort_by_key(|attempt| attempt["start_us"].as_u64().unwrap());
    attempts.iter().map(|attempt| attempt["name"].as_str().unwrap().trim_start_matches("tests::")).collect()
}

#[test]
fn a_configuration_of_nextest_is_told_of_once_if_there_is_no_other() {
    let (state, place) = (State::new(), tempfile::tempdir().unwrap());
    let project = Project::copied("remembered", place.path());
    let file = |name: &str| project.directory.join(".config").join(name);
    fs::create_dir_all(project.directory.join(".config")).unwrap();
    let says = |arguments: &[&str]| {
        let ended = state.of(isotest(&project).arguments(arguments)).run().with_code(0);
        ended.stdout.matches("`--nextest-config` takes its settings over").count()
    };
    assert_eq!(says(&["--no-history"]), 0, "there is none");
    fs::write(file("nextest.toml"), "[profile.default]\nretries = 1\n").unwrap();
    assert_eq!(says(&["--no-history"]), 0, "nothing would remember it");
    assert_eq!(says(&["--nextest-config", "--no-history"]), 0);
    assert_eq!([says(&[]), says(&[])], [1, 0]);
    fs::remove_dir_all(state.path().join("isotest")).unwrap();
    fs::write(file("isotest.toml"), "").unwrap();
    assert_eq!(says(&[]), 0, "there is another");
}

#[test]
fn what_failed_starts_first_and_then_the_longest() {
    let state = State::new();
    let times = "a=0,b=0,c=300,d=0,e=0,f=0,g=600,h=0";
    let order = |jobs, arguments: &[&str]| {
        let call = state.call(&["-j", jobs]).variable("MILLIS", times).variable("FAILS", "e");
        let (_, lines) = call.arguments(arguments).lines();
        started(lines.attempts)
    };
    assert_eq!(order("1", &[]), "abcdefgh", "nothing is known yet");
    assert_eq!(order("1", &[]), "eabcdfgh", "lengths do not count where nothing runs beside");
    let both = order("2", &[]);
    assert!(["egc", "gec"].contains(&&both[..3]), "{both}");
    assert_eq!(order("1", &["--no-history"]), "abcdefgh");
}

#[test]
fn only_what_failed_last_runs_again() {
    let state = State::new();
    let run = |fails, arguments: &[&str]| {
        let (ended, lines) = state.call(&["-j", "1"]).variable("FAILS", fails).arguments(arguments).lines();
        (ended.status.code(), started(lines.attempts))
    };
    let refused = state.call(&["--rerun-failed"]).run().with_code(4);
    let expected = "error: no tests to run: nothing is known of earlier runs of the selected tests\n";
    assert!(refused.stderr.contains(expected), "{refused:#?}");
    assert_eq!(run("b,e,g", &[]), (Some(100), "abcdefgh".to_owned()));
    assert_eq!(run("b", &["--rerun-failed"]), (Some(100), "beg".to_owned()));
    assert_eq!(run("", &["--rerun-failed"]), (Some(0), "b".to_owned()));
    assert_eq!(run("c", &["tests::c"]), (Some(100), "c".to_owned()));
    assert_eq!(run("c", &["tests::a"]), (Some(0), "a".to_owned()), "each test's own last result counts");
    assert_eq!(run("", &["--rerun-failed"]), (Some(0), "c".to_owned()));

    let ended = state.call(&["--rerun-failed"]).run().with_code(0);
    let expected = "warning: no tests to run: no selected test failed when it last ran\n";
    assert!(ended.stderr.contains(expected), "{ended:#?}");
    state.call(&["--rerun-failed", "--no-tests", "fail"]).run().with_code(4);
    state.call(&["--rerun-failed", "--no-history"]).run().with_code(2);
}

#[test]
fn runs_at_the_same_time_lose_nothing() {
    let state = State::new();
    thread::scope(|scope| {
        for fails in ["a", "b", "c", "d"] {
            let call = state.call(&[&format!("tests::{fails}")]).variable("FAILS", fails);
            scope.spawn(move || call.run().with_code(100));
        }
    });
    let (_, lines) = state.call(&["--rerun-failed", "-j", "1"]).lines();
    assert_eq!(started(lines.attempts), "abcd");
}

#[test]
fn what_executes_no_test_leaves_no_history() {
    let state = State::new();
    state.call(&["list"]).run().with_code(0);
    state.call(&["--no-run"]).run().with_code(0);
    state.call(&["nothing", "--no-tests", "pass"]).run().with_code(0);
    state.call(&["--no-history"]).run().with_code(0);
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    state.call(&[]).run().with_code(0);
    assert!(state.file().is_file(), "control");
}

#[test]
fn the_home_has_a_state_directory_too() {
    let home = State::new();
    let project = Project::fixture("remembered");
    // Cargo is found without it, too.
    let call = isotest(&project).variable("ISOTEST_HISTORY", "true").variable("HOME", home.path());
    call.run().with_code(0);
    let kept = fs::read_dir(home.path().join(".local/state/isotest")).unwrap().count();
    assert_eq!(kept, 1);
}

/// The warnings of a run of which the exit code is as ever.
#[track_caller]
fn warnings(ended: &Ended) -> Vec<&str> {
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    ended.stderr.lines().filter(|line| line.starts_with("warning: ")).collect()
}

#[test]
fn a_damaged_history_is_set_aside_and_a_new_one_begins() {
    let state = State::new();
    let run = || state.call(&[]).variable("FAILS", "a").run();
    assert!(warnings(&run()).is_empty());
    fs::write(state.file(), "no database").unwrap();
    let ended = run();
    let aside = state.file().with_extension("redb.set-aside");
    let expected = format!(
        "warning: the history of earlier runs cannot be read; it is now `{}`, and a new one begins: `{}`: ",
        aside.display(),
        state.file().display()
    );
    assert!(matches!(&warnings(&ended)[..], [line] if line.starts_with(&expected)), "{ended:#?}");
    assert_eq!(fs::read_to_string(aside).unwrap(), "no database");
    assert!(warnings(&run()).is_empty());
    let (_, lines) = state.call(&["--rerun-failed"]).lines();
    assert_eq!(started(lines.attempts), "a");

    // A piece of it only.
    let file = File::options().write(true).open(state.file()).unwrap();
    file.set_len(5000).unwrap();
    assert_eq!(warnings(&run()).len(), 1);
    assert!(warnings(&run()).is_empty());

    fs::remove_file(state.file()).unwrap();
    fs::create_dir(state.file()).unwrap();
    assert_eq!(warnings(&run()).len(), 1, "a directory is no history");
    assert!(warnings(&run()).is_empty());
}

#[test]
fn a_history_that_cannot_be_written_is_no_failure() {
    let state = State::new();
    let project = Project::fixture("remembered");
    let between = |script: &str, arguments: &[&str]| {
        let script = script.replace("STATE", state.path().to_str().unwrap());
        let call = state.of(isotest_between(&script, "", &project)).variable("FAILS", "a");
        call.arguments(arguments).run()
    };
    assert!(warnings(&between("", &[])).is_empty());
    let what = "warning: this run is not added to the history, which `--no-history` switches off: ";
    let one_line = |ended: &Ended, end: &str| {
        let warnings = warnings(ended);
        assert!(
            matches!(&warnings[..], [line] if line.starts_with(what) && line.ends_with(end)),
            "{ended:#?}"
        );
    };
    let read_only = "mount --bind STATE STATE; mount -o remount,bind,ro STATE";
    // What was kept before is known all the same.
    one_line(&between(read_only, &["--rerun-failed"]), "Read-only file system (os error 30)");
    let full = "mount -t tmpfs -o size=16k tmpfs STATE; head -c 16k /dev/zero > STATE/full || true";
    one_line(&between(full, &[]), "No space left on device (os error 28)");
    assert!(warnings(&between("", &["--rerun-failed"])).is_empty(), "what was kept is not lost");
}
