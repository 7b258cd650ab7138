//! The end that comes from outside: signals to the supervisor, and readers that go away.

use crate::call::{Call, Lines, Running, isotest};
use crate::host;
use crate::project::Project;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::ExitStatus;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A run in which two tests pass, and then two never end: one ignores SIGTERM, the other has stopped.
fn endless() -> Call {
    let call = isotest(&Project::fixture("bad_days"));
    call.arguments(["-j", "2", "--test", "neighbours", "--test", "ignores_sigterm", "--test", "stops_itself"])
}

fn signal(running: &Running, signal: Signal) {
    kill(Pid::from_raw(running.child.id().try_into().unwrap()), signal).unwrap();
}

/// Waits until a test of this name is being executed.
fn wait_for(running: &Running, name: &str) {
    host::wait_until(name, || {
        host::processes_marked(&running.mark).iter().any(|line| line.contains(&format!(" --exact {name} ")))
    });
}

/// A pipe that takes no further byte.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let size = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    writer.write_all(&vec![0; size.try_into().unwrap()]).unwrap();
    (reader, writer)
}

fn wait_until_gone(running: &Running) {
    host::wait_until("the end of all processes", || host::processes_marked(&running.mark).is_empty());
}

/// Whatever it does itself. A process is in its cgroup for a moment longer than it can be seen.
fn next_run_removes_what_is_left(pid: u32) {
    host::wait_until("a run that finds nothing left of an earlier one", || {
        isotest(&Project::fixture("passing")).run().with_code(0);
        host::cgroups_of(pid).is_empty()
    });
}

/// How a process ended: by a status, or by a signal.
fn end(status: ExitStatus) -> (Option<i32>, Option<i32>) {
    (status.code(), status.signal())
}

/// How a run ends that was sent this signal. A service manager takes an end by SIGTERM for success.
fn end_by(sent: Signal) -> (Option<i32>, Option<i32>) {
    match sent {
        Signal::SIGTERM | Signal::SIGHUP | Signal::SIGQUIT => (Some(128 + sent as i32), None),
        _ => (None, Some(sent as i32)),
    }
}

#[test]
fn a_signal_ends_the_run_in_order() {
    for sent in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let running = endless().start();
        wait_for(&running, "ignores");
        wait_for(&running, "stops");
        let (pid, mark) = (running.child.id(), running.mark.clone());
        signal(&running, sent);
        let ended = running.end();
        assert_eq!(end(ended.status), end_by(sent), "{ended:#?}");
        assert_eq!((ended.word("computes"), ended.word("writes_to_tmp")), ("PASS", "PASS"));
        assert_eq!((ended.word("ignores"), ended.word("stops")), ("INTERRUPTED", "INTERRUPTED"));
        let cancelled = format!("   Cancelled by {sent}, 2 tests interrupted, 0 tests not run\n");
        assert!(ended.stdout.contains(&cancelled), "{}", ended.stdout);
        assert!(ended.stdout.contains("     Summary "), "{}", ended.stdout);
        assert_eq!(host::processes_marked(&mark), [""; 0]);
        assert_eq!(host::cgroups_of(pid), [""; 0].map(std::path::PathBuf::from));
    }
}

#[test]
fn whoever_asks_is_told_how_the_run_stands() {
    let mut running = endless().start();
    wait_for(&running, "ignores");
    wait_for(&running, "stops");
    signal(&running, Signal::SIGUSR1);
    let mut lines = BufReader::new(running.child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let status = lines.find(|line| line.contains(" Status ")).unwrap();
    assert!(status.contains(" 2 of 4 tests done, 0 failed, after "), "{status}");
    let attempts: Vec<_> = lines.by_ref().take(2).collect();
    for name in ["ignores_sigterm ignores", "stops_itself stops"] {
        let line = attempts.iter().find(|line| line.ends_with(name)).expect(name);
        assert!(
            line.contains(" Running [") && line.contains("iB  ") && line.contains(" tasks  bad_days::"),
            "{line}"
        );
    }
    signal(&running, Signal::SIGTERM);
    assert!(lines.any(|line| line.contains("     Summary ")), "it has gone on");
    assert_eq!(end(running.child.wait().unwrap()), end_by(Signal::SIGTERM));
}

#[test]
fn programs_are_told_which_tests_a_signal_killed() {
    // The last test has no slot.
    let call = endless().arguments(["--test", "terminates_itself", "--message-format", "json"]);
    let running = call.start();
    wait_for(&running, "ignores");
    wait_for(&running, "stops");
    signal(&running, Signal::SIGTERM);
    let lines = Lines::new(&running.end());
    let interrupted = lines.finished["interrupted"].as_array().unwrap();
    let mut names: Vec<_> = interrupted.iter().map(|test| test["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ignores", "stops"]);
    let mut told: Vec<_> = lines.interrupted.iter().map(|line| line["name"].as_str().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, names);
    assert!(interrupted.iter().all(|test| test["binary_id"].as_str().unwrap().starts_with("bad_days::")));
    assert_eq!((lines.attempts.len(), &lines.finished["not_run"]), (2, &1.into()));
}

#[test]
fn a_second_signal_is_immediate() {
    // With nobody to take its objects the run cannot end in order; the text for humans comes before each.
    let (_reader, writer) = full_pipe();
    let mut call = isotest(&Project::fixture("passing")).arguments(["--message-format", "json"]);
    call.command.stdout(writer);
    let mut running = call.start();
    let mut text = BufReader::new(running.child.stderr.take().unwrap()).lines();
    assert!(text.any(|line| line.unwrap().contains("   Isolation ")));
    signal(&running, Signal::SIGINT);
    sleep(Duration::from_millis(500));
    assert!(running.child.try_wait().unwrap().is_none(), "it cannot have ended in order");
    signal(&running, Signal::SIGINT);
    let status = running.child.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGINT as i32));
    wait_until_gone(&running);
    next_run_removes_what_is_left(running.child.id());
}

#[test]
fn the_key_stops_a_run_that_has_only_its_error_left_to_say() {
    let (mut reader, writer) = full_pipe();
    let mut call =
        isotest(&Project::fixture("passing")).arguments(["-q", "--message-format", "json", "no_such_test"]);
    // A group that nobody could let go on is not stopped by the kernel.
    call.command.process_group(0).stderr(writer);
    let mut running = call.start();
    let state = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", running.child.id())).unwrap();
        stat.rsplit(") ").next().and_then(|rest| rest.chars().next())
    };
    let waits = || fs::read_to_string(format!("/proc/{}/wchan", running.child.id())).unwrap();
    host::wait_until("the error", || waits().contains("pipe_write"));
    signal(&running, Signal::SIGTSTP);
    host::wait_until("the stop", || state() == Some('T'));
    signal(&running, Signal::SIGCONT);
    host::wait_until("the continuation", || state() != Some('T'));
    let rest = std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    assert_eq!(running.child.wait().unwrap().code(), Some(4));
    drop(running);
    rest.join().unwrap().unwrap();
}

fn children(pid: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<_> = children.collect();
    children.iter().flat_map(|pids| pids.split_whitespace()).map(|pid| pid.parse().unwrap()).collect()
}

/// Whether a test of this name is executed by this process or one below it.
fn executes(pid: i32, name: &str) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains(&format!("--exact\0{name}\0"))
        || children(pid).into_iter().any(|child| executes(child, name))
}

#[test]
fn a_second_signal_is_immediate_when_everything_but_a_slot_has_ended() {
    let call = isotest(&Project::fixture("bad_days"));
    let mut running = call.arguments(["-j", "2", "--test", "ignores_sigterm"]).start();
    wait_for(&running, "ignores");
    let zygotes = children(running.child.id().try_into().unwrap());
    let idle: Vec<_> = zygotes.into_iter().filter(|zygote| !executes(*zygote, "ignores")).collect();
    assert_eq!(idle.len(), 1, "{idle:?}");
    // It is given ten seconds to end, and does not.
    kill(Pid::from_raw(idle[0]), Signal::SIGSTOP).unwrap();
    signal(&running, Signal::SIGINT);
    let mut text = BufReader::new(running.child.stdout.take().unwrap()).lines();
    assert!(text.any(|line| line.unwrap().contains("     Summary ")));
    sleep(Duration::from_millis(500));
    assert!(running.child.try_wait().unwrap().is_none(), "it cannot have ended in order");
    signal(&running, Signal::SIGINT);
    let began = Instant::now();
    let status = running.child.wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(status.signal(), Some(Signal::SIGINT as i32));
    wait_until_gone(&running);
    next_run_removes_what_is_left(running.child.id());
}

#[test]
fn a_signal_while_binaries_are_asked_for_their_tests() {
    for sent in [Signal::SIGINT, Signal::SIGTERM] {
        let running = isotest(&Project::fixture("unlistable")).arguments(["--test", "hangs"]).start();
        host::wait_until("the list", || {
            host::processes_marked(&running.mark)
                .iter()
                .any(|line| line.contains("hangs-") && line.contains(" --list "))
        });
        let (pid, mark) = (running.child.id(), running.mark.clone());
        signal(&running, sent);
        let ended = running.end();
        assert_eq!(end(ended.status), end_by(sent), "{ended:#?}");
        assert!(ended.stderr.contains(&format!("error: interrupted by {sent}\n")), "{}", ended.stderr);
        assert_eq!((host::processes_marked(&mark).len(), host::cgroups_of(pid).len()), (0, 0));
    }
}

/// The zygote below which a process has this in its command line: the process that makes its sandboxes, and dies with them.
fn zygote_above(running: &Running, words: &str) -> Option<Pid> {
    fn is_above(pid: i32, words: &str) -> bool {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(words)
            || children(pid).into_iter().any(|child| is_above(child, words))
    }
    let started = children(running.child.id().try_into().unwrap());
    let mut zygotes = started.into_iter().flat_map(children);
    zygotes.find(|zygote| is_above(*zygote, words)).map(Pid::from_raw)
}

fn kill_zygote_above(running: &Running, words: &str) {
    let mut zygote = None;
    host::wait_until(words, || {
        zygote = zygote_above(running, words);
        zygote.is_some()
    });
    kill(zygote.unwrap(), Signal::SIGKILL).unwrap();
}

const ZYGOTE_KILLED: &str = "the process that makes sandboxes was killed";

#[test]
fn a_zygote_that_is_killed_costs_one_test_its_verdict() {
    let call = isotest(&Project::fixture("bad_days")).arguments(["-j", "1", "--timeout", "3s"]);
    let running = call.arguments(["--test", "ignores_sigterm", "--test", "never_ends"]).start();
    kill_zygote_above(&running, " --exact ignores ");
    let ended = running.end().with_code(98);
    assert_eq!((ended.word("ignores"), ended.word("waits")), ("NOT-ISOLATED", "TIMEOUT"), "{ended:#?}");
    assert_eq!(ended.stdout.matches(ZYGOTE_KILLED).count(), 1, "{}", ended.stdout);
}

#[test]
fn a_zygote_that_is_killed_while_binaries_are_asked_for_their_tests_ends_the_run() {
    let call = isotest(&Project::fixture("unlistable")).arguments(["-j", "1", "--list-timeout", "2s"]);
    let running = call.arguments(["--test", "hangs"]).start();
    kill_zygote_above(&running, " --list ");
    let ended = running.end().with_code(98);
    assert_eq!(ended.stderr.matches(ZYGOTE_KILLED).count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(" hint: "), "{}", ended.stderr);
}

#[test]
fn nothing_outlives_a_supervisor_that_is_killed() {
    let mut running = endless().start();
    wait_for(&running, "stops");
    let pid = running.child.id();
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    wait_until_gone(&running);
    next_run_removes_what_is_left(pid);
}

#[test]
fn nothing_outlives_a_supervisor_that_is_ended_while_cargo_builds() {
    let place = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"slow\"\nedition = \"2024\"\n[workspace]\n";
    // Neither is a child of cargo's: the one is in a session of its own, the other's parent ends at once.
    let build = r#"fn main() {
        let sh = |script: &str| std::process::Command::new("sh").args(["-c", script]).status().unwrap();
        sh("sleep 300 & setsid sleep 301");
    }"#;
    let files = [("Cargo.toml", manifest), ("build.rs", build), ("src/lib.rs", "#[test] fn passes() {}")];
    let project = Project::written(place.path(), &files);
    let sleeping = |running: &Running| {
        let marked = host::processes_marked(&running.mark);
        marked.iter().filter(|line| line.starts_with("sleep ")).count()
    };
    for sent in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut running = isotest(&project).start();
        host::wait_until("the build script", || sleeping(&running) == 2);
        // Who asks how the run stands does not end it, though there is nothing to be told yet.
        signal(&running, Signal::SIGUSR1);
        signal(&running, sent);
        assert_eq!(end(running.child.wait().unwrap()), end_by(sent));
        wait_until_gone(&running);
    }
}

#[test]
fn a_key_stops_and_continues_a_build() {
    let place = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"slow\"\nedition = \"2024\"\n[workspace]\n";
    let build = r#"fn main() { std::process::Command::new("sleep").arg("302").status().unwrap(); }"#;
    let files = [("Cargo.toml", manifest), ("build.rs", build), ("src/lib.rs", "#[test] fn passes() {}")];
    let mut call = isotest(&Project::written(place.path(), &files));
    call.command.process_group(0);
    let mut running = call.start();
    let states = || host::states_marked(&running.mark);
    host::wait_until("the build script", || states().iter().any(|(line, _)| line == "sleep 302 "));
    let group = |signal| kill(Pid::from_raw(-i32::try_from(running.child.id()).unwrap()), signal).unwrap();
    // What a key sends goes to the whole group. The reaper alone goes on.
    let are_stopped = |wanted: bool| {
        let states = states();
        let mut others = states.iter().filter(|(line, _)| !line.starts_with("isotest-reaper "));
        others.all(|(_, state)| (*state == 'T') == wanted)
    };
    group(Signal::SIGTSTP);
    host::wait_until("the stop", || are_stopped(true));
    group(Signal::SIGCONT);
    host::wait_until("the continuation", || are_stopped(false));
    group(Signal::SIGTSTP);
    host::wait_until("the second stop", || are_stopped(true));
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    wait_until_gone(&running);
}

#[test]
fn a_reader_that_goes_away_ends_the_run() {
    for format in ["human", "json"] {
        let began = Instant::now();
        let mut running = endless().arguments(["--message-format", format]).start();
        let (pid, mark) = (running.child.id(), running.mark.clone());
        let mut first = String::new();
        BufReader::new(running.child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert_ne!(first, "");
        let ended = running.end();
        assert_eq!(ended.status.signal(), Some(Signal::SIGPIPE as i32), "{format}: {ended:#?}");
        assert!(!ended.stderr.contains("error:"), "{format}: {}", ended.stderr);
        assert!(began.elapsed() < Duration::from_secs(30), "by itself it would have lasted a minute");
        assert_eq!((host::processes_marked(&mark).len(), host::cgroups_of(pid).len()), (0, 0));
    }
}
