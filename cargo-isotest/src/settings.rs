//! What holds in this run: the command line and the environment, validated.

use crate::cli::{
    CargoArgs, Cli, ExecArgs, ExecutionArgs, ExplainArgs, Flags, LibtestWords, MessageFormat, Network,
    PolicyArgs, PsArgs, RootArgs, RootPath, RootWord, RunIgnored, SandboxArgs, ShellArgs, TestArgs,
    UnknownWord, Verb, Words,
};
use crate::invocation::Caller;
use crate::select::Selection;
use crate::update;
use anstream::ColorChoice;
use isotest_core::limits::Limits;
use isotest_core::policy::{Capability, Level, Policy, PolicyError};
use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

/// Everything a run needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What is to be done.
    pub(crate) task: Task,
    /// What cargo is told.
    pub(crate) cargo: CargoArgs,
    /// Which tests.
    pub(crate) selection: Selection,
    /// How they are executed.
    pub(crate) execution: Execution,
    /// In what.
    pub(crate) sandbox: SandboxSettings,
    /// The format of standard output.
    pub(crate) message_format: MessageFormat,
    /// Whether to use colour; undecided, the streams are asked.
    pub(crate) color: ColorChoice,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// Execute the selected tests.
    Execute,
    /// Only name them.
    List,
    /// Only find out what this host allows; nothing is built.
    Doctor,
    /// Nothing with tests: show what this program needs.
    Closure(PathBuf),
    /// Nothing with tests: show what is running.
    Ps(PsArgs),
    /// Execute a command.
    Exec(Command),
    /// Open a shell in the sandbox of the one selected test, or in one of the project.
    Shell {
        /// Whether a test was named.
        of_test: bool,
    },
    /// Execute a command, or open a shell, in the sandbox of an attempt that is running.
    Join {
        /// What the attempt was called.
        attempt: String,
        /// The command; the shell without one.
        command: Option<Command>,
    },
    /// Explain how the one selected test is executed, or this command.
    Explain(Option<Command>),
}

/// A command that is no test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// A path, or a name that is looked for in `PATH`.
    pub(crate) program: PathBuf,
    /// Without its own name.
    pub(crate) arguments: Vec<OsString>,
    /// Where its figures go.
    pub(crate) usage_json: Option<PathBuf>,
}

/// How tests are executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution {
    /// How many at once.
    pub(crate) jobs: NonZeroUsize,
    /// Whether no further test starts once one has failed.
    pub(crate) fail_fast: bool,
    /// Whether output is captured; otherwise tests have our standard streams.
    pub(crate) capture: bool,
    /// After how long a test is killed.
    pub(crate) timeout: Option<Duration>,
    /// After how long a binary is killed that is asked for its tests.
    pub(crate) list_timeout: Duration,
    /// Whether a test that leaves a process running has failed.
    pub(crate) fail_on_leak: bool,
    /// What one process executes.
    pub(crate) process: Process,
}

/// What one process executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// One test.
    Test,
    /// The selected tests of one binary, as `cargo test` executes them.
    Binary {
        /// How many at once, if that was said.
        threads: Option<NonZeroUsize>,
    },
}

/// What tests see and may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SandboxSettings {
    /// How much each capability is wanted.
    pub(crate) policy: Policy,
    /// The network.
    pub(crate) network: Network,
    /// How much a test may use.
    pub(crate) limits: Limits,
    /// What becomes `/`.
    pub(crate) root: RootWord,
    /// Whether not even the package is seen in a minimal root.
    pub(crate) hide_package: bool,
    /// Whether the paths are told that tests look for and that are not there.
    pub(crate) trace_missing: bool,
    /// What is shown of the host besides the default.
    pub(crate) binds: Vec<Bind>,
    /// What is written through to the host.
    pub(crate) keeps: Vec<PathBuf>,
    /// What is not, although it lies within that.
    pub(crate) copied_within: Vec<PathBuf>,
    /// What becomes of the caller's wish that tests update their sources.
    pub(crate) update: Option<Update>,
}

/// What becomes of the wish that tests update their sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// It is done, asked for by this variable.
    Written(&'static str),
    /// It is thrown away.
    Discarded(&'static str),
}

/// A file or directory of the host that tests see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bind {
    /// Absolute.
    pub(crate) path: PathBuf,
    /// What becomes of changes.
    pub(crate) access: BindAccess,
}

/// What becomes of a test's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BindAccess {
    /// They are refused.
    ReadOnly,
    /// They succeed and are thrown away.
    CopyOnWrite,
    /// They reach the host.
    ReadWrite,
}

/// The command line asks for something that makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// A word after `--`.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// Contradicting wishes.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A duration of zero.
    #[error("`--timeout 0s` leaves no test any time")]
    ZeroTimeout,
    /// The same for the list of tests.
    #[error("`--list-timeout 0s` leaves no test binary any time")]
    ZeroListTimeout,
    /// `--hide-package` where it is not shown for itself.
    #[error("`--hide-package` goes with `--root minimal` only")]
    HidesPackage,
    /// `--ignored` with `--include-ignored`, or either with another `--run-ignored`.
    #[error("`{first}` and `{second}` contradict each other")]
    Contradiction {
        /// What was said first.
        first: &'static str,
        /// What was said then.
        second: &'static str,
    },
    /// A path of `--bind` or `--keep`.
    #[error("`{flag} {}` does not exist", path.display())]
    NoSuchPath {
        /// The flag.
        flag: &'static str,
        /// The path, absolute.
        path: PathBuf,
    },
    /// `RUST_TEST_THREADS`.
    #[error("the environment variable `RUST_TEST_THREADS` is `{}`, which is not a number above 0", .0.display())]
    TestThreads(OsString),
}

impl Settings {
    /// What holds if this was typed and the caller is this one.
    pub(crate) fn of(cli: Cli, caller: &Caller) -> Result<Self, SettingsError> {
        let (task, words) = match cli.verb {
            None => (Task::Execute, cli.words),
            Some(Verb::List(words)) => (Task::List, words),
            Some(Verb::Closure { binary }) => (Task::Closure(caller.absolute(&binary)), cli.words),
            Some(Verb::Ps(args)) => (Task::Ps(args), cli.words),
            Some(Verb::Exec(typed)) => (Task::exec(typed, caller), Words::default()),
            Some(Verb::Doctor) => (Task::Doctor, Words::default()),
            Some(Verb::Shell(ShellArgs { join: Some(attempt), .. })) => {
                (Task::Join { attempt, command: None }, Words::default())
            }
            Some(Verb::Shell(ShellArgs { named, join: None })) => {
                (Task::Shell { of_test: named.is_some() }, Words::filtering(named))
            }
            Some(Verb::Explain(ExplainArgs { named, command })) => {
                let command = ExecArgs { usage_json: None, join: None, command };
                let is_test = command.command.is_empty();
                (Task::Explain((!is_test).then(|| Command::of(command, caller))), Words::filtering(named))
            }
        };
        let Flags { tests, execution, sandbox, limits, policy, report, cargo } = cli.flags;
        let Words { filters, of_harness } = words;
        let words = LibtestWords::read(&of_harness)?;
        let update = Update::of(caller, &task, sandbox.discard_updates);
        let threads = execution.jobs.or(words.test_threads);
        Ok(Self {
            color: color(&cargo, caller),
            cargo,
            execution: Execution::of(&execution, &words, caller)?.for_task(&task).for_update(update, threads),
            selection: selection(filters, tests, words)?,
            sandbox: SandboxSettings {
                update,
                ..SandboxSettings::of(&sandbox, limits.limits(), &policy, caller)?
            },
            message_format: report.message_format,
            task,
        })
    }
}

impl Settings {
    /// What holds of directories known only once the tests are built: where tests update their sources, these are written
    /// through, but nothing that is built there.
    pub(crate) fn for_project<'a>(
        mut self,
        sources: impl Iterator<Item = &'a PathBuf>,
        built: [&'a PathBuf; 2],
    ) -> Self {
        if let Some(Update::Written(_)) = self.sandbox.update {
            self.sandbox.keeps.extend(sources.cloned());
            let is_within = |path: &&PathBuf| {
                self.sandbox.keeps.iter().any(|kept| path.starts_with(kept) && *path != kept)
            };
            self.sandbox.copied_within = built.into_iter().filter(is_within).cloned().collect();
        }
        self
    }
}

impl Update {
    fn of(caller: &Caller, task: &Task, discard: bool) -> Option<Self> {
        let variable = update::wish(caller)?;
        let writes = *task == Task::Execute && !discard;
        Some(if writes { Self::Written(variable) } else { Self::Discarded(variable) })
    }
}

impl Task {
    fn exec(mut typed: ExecArgs, caller: &Caller) -> Self {
        let join = typed.join.take();
        let command = Command::of(typed, caller);
        match join {
            Some(attempt) => Self::Join { attempt, command: Some(command) },
            None => Self::Exec(command),
        }
    }
}

impl Command {
    fn of(typed: ExecArgs, caller: &Caller) -> Self {
        let ExecArgs { usage_json, command, .. } = typed;
        let mut words = command.into_iter();
        Self {
            program: words.next().unwrap_or_default().into(),
            arguments: words.collect(),
            usage_json: usage_json.map(|path| caller.absolute(&path)),
        }
    }
}

/// The flag, or else the variable cargo has for it.
fn color(cargo: &CargoArgs, caller: &Caller) -> ColorChoice {
    let word = cargo.output.color.map(|color| color.to_string());
    let word =
        word.or_else(|| caller.variable("CARGO_TERM_COLOR").and_then(OsStr::to_str).map(str::to_owned));
    match word.as_deref() {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

fn selection(filters: Vec<String>, tests: TestArgs, words: LibtestWords) -> Result<Selection, SettingsError> {
    Ok(Selection {
        ignored: run_ignored(tests.run_ignored, &words)?,
        filters: filters.into_iter().chain(words.filters).collect(),
        skips: tests.skip.into_iter().chain(words.skip).collect(),
        exact: tests.exact || words.exact,
    })
}

fn run_ignored(flag: Option<RunIgnored>, words: &LibtestWords) -> Result<RunIgnored, SettingsError> {
    let words = [
        (words.ignored.ignored, "-- --ignored", RunIgnored::Only),
        (words.ignored.include_ignored, "-- --include-ignored", RunIgnored::All),
    ];
    let flag = flag.map(|which| match which {
        RunIgnored::Default => ("--run-ignored default", which),
        RunIgnored::Only => ("--run-ignored only", which),
        RunIgnored::All => ("--run-ignored all", which),
    });
    let said = words.into_iter().filter(|(given, ..)| *given).map(|(_, word, which)| (word, which));
    let mut said = flag.into_iter().chain(said);
    let Some((first, which)) = said.next() else { return Ok(RunIgnored::default()) };
    match said.find(|(_, other)| *other != which) {
        Some((second, _)) => Err(SettingsError::Contradiction { first, second }),
        None => Ok(which),
    }
}

impl Execution {
    /// Tools that update files count on `cargo test`, which executes one binary after the other, each in one process.
    fn for_update(self, update: Option<Update>, threads: Option<NonZeroUsize>) -> Self {
        match update {
            Some(Update::Written(_)) => {
                Self { jobs: NonZeroUsize::MIN, process: Process::Binary { threads }, ..self }
            }
            Some(Update::Discarded(_)) | None => self,
        }
    }

    /// A command has no neighbour.
    fn for_task(self, task: &Task) -> Self {
        let is_alone =
            matches!(task, Task::Exec(_) | Task::Explain(Some(_)) | Task::Shell { of_test: false });
        Self { jobs: if is_alone { NonZeroUsize::MIN } else { self.jobs }, ..self }
    }

    fn of(typed: &ExecutionArgs, words: &LibtestWords, caller: &Caller) -> Result<Self, SettingsError> {
        let timeout = typed.timeout.map(Duration::from);
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(SettingsError::ZeroTimeout);
        }
        let list_timeout = Duration::from(typed.list_timeout);
        if list_timeout.is_zero() {
            return Err(SettingsError::ZeroListTimeout);
        }
        let capture = !(typed.no_capture || words.no_capture);
        let jobs = match typed.jobs.or(words.test_threads) {
            Some(jobs) => jobs,
            None => default_jobs(capture, caller)?,
        };
        let ExecutionArgs { fail_fast, fail_on_leak, .. } = *typed;
        let process = Process::Test;
        Ok(Self { jobs, fail_fast, capture, timeout, list_timeout, fail_on_leak, process })
    }
}

/// How many tests are executed at once if nobody says so: several at one terminal could not be told apart.
fn default_jobs(capture: bool, caller: &Caller) -> Result<NonZeroUsize, SettingsError> {
    if let Some(threads) = caller.variable("RUST_TEST_THREADS") {
        let number = threads.to_str().and_then(|threads| threads.parse().ok());
        return number.ok_or_else(|| SettingsError::TestThreads(threads.to_owned()));
    }
    Ok(if capture { available_parallelism().unwrap_or(NonZeroUsize::MIN) } else { NonZeroUsize::MIN })
}

impl SandboxSettings {
    fn of(
        typed: &SandboxArgs,
        limits: Limits,
        policy: &PolicyArgs,
        caller: &Caller,
    ) -> Result<Self, SettingsError> {
        let policy = Policy::of(&wishes(typed, &limits, policy))?;
        let network = if policy.level(Capability::Net) == Level::Off { Network::Host } else { typed.network };
        let binds = typed.bind.iter().map(|text| bind(text, caller)).collect::<Result<_, _>>()?;
        let keeps = typed.keep.iter().map(|path| existing("--keep", path, caller));
        let keeps = keeps.chain(coverage_directory(caller).map(Ok)).collect::<Result<_, _>>()?;
        let (root, hide_package) = (root(&typed.root, caller)?, typed.root.hide_package);
        let trace_missing = typed.root.trace_missing;
        Ok(Self {
            policy,
            network,
            limits,
            root,
            hide_package,
            trace_missing,
            binds,
            keeps,
            copied_within: Vec::new(),
            update: None,
        })
    }
}

/// What is wanted of each capability: a limit requires what it measures, and the host's network is no network namespace.
fn wishes(sandbox: &SandboxArgs, limits: &Limits, policy: &PolicyArgs) -> Vec<(Capability, Level)> {
    let typed =
        [(&policy.require, Level::Require), (&policy.prefer, Level::Prefer), (&policy.off, Level::Off)];
    let typed =
        typed.into_iter().flat_map(|(list, level)| list.iter().map(move |&capability| (capability, level)));
    let implied = [
        limits.memory.map(|_| (Capability::Memory, Level::Require)),
        limits.pids.map(|_| (Capability::Pids, Level::Require)),
        network_wish(sandbox.network),
    ];
    typed.chain(implied.into_iter().flatten()).collect()
}

fn network_wish(network: Network) -> Option<(Capability, Level)> {
    match network {
        Network::Loopback => None,
        Network::Own | Network::None => Some((Capability::Net, Level::Require)),
        Network::Host => Some((Capability::Net, Level::Off)),
    }
}

fn root(typed: &RootArgs, caller: &Caller) -> Result<RootWord, SettingsError> {
    if typed.hide_package && typed.root != RootWord::Minimal {
        return Err(SettingsError::HidesPackage);
    }
    Ok(match &typed.root {
        RootWord::At(RootPath { kind, path }) => {
            RootWord::At(RootPath { kind: *kind, path: existing("--root", path, caller)? })
        }
        RootWord::Host | RootWord::Minimal => typed.root.clone(),
    })
}

/// The value of `--bind`. Only a last `:ro`, `:cow` or `:rw` is ours; a path may hold colons.
fn bind(text: &OsStr, caller: &Caller) -> Result<Bind, SettingsError> {
    let bytes = text.as_bytes();
    let words: [(&[u8], _); 3] =
        [(b":ro", BindAccess::ReadOnly), (b":cow", BindAccess::CopyOnWrite), (b":rw", BindAccess::ReadWrite)];
    let said = words.into_iter().find_map(|(word, access)| Some((bytes.strip_suffix(word)?, access)));
    let (path, access) = said.unwrap_or((bytes, BindAccess::ReadOnly));
    let path = existing("--bind", Path::new(OsStr::from_bytes(path)), caller)?;
    Ok(Bind { path, access })
}

fn existing(flag: &'static str, path: &Path, caller: &Caller) -> Result<PathBuf, SettingsError> {
    let path = caller.absolute(path);
    if path.symlink_metadata().is_ok() { Ok(path) } else { Err(SettingsError::NoSuchPath { flag, path }) }
}

/// Where instrumented tests write their profiles when they end; thrown away, they would be missed.
fn coverage_directory(caller: &Caller) -> Option<PathBuf> {
    let directory = Path::new(caller.variable("LLVM_PROFILE_FILE")?).parent()?;
    (directory.is_absolute() && directory.is_dir()).then(|| directory.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::RootKind;

    fn settings_with(environment: &[(&str, &str)], arguments: &[&str]) -> Result<Settings, SettingsError> {
        let words = std::iter::once("cargo-isotest").chain(arguments.iter().copied()).map(OsString::from);
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Settings::of(Cli::read(words).unwrap(), &Caller { environment, directory: "/usr".into() })
    }

    fn settings(arguments: &[&str]) -> Result<Settings, SettingsError> {
        settings_with(&[], arguments)
    }

    fn refusal(arguments: &[&str]) -> String {
        settings(arguments).unwrap_err().to_string()
    }

    #[test]
    fn words_before_and_after_the_dashes_are_one_selection() {
        let selection = settings(&["a", "--skip", "b", "--", "c", "--skip", "d", "--exact", "--ignored"])
            .unwrap()
            .selection;
        assert_eq!(selection.filters, ["a", "c"]);
        assert_eq!(selection.skips, ["b", "d"]);
        assert!(selection.exact);
        assert_eq!(selection.ignored, RunIgnored::Only);
    }

    #[test]
    fn ignored_tests_are_wanted_in_one_way_only() {
        assert!(settings(&["--run-ignored", "all", "--", "--include-ignored"]).is_ok());
        let text = refusal(&["--run-ignored", "all", "--", "--ignored"]);
        assert_eq!(text, "`--run-ignored all` and `-- --ignored` contradict each other");
        let text = refusal(&["--", "--ignored", "--include-ignored"]);
        assert_eq!(text, "`-- --ignored` and `-- --include-ignored` contradict each other");
    }

    #[test]
    fn jobs_come_from_the_nearest_source() {
        let threads = [("RUST_TEST_THREADS", "3")];
        let jobs = |environment: &[_], arguments: &[&str]| {
            settings_with(environment, arguments).unwrap().execution.jobs.get()
        };
        assert_eq!(jobs(&threads, &["-j", "5", "--", "--test-threads", "4"]), 5);
        assert_eq!(jobs(&threads, &["--", "--test-threads", "4"]), 4);
        assert_eq!(jobs(&threads, &["--no-capture"]), 3);
        assert_eq!(jobs(&[], &["--", "--nocapture"]), 1);
        assert_eq!(jobs(&[], &[]), available_parallelism().unwrap().get());
        assert!(settings_with(&[("RUST_TEST_THREADS", "0")], &[]).is_err());
    }

    #[test]
    fn a_limit_requires_its_figure() {
        let level =
            |arguments: &[&str], capability| settings(arguments).unwrap().sandbox.policy.level(capability);
        assert_eq!(level(&[], Capability::Memory), Level::Prefer);
        assert_eq!(level(&["--memory-limit", "1MiB"], Capability::Memory), Level::Require);
        assert_eq!(level(&["--pids-limit", "9"], Capability::Pids), Level::Require);
        assert_eq!(
            refusal(&["--memory-limit", "1MiB", "--off", "memory"]),
            "`memory` cannot be both `off` and `require`"
        );
        assert_eq!(settings(&["--memory-limit", "1MiB"]).unwrap().sandbox.limits.memory, Some(1 << 20));
    }

    #[test]
    fn the_host_s_network_and_no_namespace_are_the_same_thing() {
        let sandbox = settings(&["--off", "net"]).unwrap().sandbox;
        assert_eq!(sandbox.network, Network::Host);
        let sandbox = settings(&["--network", "host"]).unwrap().sandbox;
        assert_eq!(sandbox.policy.level(Capability::Net), Level::Off);
        assert_eq!(
            refusal(&["--network", "own", "--off", "net"]),
            "`net` cannot be both `off` and `require`"
        );
    }

    #[test]
    fn a_bind_is_read_only_unless_told_otherwise() {
        let binds =
            settings(&["--bind", "lib", "--bind", "/usr/bin:ro", "--bind", "bin:rw", "--bind", "lib:cow"])
                .unwrap()
                .sandbox
                .binds;
        let bind = |path: &str, access| Bind { path: path.into(), access };
        let expected = [
            bind("/usr/lib", BindAccess::ReadOnly),
            bind("/usr/bin", BindAccess::ReadOnly),
            bind("/usr/bin", BindAccess::ReadWrite),
            bind("/usr/lib", BindAccess::CopyOnWrite),
        ];
        assert_eq!(binds, expected);
    }

    #[test]
    fn a_path_may_hold_colons() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a:b");
        std::fs::write(&path, "").unwrap();
        let binds = settings(&["--bind", path.to_str().unwrap()]).unwrap().sandbox.binds;
        assert_eq!(binds, [Bind { path, access: BindAccess::ReadOnly }]);
    }

    #[test]
    fn a_path_must_exist() {
        assert_eq!(refusal(&["--bind", "nowhere:rw"]), "`--bind /usr/nowhere` does not exist");
        assert_eq!(refusal(&["--keep", "nowhere"]), "`--keep /usr/nowhere` does not exist");
    }

    #[test]
    fn a_root_is_told_by_its_first_word() {
        let root = |text| settings(&["--root", text]).unwrap().sandbox.root;
        assert_eq!(settings(&[]).unwrap().sandbox.root, RootWord::Host);
        assert_eq!(root("minimal"), RootWord::Minimal);
        assert_eq!(
            root("dir:lib"),
            RootWord::At(RootPath { kind: RootKind::Directory, path: "/usr/lib".into() })
        );
        assert_eq!(refusal(&["--root", "dir:nowhere"]), "`--root /usr/nowhere` does not exist");
        assert_eq!(refusal(&["--hide-package"]), "`--hide-package` goes with `--root minimal` only");
    }

    #[test]
    fn coverage_profiles_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let pattern = directory.path().join("%p.profraw");
        let environment = [("LLVM_PROFILE_FILE", pattern.to_str().unwrap())];
        assert_eq!(settings_with(&environment, &[]).unwrap().sandbox.keeps, [directory.path()]);
    }

    #[test]
    fn tests_that_update_their_sources_share_a_process_and_write_them() {
        let asked = [("UPDATE_EXPECT", "1"), ("RUST_TEST_THREADS", "3")];
        let sources = ["/w", "/w/a", "/elsewhere"].map(PathBuf::from);
        let (target, build) = (PathBuf::from("/w/target"), PathBuf::from("/build"));
        let of = |arguments: &[&str]| {
            let settings = settings_with(&asked, arguments).unwrap();
            settings.for_project(sources.iter(), [&target, &build])
        };
        let Settings { execution, sandbox, .. } = of(&[]);
        assert_eq!((execution.jobs.get(), execution.process), (1, Process::Binary { threads: None }));
        assert_eq!(sandbox.update, Some(Update::Written("UPDATE_EXPECT")));
        assert_eq!(sandbox.keeps, sources);
        assert_eq!(sandbox.copied_within, std::slice::from_ref(&target));
        let threads = NonZeroUsize::new(2);
        for arguments in [&["-j", "2"][..], &["--", "--test-threads", "2"]] {
            assert_eq!(of(arguments).execution.process, Process::Binary { threads });
        }
        for arguments in [&["--discard-updates"][..], &["list"], &["shell"], &["exec", "--", "true"]] {
            let Settings { execution, sandbox, .. } = of(arguments);
            assert_eq!(execution.process, Process::Test, "{arguments:?}");
            assert_eq!(sandbox.update, Some(Update::Discarded("UPDATE_EXPECT")));
            assert_eq!((sandbox.keeps, sandbox.copied_within), (Vec::new(), Vec::new()));
        }
        assert_eq!(of(&["--discard-updates"]).execution.jobs.get(), 3);
        assert_eq!(settings(&[]).unwrap().sandbox.update, None);
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(refusal(&["--timeout", "0s"]), "`--timeout 0s` leaves no test any time");
        let expected = "`--list-timeout 0s` leaves no test binary any time";
        assert_eq!(refusal(&["--list-timeout", "0s"]), expected);
        assert_eq!(
            settings(&["--timeout", "1m 5s"]).unwrap().execution.timeout,
            Some(Duration::from_secs(65))
        );
    }

    #[test]
    fn list_is_a_task_of_its_own() {
        assert_eq!(settings(&["list"]).unwrap().task, Task::List);
        assert_eq!(settings(&["--", "list"]).unwrap().task, Task::Execute);
    }
}
