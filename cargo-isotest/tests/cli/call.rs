//! One call of the built program.

use crate::host::{self, MARK};
use crate::project::Project;
use crate::terminal::Terminal;
use nix::unistd::Uid;
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT};
use signal_hook::flag::register_conditional_default;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Longer than any call takes that ends at all, with all that is to be built on a busy machine.
const PATIENCE: Duration = Duration::from_mins(15);

/// A call that has not been made.
#[derive(Debug)]
pub(crate) struct Call {
    /// The command without its arguments, to be changed as a test needs it.
    pub(crate) command: Command,
    arguments: Vec<OsString>,
    mark: String,
}

/// A call that was made.
#[derive(Debug)]
pub(crate) struct Running {
    /// The supervisor.
    pub(crate) child: Child,
    /// How its processes are known.
    pub(crate) mark: String,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How the process ended.
    pub(crate) status: ExitStatus,
    /// Standard output, as text.
    pub(crate) stdout: String,
    /// Standard error, as text.
    pub(crate) stderr: String,
}

/// What a run said as JSON.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The first object.
    pub(crate) started: Value,
    /// One object for each setup script.
    pub(crate) scripts: Vec<Value>,
    /// One object for each attempt.
    pub(crate) attempts: Vec<Value>,
    /// One object for each attempt that was killed with the run.
    pub(crate) interrupted: Vec<Value>,
    /// One object for each process that executed several tests.
    pub(crate) processes: Vec<Value>,
    /// The last object.
    pub(crate) finished: Value,
}

/// Calls the program for a project.
pub(crate) fn isotest(project: &Project) -> Call {
    let call = bare();
    let manifest = project.manifest();
    call.arguments([OsStr::new("--manifest-path"), manifest.as_os_str()])
        .arguments([OsStr::new("--target-dir"), project.target.as_os_str()])
}

/// Calls the program for a project in a mount namespace of its own, in which `script` has been executed first, by root
/// or whoever looks like it there. Another script follows; if it fails, the call ends with its status.
pub(crate) fn isotest_between(script: &str, then: &str, project: &Project) -> Call {
    let shell = format!("set -e\n{script}\nset +e\n\"$@\"\nstatus=$?\nset -e\n{then}\nexit $status");
    let mut call = isotest(project);
    let mut command = Command::new("unshare");
    if !Uid::effective().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--mount", "--propagation", "private", "sh", "-c", &shell, "sh"]);
    command.arg(call.command.get_program());
    take_over(&mut command, &call.command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    call.command = command;
    call
}

/// Has a command the variables and the working directory of another.
fn take_over(command: &mut Command, other: &Command) {
    command.env_clear().envs(other.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(directory) = other.get_current_dir() {
        command.current_dir(directory);
    }
}

/// A copy of the program that everybody may execute: the repository may lie where others do not get to.
#[derive(Debug)]
pub(crate) struct PublicCopy {
    place: TempDir,
}

impl PublicCopy {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
        let copy = Self { place };
        fs::copy(env!("CARGO_BIN_EXE_cargo-isotest"), copy.program()).unwrap();
        copy
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.place.path().join("cargo-isotest")
    }
}

/// Calls the program without any argument.
pub(crate) fn bare() -> Call {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    catch_signals();
    let mark = format!("{}-{}", std::process::id(), CALLS.fetch_add(1, Ordering::Relaxed));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-isotest"));
    command.env_clear().env(MARK, &mark).env("RUST_BACKTRACE", "0");
    // A toolchain is the machine's: where one is missing, a test fails and fetches none.
    command.env("RUSTUP_AUTO_INSTALL", "0");
    for name in ["PATH", "HOME", "TMPDIR", "RUSTUP_TOOLCHAIN", "CARGO"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // What becomes of tests here is nobody's history, unless a test says whose.
    command.env("ISOTEST_HISTORY", "false");
    // What somebody wants to see of other runs is nothing to tests.
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    // So that a test may be given another home.
    for (name, usual) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(usual));
        let value = std::env::var_os(name).map(PathBuf::from).or(home);
        if let Some(value) = value.filter(|path| path.is_dir()) {
            command.env(name, value);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Call { command, arguments: Vec::new(), mark }
}

/// Whoever started the tests in the background may have signals ignored, which is inherited. What is caught is not.
fn catch_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT] {
            register_conditional_default(signal, Arc::new(AtomicBool::new(true))).unwrap();
        }
    });
}

impl Call {
    /// With these arguments, too.
    pub(crate) fn arguments(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// What is typed after the name of the program.
    pub(crate) fn typed(self) -> Vec<OsString> {
        self.arguments
    }

    /// With this variable.
    pub(crate) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// From this directory.
    pub(crate) fn within(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// On a terminal, as a job of a shell that executes `script`, in which `"$@"` is the call. A shell's job has a
    /// process group of its own, which the terminal's keys reach.
    pub(crate) fn on(mut self, terminal: &Terminal, script: &str) -> Self {
        let call = std::mem::replace(&mut self.command, Command::new("setsid"));
        // With the terminal as that of a new session.
        self.command.args(["--ctty", "--wait", "sh", "-mc", script, "sh"]).arg(call.get_program());
        take_over(&mut self.command, &call);
        let [stdin, stdout, stderr] = terminal.descriptors();
        self.command.stdin(stdin).stdout(stdout).stderr(stderr);
        self
    }

    /// By this copy of the program.
    pub(crate) fn by(mut self, program: &Path) -> Self {
        let call = std::mem::replace(&mut self.command, Command::new(program));
        take_over(&mut self.command, &call);
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self
    }

    /// With these limits of open files, the soft one and the hard one.
    pub(crate) fn with_open_files(mut self, soft: u64, hard: u64) -> Self {
        let call = std::mem::replace(&mut self.command, Command::new("sh"));
        let script = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$@\"");
        self.command.args(["-c", &script, "sh"]).arg(call.get_program());
        take_over(&mut self.command, &call);
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self
    }

    /// In this cgroup.
    pub(crate) fn within_cgroup(mut self, directory: &Path) -> Self {
        let call = std::mem::replace(&mut self.command, Command::new("sh"));
        self.command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(directory.join("cgroup.procs"));
        self.command.arg(call.get_program());
        take_over(&mut self.command, &call);
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let child = self.command.arg("isotest").args(self.arguments).spawn().unwrap();
        Running { child, mark: self.mark }
    }

    /// Waits for its end. Nothing of it may be left.
    pub(crate) fn run(self) -> Ended {
        let running = self.start();
        let (pid, mark) = (running.child.id(), running.mark.clone());
        let ended = running.end();
        let cgroups = host::cgroups_of(pid);
        assert!(cgroups.is_empty(), "{cgroups:?} is left\n{}", ended.stdout);
        let processes = host::processes_marked(&mark);
        assert!(processes.is_empty(), "{processes:?} is left\n{}", ended.stdout);
        ended
    }

    /// The same, with the report as JSON.
    pub(crate) fn lines(mut self) -> (Ended, Lines) {
        // First, since what follows `--` is no flag of ours.
        self.arguments.splice(..0, ["--message-format", "json"].map(OsString::from));
        let ended = self.run();
        let lines = Lines::new(&ended);
        (ended, lines)
    }
}

impl Drop for Running {
    /// A test that fails leaves nothing running. On a terminal the child is but the shell.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            host::kill_marked(&self.mark);
        }
    }
}

impl Running {
    /// Reads everything and waits. What does not end is killed, so that it fails and holds up nothing else.
    pub(crate) fn end(mut self) -> Ended {
        let (over, is_over) = channel::<()>();
        let mark = self.mark.clone();
        let watch = thread::spawn(move || {
            let no_end = is_over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            let processes = if no_end { host::processes_marked(&mark) } else { Vec::new() };
            if no_end {
                host::kill_marked(&mark);
            }
            processes
        });
        let mut stderr = self.child.stderr.take();
        let said = thread::spawn(move || text(stderr.as_mut()));
        let stdout = text(self.child.stdout.as_mut());
        let status = self.child.wait().unwrap();
        drop(over);
        let ended = Ended { status, stdout, stderr: said.join().unwrap() };
        let processes = watch.join().unwrap();
        assert!(processes.is_empty(), "{processes:#?} did not end: {ended:#?}");
        ended
    }
}

fn text(stream: Option<&mut impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.read_to_end(&mut bytes).unwrap();
    }
    String::from_utf8(bytes).expect("what we write is text, whatever tests write")
}

impl Ended {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }

    /// The line of a test in the text for humans, without its figures.
    #[track_caller]
    pub(crate) fn word(&self, name: &str) -> &str {
        let line = self.stdout.lines().find(|line| line.ends_with(&format!("  {name}")));
        line.unwrap_or_else(|| panic!("no line for `{name}` in\n{}", self.stdout))
            .split_whitespace()
            .next()
            .unwrap()
    }
}

impl Lines {
    /// What a run said that has ended.
    pub(crate) fn new(ended: &Ended) -> Self {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let mut objects: Vec<Value> = ended.stdout.lines().map(parse).collect();
        assert!(objects.len() >= 2, "{ended:#?}");
        let started = objects.remove(0);
        let finished = objects.pop().unwrap();
        assert_eq!(started["type"], "run-started");
        assert_eq!(finished["type"], "run-finished", "{ended:#?}");
        let known = [
            "waiting",
            "attempt-slow",
            "setup-finished",
            "setup-interrupted",
            "retries-dropped",
            "attempt-finished",
            "attempt-interrupted",
            "process-finished",
        ];
        assert!(
            objects.iter().all(|object| known.iter().any(|known| object["type"] == *known)),
            "{ended:#?}"
        );
        let of = |kind: &str| objects.iter().filter(|object| object["type"] == kind).cloned().collect();
        let [scripts, attempts, interrupted, processes] =
            ["setup-finished", "attempt-finished", "attempt-interrupted", "process-finished"].map(of);
        Self { started, scripts, attempts, interrupted, processes, finished }
    }

    /// The attempt at a test.
    #[track_caller]
    pub(crate) fn attempt(&self, binary_id: &str, name: &str) -> &Value {
        let is_it = |attempt: &&Value| attempt["binary_id"] == binary_id && attempt["name"] == name;
        self.attempts.iter().find(is_it).unwrap_or_else(|| panic!("no attempt at {binary_id} {name}"))
    }

    /// The verdict on a test.
    #[track_caller]
    pub(crate) fn outcome(&self, binary_id: &str, name: &str) -> &str {
        self.attempt(binary_id, name)["outcome"].as_str().unwrap()
    }

    /// Whether a capability was in force.
    pub(crate) fn holds(&self, capability: &str) -> bool {
        self.started["isolation"][capability]["state"] == "in-force"
    }
}
