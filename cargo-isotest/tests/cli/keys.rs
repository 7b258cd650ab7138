//! The keyboard while tests run: a key asks how the run stands, and the terminal is in the end as it was, whatever ends or
//! stops the run.

use crate::call::{Call, Running, isotest};
use crate::host;
use crate::project::Project;
use crate::terminal::Terminal;
use nix::sys::termios::LocalFlags;
use std::fs;
use std::path::Path;

const MANIFEST: &str =
    "[package]\nname = \"typed\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

const TESTS: &str = "
    #[test] fn waits() {
        std::fs::write(\"kept/runs\", \"\").unwrap();
        while !std::path::Path::new(\"kept/go\").exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }";

/// A test that ends when its file is there.
fn project(place: &Path) -> Project {
    fs::create_dir(place.join("kept")).unwrap();
    Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS)])
}

fn call(project: &Project) -> Call {
    let kept = project.directory.join("kept");
    isotest(project).arguments(["-j", "1", "--keep", kept.to_str().unwrap()]).variable("TERM", "xterm")
}

/// Whether keys arrive one by one and are not shown, while those that send signals still do.
fn by_key(terminal: &Terminal) -> bool {
    let flags = terminal.settings().local_flags;
    !flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO) && flags.contains(LocalFlags::ISIG)
}

/// Starts a run at a terminal by this script, and waits until it listens to keys.
fn started(call: Call, terminal: &mut Terminal, script: &str) -> Running {
    let running = call.on(terminal, script).start();
    terminal
        .wait_until_it_shows("the bar", |shown| shown.contains("Running [") && shown.contains("typed waits"));
    host::wait_until("the keyboard", || by_key(terminal));
    running
}

#[test]
fn a_key_asks_how_the_run_stands() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let mut terminal = Terminal::with_columns(100);
    let before = terminal.settings();
    let running = started(call(&project), &mut terminal, "\"$@\"; echo status $?");
    terminal.keys(b"xt");
    terminal.wait_for(" 0 of 1 tests done, 0 failed, after ");
    let line = terminal.wait_for("typed waits");
    assert!(line.contains("Running") && line.contains("iB  ") && line.contains(" task"), "{line}");
    fs::write(place.path().join("kept/go"), "").unwrap();
    terminal.wait_until_it_shows("the end", |shown| shown.contains("status 0"));
    assert!(!terminal.shown().contains("xt"), "what is typed is not shown: {}", terminal.shown());
    assert_eq!(terminal.settings(), before);
    running.end();
}

#[test]
fn without_a_bar_or_a_captured_output_the_keyboard_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    for flags in [&["--show-progress", "none"][..], &["--no-capture"]] {
        let [go, runs] = ["kept/go", "kept/runs"].map(|file| place.path().join(file));
        let mut terminal = Terminal::with_columns(100);
        let before = terminal.settings();
        let running = call(&project).arguments(flags).on(&terminal, "\"$@\"; echo status $?").start();
        host::wait_until("the test", || runs.exists());
        assert_eq!(terminal.settings(), before, "{flags:?}");
        fs::write(&go, "").unwrap();
        terminal.wait_until_it_shows("the end", |shown| shown.contains("status 0"));
        running.end();
        for file in [go, runs] {
            fs::remove_file(file).unwrap();
        }
    }
}

#[test]
fn a_stop_gives_the_terminal_back_and_the_continuation_takes_it_again() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let mut terminal = Terminal::with_columns(100);
    let before = terminal.settings();
    let script = "\"$@\"; echo; echo stopped $?; read line; fg >/dev/null; echo status $?";
    let running = started(call(&project), &mut terminal, script);
    terminal.keys(b"\x1a");
    terminal.wait_until_it_shows("the shell", |shown| shown.contains("stopped "));
    assert_eq!(terminal.settings(), before);
    terminal.keys(b"\n");
    host::wait_until("the keyboard again", || by_key(&terminal));
    terminal.keys(b"t");
    terminal.wait_for(" 0 of 1 tests done, 0 failed, after ");
    fs::write(place.path().join("kept/go"), "").unwrap();
    terminal.wait_until_it_shows("the end", |shown| shown.contains("status 0"));
    assert_eq!(terminal.settings(), before);
    running.end();
}

#[test]
fn whatever_ends_the_run_the_terminal_is_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    for signal in ["INT", "TERM", "HUP", "QUIT", "KILL", "ABRT"] {
        let mut terminal = Terminal::with_columns(100);
        let before = terminal.settings();
        // A shell that is not interactive changes nothing itself.
        let script = "ulimit -c 0; \"$@\" & pid=$!; echo $pid >\"$PID_FILE\"; fg >/dev/null; echo status $?; read line";
        let pid = place.path().join("pid");
        let call = call(&project).variable("PID_FILE", pid.to_str().unwrap());
        let running = started(call, &mut terminal, script);
        let pid = fs::read_to_string(&pid).unwrap();
        let sent = std::process::Command::new("kill").args([&format!("-{signal}"), pid.trim()]).status();
        assert!(sent.unwrap().success());
        host::wait_until(signal, || terminal.settings() == before);
        terminal.keys(b"\n");
        running.end();
        assert_eq!(terminal.settings(), before, "{signal}");
    }
}
