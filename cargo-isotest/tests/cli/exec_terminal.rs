//! `exec` on a terminal: the command has one of its own, which is to it what the caller's would be.

use crate::call::{Call, Running, bare};
use crate::exec::{RELATIONS, USUAL};
use crate::host;
use crate::terminal::Terminal;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;

/// The call as the only job of a shell, which then says its status.
const JOB: &str = "\"$@\"; echo status $?";

fn exec(command: &str) -> Call {
    bare().arguments(["exec", "--quiet", "--", "sh", "-c", command])
}

/// Starts the command, which says `ready`, and waits until it does.
fn ready(terminal: &mut Terminal, command: &str) -> Running {
    let running = exec(command).on(terminal, JOB).start();
    terminal.wait_for("ready");
    running
}

/// The process of ours that is not the shell: the one that was executed.
fn supervisor(running: &Running) -> Pid {
    let shell = running.child.id();
    let children = |pid: u32| fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let only = |text: String| text.split_whitespace().next().and_then(|pid| pid.parse().ok());
    // `setsid` starts the shell, unless it could become it.
    let mut pid = only(children(shell)).expect("a job");
    while !fs::read_link(format!("/proc/{pid}/exe")).unwrap().ends_with("cargo-isotest") {
        pid = only(children(pid)).expect("a job");
    }
    Pid::from_raw(pid.try_into().unwrap())
}

#[test]
fn on_a_terminal_its_parent_and_its_group_are_not_process_1_either() {
    let mut terminal = Terminal::new();
    let running = exec(RELATIONS).on(&terminal, JOB).start();
    for said in USUAL {
        terminal.wait_for(said);
    }
    terminal.wait_for("status 0");
    running.end();
}

#[test]
fn a_terminal_of_its_own_stands_for_all_three_descriptors() {
    let mut terminal = Terminal::new();
    let running =
        exec("tty; for n in 0 1 2; do test -t $n && echo $n is one; done").on(&terminal, JOB).start();
    terminal.wait_for("/dev/pts/0\r\n0 is one\r\n1 is one\r\n2 is one\r\n");
    terminal.wait_for("status 0");
    running.end();
    // The control: without a terminal there is none.
    let ended = exec("tty").run().with_code(1);
    assert_eq!(ended.stdout, "not a tty\n");
}

#[test]
fn a_redirected_descriptor_stays_the_caller_s() {
    let mut terminal = Terminal::new();
    let running =
        exec("test -t 2 || echo not 2 >&2; tty").on(&terminal, "\"$@\" 2>&1 | cat; echo status $?").start();
    // In a pipeline, the others are the caller's own, too: the sandbox does not show their terminal.
    terminal.wait_for("not 2\r\n");
    terminal.wait_for("status 0");
    running.end();
}

#[test]
fn what_is_typed_is_read_and_the_end_of_input_as_well() {
    let mut terminal = Terminal::new();
    let running = ready(&mut terminal, "echo ready; while read line; do echo got $line; done; echo over");
    terminal.keys(b"one\ntwo\n");
    terminal.wait_for("got one\r\n");
    terminal.wait_for("got two\r\n");
    terminal.keys(b"\x04");
    terminal.wait_for("over\r\nstatus 0");
    running.end();
}

#[test]
fn a_key_that_interrupts_reaches_the_command_and_all_of_its_group() {
    let mut terminal = Terminal::new();
    let running =
        ready(&mut terminal, "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.1; done");
    terminal.keys(b"\x03");
    terminal.wait_for("caught\r\nstatus 7");
    running.end();
    // This shell, whose job is ended by the key, would else end by it, too.
    let script = format!("trap : INT; {JOB}");
    let running = exec("echo ready; exec sleep 60").on(&terminal, &script).start();
    terminal.wait_for("ready");
    terminal.keys(b"\x03");
    terminal.wait_for("status 130");
    running.end();
}

#[test]
fn a_window_that_changes_changes_inside() {
    let mut terminal = Terminal::new();
    let running = ready(
        &mut terminal,
        "stty size; trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.1; done",
    );
    terminal.resize(31, 97);
    terminal.wait_for("31 97\r\nstatus 0");
    running.end();
    let running = exec("stty size").on(&terminal, JOB).start();
    assert!(!terminal.wait_for("31 97\r\nstatus 0").contains("24 80"));
    running.end();
}

#[test]
fn a_key_that_stops_stops_the_job_until_the_shell_lets_it_go_on() {
    let mut terminal = Terminal::new();
    let before = terminal.settings();
    let script = "\"$@\"; echo stopped $?; read line; echo continuing; fg; echo status $?";
    let running = exec("stty -echo; echo ready; read line; echo got $line").on(&terminal, script).start();
    terminal.wait_for("ready");
    assert!(terminal.is_raw());
    terminal.keys(b"\x1a");
    // 128 and the number of SIGTSTP.
    terminal.wait_for("stopped 148");
    assert_eq!(terminal.settings(), before, "the shell has its terminal back");
    terminal.keys(b"\n");
    terminal.wait_for("continuing");
    host::wait_until("the terminal to be taken again", || terminal.is_raw());
    terminal.keys(b"word\n");
    assert!(!terminal.wait_for("got word").contains("word"), "its own settings hold as before");
    terminal.wait_for("status 0");
    assert_eq!(terminal.settings(), before);
    running.end();
}

#[test]
fn a_job_in_the_background_leaves_the_terminal_alone() {
    let mut terminal = Terminal::new();
    let before = terminal.settings();
    let running = exec("echo ready; read line; echo got $line")
        .on(&terminal, "\"$@\" & read line; echo shell got $line; fg; echo status $?")
        .start();
    terminal.wait_for("ready");
    assert_eq!(terminal.settings(), before);
    terminal.keys(b"first\n");
    terminal.wait_for("shell got first");
    host::wait_until("the terminal to be taken", || terminal.is_raw());
    terminal.keys(b"second\n");
    terminal.wait_for("got second");
    terminal.wait_for("status 0");
    assert_eq!(terminal.settings(), before);
    running.end();
}

#[test]
fn the_terminal_is_as_it_was_however_it_ends() {
    let mut terminal = Terminal::new();
    let before = terminal.settings();
    for (sent, status) in [(Signal::SIGTERM, 143), (Signal::SIGALRM, 142), (Signal::SIGQUIT, 131)] {
        let running = ready(&mut terminal, "stty raw; echo ready; sleep 60");
        assert!(terminal.is_raw(), "control");
        kill(supervisor(&running), sent).unwrap();
        terminal.wait_for(&format!("status {status}"));
        assert_eq!(terminal.settings(), before, "{sent}");
        running.end();
    }
}

#[test]
fn everything_is_shown_that_was_written_before_the_end() {
    let mut terminal = Terminal::new();
    let running = exec("seq 100000; exit 5").on(&terminal, JOB).start();
    let shown = terminal.wait_for("status 5");
    assert_eq!(shown.lines().count(), 100_000);
    assert!(shown.ends_with("\r\n100000\r\n"));
    running.end();
}
