//! Where runs are found, and what others can do about it.

use crate::call::{Call, PublicCopy, Running, bare};
use crate::host;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, chown, geteuid};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Somebody who has no process.
const UID: u32 = 61_246;

/// As long as a run that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A process of another user that registers as runs.
struct Adversary {
    child: Child,
    directory: PathBuf,
    _program: TempDir,
}

impl Adversary {
    fn start(uid: u32, what: &str, pid: u32) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
        let program = place.path().join("adversary");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/registry/adversary.rs");
        let mut compile = Command::new("rustc");
        compile.args(["--edition", "2024", "-o"]).arg(&program).arg(source);
        assert!(compile.status().unwrap().success());
        let directory = PathBuf::from(format!("/tmp/isotest-{uid}"));
        let mut command = Command::new(&program);
        command.arg(&directory).args([what, &pid.to_string()]).current_dir("/").uid(uid).gid(uid);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { child, directory, _program: place }
    }
}

impl Drop for Adversary {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

/// What `ps` says as JSON of all runs, what it says besides, and how long that took.
fn all_runs() -> (Vec<Value>, String, Duration) {
    let began = Instant::now();
    let ended = bare().arguments(["ps", "--message-format", "json"]).run().with_code(0);
    let line: Value = serde_json::from_str(&ended.stdout).unwrap();
    (line["runs"].as_array().unwrap().clone(), ended.stderr, began.elapsed())
}

fn of_user(runs: &[Value], uid: u32) -> Vec<&Value> {
    runs.iter().filter(|run| run["uid"] == uid).collect()
}

fn attempts(run: &Value) -> &[Value] {
    run["attempts"].as_array().unwrap()
}

/// A command that sleeps, with a runtime directory, and is running.
fn sleeping(runtime: Option<&Path>) -> Running {
    let mut call = bare();
    if let Some(runtime) = runtime {
        call = call.variable("XDG_RUNTIME_DIR", runtime);
    }
    let running = call.arguments(["exec", "--", "sleep", "60"]).start();
    host::wait_until("a command that sleeps", || !host::processes_marked(&running.mark).is_empty());
    running
}

fn ps_with(runtime: &Path) -> Call {
    bare().arguments(["ps"]).variable("XDG_RUNTIME_DIR", runtime)
}

fn is_seen(running: &Running, call: Call) -> bool {
    call.run().with_code(0).stdout.contains(&format!("Run {} of user ", running.child.id()))
}

#[test]
fn runs_that_do_not_answer_are_waited_for_together() {
    if !geteuid().is_root() {
        return;
    }
    let adversary = Adversary::start(61_240, "silent", 0);
    let (runs, _, time) = all_runs();
    assert_eq!(of_user(&runs, 61_240).len(), 20);
    for run in of_user(&runs, 61_240) {
        assert_eq!(run["trouble"], "no answer; the run may be stopped");
        assert_eq!((&run["pid"], attempts(run).len()), (&json!(adversary.child.id()), 0));
    }
    assert!(PATIENCE <= time && time < 5 * PATIENCE, "{time:?} for 20");
}

#[test]
fn what_answers_bit_by_bit_gets_no_more_time() {
    if !geteuid().is_root() {
        return;
    }
    let _adversary = Adversary::start(61_241, "drips", 0);
    let (runs, _, time) = all_runs();
    assert_eq!(of_user(&runs, 61_241)[0]["trouble"], "no answer; the run may be stopped");
    assert!(time < 5 * PATIENCE, "{time:?}");
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    if !geteuid().is_root() {
        return;
    }
    let _adversary = Adversary::start(61_242, "flood", 0);
    let (runs, _, time) = all_runs();
    let [run] = of_user(&runs, 61_242)[..] else { panic!("{runs:?}") };
    assert_eq!((&run["trouble"], attempts(run).len()), (&json!("the answer is too long"), 0));
    assert!(time < 5 * PATIENCE, "{time:?}");
}

#[test]
fn the_processes_of_others_are_shown_as_nobodys_attempt() {
    if !geteuid().is_root() {
        return;
    }
    let running = sleeping(None);
    // The process below which the attempt is found is the supervisor's only child.
    let supervisor = running.child.id();
    let children = format!("/proc/{supervisor}/task/{supervisor}/children");
    let zygote = || fs::read_to_string(&children).unwrap().split_whitespace().next().map(str::to_owned);
    host::wait_until("a zygote", || zygote().is_some());
    let _adversary = Adversary::start(61_243, "many", zygote().unwrap().parse().unwrap());
    let mut seen = (Vec::new(), String::new(), Duration::ZERO);
    host::wait_until("the attempt's own picture", || {
        seen = all_runs();
        let own = seen.0.iter().find(|run| run["pid"] == supervisor);
        own.is_some_and(|run| !attempts(run).is_empty() && !attempts(run)[0]["picture"].is_null())
    });
    let (runs, _, time) = seen;
    let [run] = of_user(&runs, 61_243)[..] else { panic!("{runs:?}") };
    assert_eq!(attempts(run).len(), 0);
    assert_eq!(run["trouble"], "9000 attempts are not shown: their processes are not descendants of the run");
    assert!(time < 5 * PATIENCE, "{time:?}");
    // Nor does the name lead root astray.
    let joined = bare().arguments(["exec", "--join", "of the adversary", "--", "true"]).run().with_code(4);
    assert!(joined.stderr.contains("no attempt `of the adversary` of yours is running"), "{}", joined.stderr);
}

#[test]
fn a_name_that_is_none_of_a_run_is_no_run() {
    if !geteuid().is_root() {
        return;
    }
    let _adversary = Adversary::start(61_244, "newline", 0);
    let (runs, _, _) = all_runs();
    assert_eq!(of_user(&runs, 61_244).len(), 0);
}

#[test]
fn a_directory_that_others_can_change_is_not_believed_and_that_is_said() {
    let runtime = tempfile::tempdir().unwrap();
    let place = runtime.path().join("isotest");
    let said = || ps_with(runtime.path()).run().with_code(0).stderr;
    let running = sleeping(Some(runtime.path()));
    host::wait_until("the run", || is_seen(&running, ps_with(runtime.path())));
    assert!(!said().contains(place.to_str().unwrap()), "control");
    let mode = |mode: u32| fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    assert!(!is_seen(&running, ps_with(runtime.path())));
    let open = format!(
        "`{}` is accessible to other users (mode 777); run `chmod 700` on it, or remove it\n",
        place.display()
    );
    assert!(said().contains(&open), "{}", said());
    mode(0o700);
    assert!(is_seen(&running, ps_with(runtime.path())), "control");
    let moved = runtime.path().join("moved");
    fs::rename(&place, &moved).unwrap();
    symlink(&moved, &place).unwrap();
    assert!(!is_seen(&running, ps_with(runtime.path())));
    assert!(said().contains("isotest` is a symbolic link; remove it\n"), "{}", said());
    // Another run finds another place.
    let second = sleeping(Some(runtime.path()));
    host::wait_until("the second run", || is_seen(&second, ps_with(runtime.path())));
    fs::remove_file(&place).unwrap();
    fs::rename(&moved, &place).unwrap();
    if geteuid().is_root() {
        chown(&place, Some(Uid::from_raw(61_245)), None).unwrap();
        assert!(!is_seen(&running, ps_with(runtime.path())));
        assert!(said().contains("isotest` belongs to user 61245, not to user 0; remove it\n"), "{}", said());
    }
}

#[test]
fn a_place_that_somebody_else_has_taken_is_told_by_the_run() {
    if !geteuid().is_root() {
        return;
    }
    let (copy, place) = (PublicCopy::new(), PathBuf::from(format!("/tmp/isotest-{UID}")));
    let said = || {
        let mut command = Command::new(copy.program());
        command.args(["isotest", "exec", "--", "true"]).current_dir("/").uid(UID).gid(UID);
        command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    let words = "`cargo isotest ps` cannot show this run";
    assert!(!said().contains(words), "control");
    assert!(!place.exists(), "nothing is left");
    fs::create_dir(&place).unwrap();
    let (taken, (_, of_root, _)) = (said(), all_runs());
    fs::remove_dir(&place).unwrap();
    let why = format!("`{}` belongs to user 0, not to user {UID}; remove it", place.display());
    assert!(taken.contains(&format!("{words}: {why}")), "{taken}");
    assert!(!of_root.contains(&why), "that user has no process: {of_root}");
}

#[test]
fn what_a_killed_run_leaves_the_next_removes_and_a_run_that_ends_leaves_nothing() {
    let runtime = tempfile::tempdir().unwrap();
    let place = runtime.path().join("isotest");
    let sockets = || fs::read_dir(&place).map_or(0, |entries| entries.flatten().count());
    let mut killed = sleeping(Some(runtime.path()));
    host::wait_until("its socket", || sockets() == 1);
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    assert_eq!((sockets(), is_seen(&killed, ps_with(runtime.path()))), (1, false));
    let next = sleeping(Some(runtime.path()));
    host::wait_until("the next run", || is_seen(&next, ps_with(runtime.path())));
    assert_eq!(sockets(), 1, "control: the one of the next");
    kill(Pid::from_raw(next.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    next.end();
    assert!(!place.exists());
}

#[test]
fn a_run_is_seen_from_another_network_namespace() {
    let running = sleeping(None);
    host::wait_until("the run", || is_seen(&running, bare().arguments(["ps"])));
    let mut unshare = Command::new("unshare");
    if !geteuid().is_root() {
        unshare.arg("--map-current-user");
    }
    let unshare = unshare.args(["--net", env!("CARGO_BIN_EXE_cargo-isotest"), "isotest", "ps"]);
    let seen = unshare.env_remove("XDG_RUNTIME_DIR").output().unwrap();
    let text = String::from_utf8(seen.stdout).unwrap();
    assert!(text.contains(&format!("Run {} of user ", running.child.id())), "{text}");
}
