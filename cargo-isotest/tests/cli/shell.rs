//! `shell`: an interactive shell where a test would be executed.

use crate::call::{Call, bare, isotest};
use crate::project::Project;
use crate::terminal::Terminal;
use std::fs;
use std::io::Write;
use std::process::Stdio;

const JOB: &str = "\"$@\"; echo status $?";

fn shell(shell: &str, home: &tempfile::TempDir) -> Call {
    let call = isotest(&Project::fixture("tour")).arguments(["shell", "makes_a_scratch_file"]);
    call.variable("SHELL", shell).variable("HOME", home.path()).variable("PS1", "> ")
}

#[test]
fn the_command_of_the_test_is_one_key_away() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".bash_history"), "echo typed before\n").unwrap();
    let mut terminal = Terminal::new();
    let running = shell("/bin/bash", &home).on(&terminal, JOB).start();
    terminal.wait_for("which would execute");
    terminal.wait_for(" --exact makes_a_scratch_file --nocapture");
    terminal.wait_for("what is written here is thrown away with the sandbox, but for what `--keep` names");
    terminal.wait_for("(isotest) ");
    terminal.keys(b"pwd; echo $CARGO_PKG_NAME $ISOTEST $$\n");
    let tour = Project::fixture("tour").directory;
    terminal.wait_for(&format!("{}\r\n", tour.display()));
    terminal.wait_for("tour 1 ");
    // Twice up, since what was typed is in the history, too.
    terminal.keys(b"\x10\x10\n");
    terminal.wait_for("test makes_a_scratch_file ... ok");
    terminal.keys(b"\x10\x10\x10\x10\n");
    terminal.wait_for("\r\ntyped before");
    terminal.keys(b"rm -f Cargo.toml; exit 5\n");
    terminal.wait_for("status 5");
    running.end();
    assert!(tour.join("Cargo.toml").exists());
    assert_eq!(fs::read_to_string(home.path().join(".bash_history")).unwrap(), "echo typed before\n");
}

#[test]
fn the_prompt_says_that_it_is_a_sandbox() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".bashrc"), "PS1='mine> '\n").unwrap();
    for (program, prompt) in [("/bin/bash", "(isotest) mine> "), ("/bin/sh", "(isotest) > ")] {
        let mut terminal = Terminal::new();
        let running = shell(program, &home).on(&terminal, JOB).start();
        terminal.wait_for(prompt);
        terminal.keys(b"exit 5\n");
        terminal.wait_for("status 5");
        running.end();
    }
}

#[test]
fn a_shell_without_a_test_is_one_in_the_project() {
    let place = tempfile::tempdir().unwrap();
    let typed = |call: Call| {
        let mut call = call.variable("SHELL", "/bin/sh").within(place.path());
        call.command.stdin(Stdio::piped());
        let mut running = call.start();
        let lines = b"pwd; echo new > made; cat made; cat /proc/1/comm; exit 3\n";
        running.child.stdin.take().unwrap().write_all(lines).unwrap();
        running.end().with_code(3)
    };
    let ended = typed(bare().arguments(["shell"]));
    let here = place.path().canonicalize().unwrap();
    assert_eq!(ended.stdout, format!("{}\nnew\nisotest-init\n", here.display()));
    assert!(!place.path().join("made").exists());
    typed(bare().arguments(["shell", "--keep", "."]));
    assert!(place.path().join("made").exists(), "control");
}

#[test]
fn a_test_must_be_named_so_that_it_is_one() {
    let tour = || isotest(&Project::fixture("tour"));
    let several = tour().arguments(["shell", "scratch_file"]).run().with_code(2);
    assert!(several.stderr.contains("`scratch_file` matches 2 tests: "), "{}", several.stderr);
    tour().arguments(["shell", "no_such_test"]).run().with_code(4);
}
