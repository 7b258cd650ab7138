//! The commit since which a test needs more memory is found.

use crate::call::{Running, isotest};
use crate::host;
use crate::project::Project;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const MANIFEST: &str = "[package]\nname = \"small\"\nedition = \"2024\"\n[workspace]\n";

/// A test that takes so many MiB, beside one that stays as it is.
fn library(mebibytes: usize) -> String {
    format!(
        "fn take(mebibytes: usize) {{ std::hint::black_box(vec![1_u8; mebibytes << 20]); }}\n\
         #[test] fn grows() {{ take({mebibytes}); }}\n#[test] fn stays() {{ take(3); }}\n"
    )
}

fn git(project: &Project, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let run = Command::new("git").args(identity).args(arguments).current_dir(&project.directory).output();
    let run = run.unwrap();
    assert!(run.status.success(), "{arguments:?}: {run:?}");
    String::from_utf8(run.stdout).unwrap()
}

/// A repository with a commit for each of these libraries.
fn repository(place: &Path, libraries: &[String]) -> Project {
    let project =
        Project::written(place, &[("Cargo.toml", MANIFEST), (".gitignore", "target\nCargo.lock\n")]);
    git(&project, &["init", "--quiet"]);
    fs::create_dir(project.directory.join("src")).unwrap();
    for (number, text) in libraries.iter().enumerate() {
        fs::write(project.directory.join("src/lib.rs"), text).unwrap();
        git(&project, &["add", "src", "Cargo.toml"]);
        git(&project, &["commit", "--quiet", "--message", &format!("commit {number}")]);
    }
    project
}

/// Whether nothing of the search is left in the target directory.
fn is_removed(project: &Project) -> bool {
    let left = fs::read_dir(&project.target).into_iter().flatten().flatten();
    left.into_iter().all(|entry| !entry.file_name().to_string_lossy().contains("blame"))
}

#[test]
fn the_commit_is_found_and_nothing_is_left() {
    let place = tempfile::tempdir().unwrap();
    let commits =
        [library(2), library(2) + "// more", "no rust".to_owned(), library(12), library(12) + "// more"];
    let project = repository(place.path(), &commits);
    if !isotest(&project).lines().1.holds("memory") {
        return;
    }
    // What is not committed is not what is tried, and stays.
    fs::write(project.directory.join("src/lib.rs"), "mine").unwrap();
    let blame = |arguments: &[&str]| {
        isotest(&project).arguments(["budgets", "blame"]).arguments(arguments.iter().copied()).run()
    };
    let found = blame(&["HEAD~4..HEAD", "small grows"]);
    let found = found.with_code(0);
    let last = found.stdout.lines().last().unwrap();
    let is_found =
        ["a: commit 3, or the one before it,", "a: commit 2, or "].iter().any(|said| last.contains(said));
    assert!(last.starts_with("from ") && (is_found || last.ends_with("a: commit 3")), "{found:#?}");
    assert!(found.stdout.contains(" cannot be tried: "), "{found:#?}");
    assert_eq!(fs::read_to_string(project.directory.join("src/lib.rs")).unwrap(), "mine");
    assert_eq!(git(&project, &["worktree", "list"]).lines().count(), 1, "its work tree is removed");
    assert!(is_removed(&project));

    let unnamed = blame(&["HEAD~2..HEAD~1"]).with_code(2);
    assert!(unnamed.stderr.contains("cannot be tried"), "its beginning does not compile: {unnamed:#?}");
    for (words, said) in [
        (&["HEAD~1..HEAD", "small stays"][..], "`small stays` needs more"),
        (&["HEAD..HEAD"], "no commit is in"),
        (&["HEAD"], "does not name commits"),
        (&["nowhere..HEAD"], "git knows no commit `nowhere`"),
        (&[], "name commits"),
    ] {
        let refused = blame(words).with_code(2);
        assert!(refused.stderr.contains(said), "{refused:#?}");
    }
}

#[test]
fn a_hook_of_git_may_search_and_the_repository_stays_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let project = repository(&place.path().join("project"), &[library(2), library(12)]);
    let elsewhere = place.path().join("elsewhere");
    git(&project, &["worktree", "add", "--quiet", "--detach", elsewhere.to_str().unwrap()]);
    fs::rename(&elsewhere, place.path().join("away")).unwrap();
    let directory = project.directory.join(".git");
    let (hook, hooked) = (directory.join("hooks/post-checkout"), place.path().join("hooked"));
    fs::create_dir_all(directory.join("hooks")).unwrap();
    fs::write(&hook, format!("#!/bin/sh\necho x >> '{}'\n", hooked.display())).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    git(&project, &["checkout", "--quiet", "HEAD"]);
    assert_eq!(fs::read_to_string(&hooked).unwrap(), "x\n", "control: git executes it");
    fs::write(project.directory.join("src/lib.rs"), "mine").unwrap();
    let state = || {
        let read = |path| fs::read(project.directory.join(path)).unwrap();
        ([".git/HEAD", ".git/index", "src/lib.rs"].map(read), git(&project, &["worktree", "list"]))
    };
    let before = state();

    let call = isotest(&project).arguments(["budgets", "blame", "HEAD~1..HEAD", "small grows"]);
    let call = call.variable("GIT_DIR", &directory).variable("GIT_INDEX_FILE", directory.join("index"));
    // Without exact peaks it cannot be found, but is searched for.
    let ended = call.variable("GIT_WORK_TREE", &project.directory).variable("GIT_PREFIX", "").run();
    assert_eq!(state(), before, "{ended:#?}");
    assert_eq!(fs::read_to_string(&hooked).unwrap(), "x\n", "{ended:#?}");
    assert!(is_removed(&project));
    if ended.status.code() != Some(0) {
        assert!(ended.stderr.contains("no peak was measured"), "{ended:#?}");
    }
}

#[test]
fn a_signal_ends_the_search_at_once() {
    let hangs = "#[test] fn hangs() { std::thread::sleep(std::time::Duration::from_secs(3600)); }\n";
    let place = tempfile::tempdir().unwrap();
    let project = repository(place.path(), &[hangs.to_owned(), format!("{hangs}// more")]);
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let running =
            isotest(&project).arguments(["budgets", "blame", "HEAD~1..HEAD", "small hangs"]).start();
        let mark = running.mark.clone();
        host::wait_until("the test", || {
            host::processes_marked(&mark).iter().any(|line| line.contains(" --exact hangs "))
        });
        kill(Pid::from_raw(running.child.id().try_into().unwrap()), signal).unwrap();
        let ended = running.end();
        assert_eq!(ended.status.code(), Some(128 + signal as i32), "{ended:#?}");
        assert_eq!(host::processes_marked(&mark), [""; 0]);
        assert_eq!(git(&project, &["worktree", "list"]).lines().count(), 1);
        assert!(is_removed(&project));
    }
}

#[test]
fn what_a_killed_search_leaves_the_next_one_removes() {
    let hangs = "#[test] fn hangs() { std::thread::sleep(std::time::Duration::from_secs(3600)); }\n";
    let place = tempfile::tempdir().unwrap();
    let project = repository(place.path(), &[hangs.to_owned(), format!("{hangs}// more")]);
    let search = || {
        let running =
            isotest(&project).arguments(["budgets", "blame", "HEAD~1..HEAD", "small hangs"]).start();
        host::wait_until("the test", || {
            host::processes_marked(&running.mark).iter().any(|line| line.contains(" --exact hangs "))
        });
        running
    };
    let trees = || git(&project, &["worktree", "list"]).lines().count() - 1;
    let signal = |running: &Running, signal| {
        kill(Pid::from_raw(running.child.id().try_into().unwrap()), signal).unwrap();
    };
    let (living, killed) = (search(), search());
    signal(&killed, Signal::SIGKILL);
    killed.end();
    assert_eq!(trees(), 2, "control: it is left");
    let next = search();
    assert_eq!(trees(), 2, "that of a search that goes on stays, and that of the killed one is gone");
    for running in [next, living] {
        signal(&running, Signal::SIGTERM);
        running.end();
    }
    assert_eq!(trees(), 0);
    assert!(is_removed(&project));
}

#[test]
fn what_a_search_cannot_use_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let project = repository(place.path(), &[library(2), library(12)]);
    for (typed, unused) in [
        (&["-E", "all()"][..], "--filterset"),
        (&["--skip", "stays"], "--skip"),
        (&["--exact"], "--exact"),
        (&["--runs", "5"], "--runs"),
        (&["--headroom=5"], "--headroom"),
        (&["--partition", "slice:1/2"], "--partition"),
        (&["--run-ignored", "all"], "--run-ignored"),
        (&["--message-format", "json"], "--message-format"),
        (&["--", "--nocapture"], "--nocapture"),
    ] {
        let call = isotest(&project).arguments(["budgets", "blame", "HEAD..HEAD"]).arguments(typed);
        let refused = call.run().with_code(2);
        let said =
            format!("`budgets blame` does not support `{unused}`; it takes commits and at most one test");
        assert!(refused.stderr.contains(&said), "{refused:#?}");
    }
}
