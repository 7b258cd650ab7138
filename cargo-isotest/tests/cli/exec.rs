//! `exec`: a command in a sandbox like a test's.

use crate::call::{Call, bare, isotest};
use crate::project::Project;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

fn exec(flags: &[&str], command: &[&str]) -> Call {
    bare().arguments(["exec"]).arguments(flags).arguments(["--"]).arguments(command)
}

fn script(text: &str) -> Call {
    exec(&[], &["sh", "-c", text])
}

/// What a script prints on the host.
fn on_the_host(text: &str) -> String {
    String::from_utf8(Command::new("sh").args(["-c", text]).output().unwrap().stdout).unwrap()
}

/// Says what a command's parent and process group are to it.
pub(crate) const RELATIONS: &str = "[ $PPID -gt 1 ] && echo a parent; trap 'echo reached' URG; kill -URG 0; \
    set -- $(cat /proc/self/stat); [ $5 -gt 1 ] && [ $5 -ne $$ ] && echo a group; setsid -w sh -c \
    'set -- $(cat /proc/$$/stat); [ $6 -eq $$ ] && echo a session'";

/// What it says of those that anybody has below a shell.
pub(crate) const USUAL: [&str; 4] = ["a parent", "reached", "a group", "a session"];

#[test]
fn it_has_a_parent_and_a_group_that_are_not_process_1() {
    let outside = on_the_host(&format!("sh -c '{}'", RELATIONS.replace('\'', "'\\''")));
    assert_eq!(script(RELATIONS).run().with_code(0).stdout, outside);
    assert_eq!(outside.lines().collect::<Vec<_>>(), USUAL);
}

#[test]
fn the_end_is_the_command_s() {
    script("exit 0").run().with_code(0);
    script("exit 7").run().with_code(7);
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGSEGV] {
        let ended = script(&format!("kill -{} $$", signal as i32)).run();
        assert_eq!(ended.status.signal(), Some(signal as i32), "{ended:#?}");
        assert!(!ended.status.core_dumped());
    }
    exec(&["--timeout", "100ms"], &["sleep", "60"]).run().with_code(124);
    let ended = exec(&[], &["no-such-program"]).run().with_code(127);
    assert!(ended.stderr.contains("could not execute the program (`no-such-program`)"), "{}", ended.stderr);
    exec(&[], &["/etc/passwd"]).run().with_code(126);
    exec(&[], &[]).run().with_code(2);
    exec(&["--fail-on-leak"], &["true"]).run().with_code(0);
    let leaving = ["sh", "-c", "sleep 60 & exit 0"];
    let ended = exec(&[], &leaving).run().with_code(0);
    assert!(ended.stderr.contains("left running, and killed: sleep 60"), "{}", ended.stderr);
    exec(&["--fail-on-leak"], &leaving).run().with_code(100);
}

#[test]
fn the_three_descriptors_are_the_caller_s_own() {
    let mut call = exec(&["--quiet"], &["sh", "-c", "cat; echo err >&2"]);
    call.command.stdin(Stdio::piped());
    let mut running = call.start();
    running.child.stdin.take().unwrap().write_all(b"in\0\xc3\xa4\n").unwrap();
    let ended = running.end().with_code(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("in\0ä\n", "err\n"));
    // The control: a test, whose input is empty and whose output is kept, sees others.
    let links = "for n in 0 1 2; do readlink /proc/self/fd/$n; done";
    let mut call = exec(&["--quiet"], &["sh", "-c", links]);
    call.command.stdin(fs::File::open("/etc/passwd").unwrap());
    assert!(call.run().stdout.starts_with("/etc/passwd\npipe:["));
}

#[test]
fn signals_pass_through() {
    for (sent, name) in [
        (Signal::SIGUSR1, "USR1"),
        (Signal::SIGHUP, "HUP"),
        (Signal::SIGINT, "INT"),
        (Signal::SIGTERM, "TERM"),
    ] {
        let text = format!("trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.1; done");
        let mut running = script(&text).start();
        let mut lines = BufReader::new(running.child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        kill(Pid::from_raw(running.child.id().try_into().unwrap()), sent).unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), format!("got {name}"));
        running.end().with_code(9);
    }
}

#[test]
fn a_command_that_stops_stops_us_until_we_may_go_on() {
    let running = script("kill -STOP $$; echo went on").start();
    let pid = running.child.id();
    let state = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit(") ").next().unwrap().chars().next().unwrap()
    };
    crate::host::wait_until("the stop", || state() == 'T');
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGCONT).unwrap();
    assert_eq!(running.end().with_code(0).stdout, "went on\n");
}

#[test]
fn the_time_of_a_command_that_stops_itself_goes_on() {
    let stops = ["sh", "-c", "kill -STOP $$; echo went on"];
    let ended = exec(&["--timeout", "1s"], &stops).run().with_code(124);
    assert_eq!(ended.stdout, "", "{ended:#?}");
}

#[test]
fn every_namespace_is_its_own() {
    let text = "for n in user pid mnt net ipc uts cgroup; do readlink /proc/self/ns/$n; done";
    let namespaces = |text: String| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (inside, outside) = (namespaces(script(text).run().stdout), namespaces(on_the_host(text)));
    assert_eq!((inside.len(), outside.len()), (7, 7));
    assert!(inside.is_disjoint(&outside), "{inside:?} {outside:?}");
    assert_eq!(
        namespaces(on_the_host(text)),
        outside,
        "control: where nothing is unshared, they are the same"
    );
    assert_eq!(script("cat /proc/1/comm").run().stdout, "isotest-init\n");
}

#[test]
fn writes_are_thrown_away_in_a_project_and_outside_of_one() {
    let (outside, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let project = Project::copied("passing", outside.path());
    let member = project.directory.join("src");
    for place in [outside.path(), project.directory.as_path(), &member] {
        let text = "echo new > made && cat made && echo home > ~/made && cat ~/made";
        let written = |call: Call| call.within(place).variable("HOME", home.path()).run().with_code(0);
        let ended = written(script(text));
        assert_eq!(ended.stdout, "new\nhome\n");
        assert!(ended.stderr.contains("2 changed files thrown away"), "{}", ended.stderr);
        assert!(!place.join("made").exists() && !home.path().join("made").exists());
        // The control: what is kept is there.
        written(exec(&["--keep", "."], &["sh", "-c", text]));
        assert!(place.join("made").exists());
        fs::remove_file(place.join("made")).unwrap();
    }
    // Of a project, all that belongs to it may be written, and other places may not.
    let text = "echo x > ../made; echo x > ../target/made && ls ..";
    let call = script(text).within(&member).variable("CARGO_TARGET_DIR", &project.target);
    fs::create_dir_all(&project.target).unwrap();
    assert!(call.run().with_code(0).stdout.contains("made\n"));
    assert!(!project.directory.join("made").exists() && !project.target.join("made").exists());
    let ended = script("echo x > /usr/made").within(&member).run();
    assert!(ended.stderr.contains("Read-only file system"), "{}", ended.stderr);
}

#[test]
fn flags_of_a_run_hold() {
    let listening = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listening.local_addr().unwrap().port().to_string();
    let connects = ["bash", "-c", &format!("exec 3<>/dev/tcp/127.0.0.1/{port}")];
    exec(&[], &connects).run().with_code(1);
    exec(&["--network", "host"], &connects).run().with_code(0);
    let shared = tempfile::tempdir().unwrap();
    let path = shared.path().to_str().unwrap();
    let writes = ["sh", "-c", &format!("echo x > {path}/made")];
    let elsewhere = |call: Call| call.within(Path::new("/usr"));
    assert_ne!(elsewhere(exec(&[], &writes)).run().status.code(), Some(0));
    elsewhere(exec(&["--bind", &format!("{path}:rw")], &writes)).run().with_code(0);
    assert!(shared.path().join("made").exists());
}

#[test]
fn what_it_used_is_said_in_the_words_of_the_report() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("usage.json");
    let used = |command: &[&str]| -> Value {
        exec(&["--usage-json", file.to_str().unwrap()], command).run().with_code(0);
        serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap()
    };
    let much = used(&["sh", "-c", "head -c 64M /dev/zero > /tmp/file"]);
    let little = used(&["true"]);
    assert_eq!((&much["type"], &much["outcome"]), (&"command-finished".into(), &"passed".into()));
    let (_, lines) = isotest(&Project::fixture("passing")).lines();
    let keys = |usage: &Value| usage.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&much["usage"]), keys(&lines.attempts[0]["usage"]));
    if lines.holds("memory") {
        let peak = |usage: &Value| usage["usage"]["memory_peak_bytes"].as_u64().unwrap();
        assert!(peak(&much) >= 64 << 20, "{much}");
        assert!(peak(&little) < 64 << 20, "control: {little}");
    }
    let nowhere = exec(&["--usage-json", "/nowhere/usage.json"], &["true"]).run().with_code(70);
    assert!(nowhere.stderr.contains("cannot write `/nowhere/usage.json`"), "{}", nowhere.stderr);
}
