//! What holds in this run, and from where each value came: the one place where what was typed, what the environment says
//! and what holds by default meet.
//!
//! Each source is a [layer](layer::Layer) of values that it may be silent about. The layers are merged in one order, the
//! highest first: flags, words for the test harness, the environment, the configuration file. What none of them speaks of has its default here.
//! What the configuration file says of some tests only comes before all else that it says.

mod config;
mod display;
mod environment;
mod error;
mod groups;
mod held;
mod layer;
mod limits;
mod overrides;
mod paths;
mod policy;
mod setting;
mod test;
mod typed;

pub(crate) use display::DisplaySettings;
pub(crate) use error::SettingsError;
pub(crate) use groups::TestGroups;
pub(crate) use held::{Held, HeldOverride};
pub(crate) use paths::{Bind, BindAccess};
pub(crate) use setting::{Origin, Part, Place, Setting, Table};
pub(crate) use test::TestSettings;

use crate::cli::{
    Budgets, CargoArgs, Cli, ClosureArgs, Command as Typed, CompletionsArgs, CourseArgs, ExecArgs,
    ExplainArgs, HelpArgs, LibtestWords, ManArgs, MessageFormat, PsArgs, ReportArgs, ReportFile, RootWord,
    RunIgnored, RunnerArgs, ShellArgs, ShowConfigArgs, Words,
};
use crate::cli::{BudgetsAction, BudgetsArgs};
use crate::invocation::Invocation;
use crate::select::Selection;
use crate::select::filterset::{Filterset, Known};
use crate::testcase::TestCase;
use crate::values::{Jobs, MaxFail};
use anstream::ColorChoice;
use config::Config;
use isotest_core::limits::Control;
use isotest_core::policy::{Capability, Level};
use layer::Layer;
use overrides::{Override, Overrides};
use std::ffi::OsString;
use std::mem::take;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

/// How long a binary may take to list its tests if nobody says so.
const LIST_TIMEOUT: Duration = Duration::from_mins(1);

/// Everything a run needs to know.
#[derive(Debug, Clone)]
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
    /// What holds for each test of which no override speaks, and where no test counts.
    pub(crate) test: TestSettings,
    /// Whether what becomes of tests is kept, and used in later runs.
    pub(crate) history: Setting<bool>,
    held: Vec<Held>,
    overrides: Overrides,
    /// How many tests of each test group run at once.
    pub(crate) groups: TestGroups,
    /// Whether tests wait until there is memory for what they are expected to use.
    pub(crate) memory_aware: Setting<bool>,
    /// What budgets of tests do.
    pub(crate) budgets: Setting<Budgets>,
    /// How the run goes as a whole.
    pub(crate) course: CourseArgs,
    /// What the report for humans shows of tests.
    pub(crate) display: DisplaySettings,
    /// The format of standard output.
    pub(crate) message_format: Setting<MessageFormat>,
    /// The files that results are written to besides.
    pub(crate) reports: Vec<Setting<ReportFile>>,
    /// Whether to use colour; undecided, the streams are asked.
    pub(crate) color: Setting<ColorChoice>,
    /// The arguments that do not select tests, as typed.
    pub(crate) again: Vec<OsString>,
    /// The environment variables that hold settings of one test.
    pub(crate) variables: Vec<(&'static str, OsString)>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// Execute the selected tests.
    Execute,
    /// Only name them.
    List,
    /// Work on their budgets.
    Budgets(BudgetsArgs),
    /// Only find out what this host allows; nothing is built.
    Doctor,
    /// Nothing with tests: show what this program needs.
    Closure(PathBuf),
    /// Nothing with tests: make documents of what runs have said.
    Report(ReportArgs),
    /// Nothing with tests: show what is running.
    Ps(PsArgs),
    /// Nothing with tests: print a page of the manual.
    Help(HelpArgs),
    /// Nothing with tests: print a man page.
    Man(ManArgs),
    /// Nothing with tests: print a script that completes the command line.
    Completions(CompletionsArgs),
    /// Execute a command.
    Exec(Command),
    /// Execute doctests.
    Doctests {
        /// What their names contain.
        filters: Vec<String>,
        /// Arguments of the harness.
        of_harness: Vec<OsString>,
        /// The flags for the runner.
        of_runner: Vec<OsString>,
    },
    /// Execute a program for cargo.
    Runner {
        /// The program.
        command: Command,
        /// The arguments of this process before it.
        before: Vec<OsString>,
    },
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
    /// Show what holds, and from where.
    ShowConfig {
        /// Whether a test was named.
        of_test: bool,
    },
    /// Nothing with tests: show the JSON schema of the configuration file.
    ShowSchema,
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
    /// Where it is executed; `None` for where we were called.
    pub(crate) directory: Option<PathBuf>,
}

/// How tests are executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution {
    /// How many at once.
    pub(crate) jobs: Setting<NonZeroUsize>,
    /// After how many failures no further test starts.
    pub(crate) max_fail: Setting<MaxFail>,
    /// After how long the whole run is ended.
    pub(crate) global_timeout: Setting<Option<Duration>>,
    /// Whether output is captured; otherwise tests have our standard streams.
    pub(crate) capture: Setting<bool>,
    /// After how long a binary is killed that is asked for its tests.
    pub(crate) list_timeout: Setting<Duration>,
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
    /// Capabilities that are switched off by that name.
    pub(crate) off: Vec<Setting<Capability>>,
    /// What becomes `/`.
    pub(crate) root: Setting<RootWord>,
    /// Whether not even the package is seen in a minimal root.
    pub(crate) hide_package: Setting<bool>,
    /// Whether the paths are told that tests look for and that are not there.
    pub(crate) trace_missing: Setting<bool>,
    /// What is not written through to the host, although it lies within what is.
    pub(crate) copied_within: Vec<PathBuf>,
    /// What becomes of the caller's wish that tests update their sources.
    pub(crate) update: Option<Update>,
    /// Controllers of limits that only some tests have. A host may be without them until such a test is to be executed.
    pub(crate) controls: Vec<Control>,
}

/// What becomes of the wish that tests update their sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// It is done, asked for by this variable.
    Written(&'static str),
    /// It is thrown away.
    Discarded(&'static str),
}

/// What was typed and what the environment says, before it is known what holds in the project.
#[derive(Debug)]
pub(crate) struct Said {
    /// What is to be done.
    pub(crate) task: Task,
    /// What cargo is told.
    pub(crate) cargo: CargoArgs,
    /// Whether to use colour; undecided, the streams are asked.
    pub(crate) color: Setting<ColorChoice>,
    /// What is said of environment variables that have no effect.
    pub(crate) warnings: Vec<String>,
    profile: Option<Setting<String>>,
    config_file: Option<Setting<PathBuf>>,
    course: CourseArgs,
    again: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    layer: Layer,
}

impl Said {
    /// What this command line and this caller say.
    pub(crate) fn read(cli: Cli, invocation: &Invocation) -> Result<Self, SettingsError> {
        let (task, Words { filters, of_harness }) = Task::from_typed(cli.command, invocation);
        let (cargo, course) = (cli.flags.cargo.clone(), cli.flags.course.clone());
        let again = cli.again;
        let typed = &cli.flags.config;
        let (profile, config_file) = (typed::profile(typed), typed::config_file(typed, invocation));
        let profile = profile.or_else(|| environment::profile(invocation));
        let config_file = config_file.or_else(|| environment::config_file(invocation));
        let variables = environment::of_one_test(
            invocation,
            [profile.as_ref().map(|profile| profile.origin), config_file.as_ref().map(|file| file.origin)],
        );
        let words = LibtestWords::read(&of_harness)?;
        let harness = typed::harness(words)?;
        let flags = typed::flags(cli.flags, filters, invocation)?;
        typed::without_contradiction(&flags, &harness)?;
        let layer = Layer::merged([flags, harness, environment::layer(invocation)?]);
        let color = or(layer.color, ColorChoice::Auto);
        let warnings = environment::unknown(invocation);
        Ok(Self { task, cargo, color, warnings, profile, config_file, course, again, variables, layer })
    }

    /// What holds in a project, or outside of one: what is said here, and below it what the configuration file says.
    ///
    /// # Errors
    /// When the file is invalid, or what both say together makes no sense.
    pub(crate) fn settings_in(
        mut self,
        workspace: Option<&Path>,
        invocation: &Invocation,
    ) -> Result<Settings, SettingsError> {
        let config = Config::open(self.config_file.as_ref(), workspace, &invocation.directory)?;
        let held = config.held(self.profile.as_ref(), self.config_file.as_ref());
        let mut lower = config.layer(self.profile)?;
        let is_attended = !self.task.is_of_tests() && !matches!(self.task, Task::Runner { .. });
        if is_attended || matches!(self.task, Task::Shell { .. }) {
            // Somebody attends to a command, and it is no test.
            lower.test.timeout = None;
            lower.overrides.iter_mut().for_each(|one| one.layer.timeout = None);
            let is_of_tests = |time: &mut Setting<Duration>| matches!(time.origin, Origin::Environment(_));
            let _ = self.layer.test.timeout.take_if(is_of_tests);
        }
        if self.layer.capture.is_some_and(|capture| !capture.value) {
            // Several at one terminal could not be told apart.
            lower.jobs = None;
        }
        let settings = Settings::merged(self.task, self.cargo, self.layer, lower)?;
        Ok(Settings {
            held: [Vec::from(held), settings.held].concat(),
            course: self.course,
            again: self.again,
            variables: self.variables,
            ..settings
        })
    }

    /// What holds where no project counts.
    ///
    /// # Errors
    /// When that makes no sense.
    pub(crate) fn settings(self) -> Result<Settings, SettingsError> {
        let settings = Settings::merged(self.task, self.cargo, self.layer, Layer::default())?;
        Ok(Settings { course: self.course, again: self.again, variables: self.variables, ..settings })
    }
}

impl Settings {
    /// What two layers say together, and what holds besides. The overrides of the lower one are between them.
    fn merged(task: Task, cargo: CargoArgs, upper: Layer, mut lower: Layer) -> Result<Self, SettingsError> {
        let each = take(&mut lower.overrides);
        let (above, below) = (upper.test.clone(), lower.test.clone());
        let mut layer = upper.or(lower);
        let held = config::held_of_run(&layer);
        let overrides = Overrides::new(above, each, below, layer.levels.clone());
        let jobs = layer.jobs.take().filter(|_| task.is_of_tests()).transpose()?;
        let update = Update::from_layer(&layer, &task);
        let execution = Execution::from_layer(&layer, jobs, &task).for_update(update).checked()?;
        let selection = Selection {
            filters: take(&mut layer.filters),
            skips: take(&mut layer.skips),
            filtersets: take(&mut layer.filtersets),
            exact: or(layer.exact, false).value,
            ignored: or(layer.ignored, RunIgnored::default()).value,
            partition: layer.partition.map(|partition| partition.value),
        };
        let test = TestSettings::from_layer(take(&mut layer.test), &layer.levels)?;
        let sandbox = SandboxSettings::from_layer(&mut layer)?;
        let sandbox = SandboxSettings { update, controls: overrides.controls(), ..sandbox };
        let display = DisplaySettings::from_layer(&layer.display, cargo.output.quiet.quiet);
        Ok(Self {
            task,
            cargo,
            selection,
            execution,
            sandbox,
            test,
            history: or(layer.history, true),
            held,
            overrides,
            groups: layer.groups,
            memory_aware: or(layer.memory_aware, true),
            budgets: or(layer.budgets, Budgets::default()),
            course: CourseArgs::default(),
            display,
            again: Vec::new(),
            variables: Vec::new(),
            message_format: or(layer.message_format, MessageFormat::default()),
            reports: layer.reports,
            color: or(layer.color, ColorChoice::Auto),
        })
    }
}

impl Settings {
    /// Checks that each name in a filterset is that of something in the project. Returns whether a filterset asks which
    /// packages depend on each other.
    ///
    /// # Errors
    /// When a name is of nothing.
    pub(crate) fn check_filtersets(&self, known: &Known) -> Result<bool, SettingsError> {
        let known = &Known { groups: self.groups.names().map(str::to_owned).collect(), ..known.clone() };
        let typed = &self.selection.filtersets;
        typed.iter().try_for_each(|filterset| filterset.check(known))?;
        let needs_dependencies = self.overrides.check(known)?;
        Ok(needs_dependencies || typed.iter().any(Filterset::needs_dependencies))
    }

    /// Returns what holds of each key of the whole run, and from where.
    pub(crate) fn held_of_run(&self) -> &[Held] {
        &self.held
    }

    /// Returns what holds of each key for a test, and from where; without a test, for those that no override speaks of.
    pub(crate) fn held_of_test(&self, test: Option<&TestCase>) -> Vec<Held> {
        let matching = test.map(|test| self.overrides.of(Some(test))).unwrap_or_default();
        let (test, levels) = (self.overrides.layer(matching), self.overrides.levels().to_vec());
        config::held_of_test(&Layer { test, levels, ..Layer::default() })
    }

    /// Returns what each override says that holds for a test, or else each of them.
    pub(crate) fn held_overrides(&self, test: Option<&TestCase>) -> Vec<HeldOverride> {
        let held = |one: &Override| {
            let layer = Layer { test: one.layer.clone(), ..Layer::default() };
            HeldOverride { filter: one.filter.clone(), place: one.place, said: config::said_of_test(&layer) }
        };
        self.overrides.of(test).into_iter().map(held).collect()
    }

    /// Returns the overrides that hold for none of these tests.
    pub(crate) fn unused_overrides(&self, tests: &[TestCase]) -> Vec<String> {
        self.overrides.unused(tests)
    }

    /// Whether some tests write a path through to the host.
    pub(crate) fn keep_some(&self) -> bool {
        !self.test.keeps.is_empty() || self.overrides.keep_some()
    }

    /// Returns what holds for each of these tests.
    ///
    /// # Errors
    /// When what is said of one test makes no sense together.
    pub(crate) fn for_tests<'a>(
        &self,
        tests: impl IntoIterator<Item = &'a TestCase>,
    ) -> Result<Vec<Arc<TestSettings>>, SettingsError> {
        self.overrides.for_tests(&self.test, tests)
    }

    /// Notes of each test which group it is in.
    ///
    /// # Errors
    /// When what is said of one test makes no sense together.
    pub(crate) fn assign_groups(&self, tests: &mut [TestCase]) -> Result<(), SettingsError> {
        if self.groups.is_empty() {
            return Ok(());
        }
        let of_each = self.for_tests(tests.iter())?;
        for (test, own) in tests.iter_mut().zip(of_each) {
            test.group.clone_from(&own.test_group.value);
        }
        Ok(())
    }

    /// What holds of directories known only once the tests are built: where tests update their sources, these are written
    /// through, but nothing that is built there.
    pub(crate) fn for_project<'a>(
        mut self,
        sources: impl Iterator<Item = &'a PathBuf>,
        built: [&'a PathBuf; 2],
    ) -> Self {
        if let Some(Update::Written(variable)) = self.sandbox.update {
            let origin = Origin::Environment(variable);
            let sources: Vec<_> = sources.collect();
            // What somebody asked to keep is kept, built or not.
            let is_kept = |path: &&PathBuf| self.test.keeps.iter().any(|kept| kept.value == **path);
            let is_within =
                |path: &&PathBuf| sources.iter().any(|source| path.starts_with(source) && path != source);
            let copied = built.into_iter().filter(|path| is_within(path) && !is_kept(path));
            self.sandbox.copied_within = copied.cloned().collect();
            let keeps: Vec<_> = sources.into_iter().cloned().map(|value| Setting { value, origin }).collect();
            self.overrides.keep(&keeps);
            self.test.keeps.extend(keeps);
        }
        self
    }
}

impl Update {
    fn from_layer(layer: &Layer, task: &Task) -> Option<Self> {
        let variable = layer.update?;
        let writes = *task == Task::Execute && !or(layer.discard_updates, false).value;
        Some(if writes { Self::Written(variable) } else { Self::Discarded(variable) })
    }
}

/// The JSON schema of the configuration file.
pub(crate) fn schema() -> serde_json::Value {
    config::schema()
}

/// What was said, or else the default.
fn or<T>(said: Option<Setting<T>>, default: T) -> Setting<T> {
    said.unwrap_or(Setting::default(default))
}

impl Task {
    /// What is to be done, and the words that choose tests for it.
    fn from_typed(typed: Typed, invocation: &Invocation) -> (Self, Words) {
        match typed {
            Typed::Run(words) => (Self::Execute, words),
            Typed::List(words) => (Self::List, words),
            Typed::Closure(ClosureArgs { binary }) => {
                (Self::Closure(invocation.absolute(&binary)), Words::default())
            }
            Typed::Exec(typed) => (Self::exec(typed, invocation), Words::default()),
            Typed::Doctests { words: Words { filters, of_harness }, of_runner } => {
                (Self::Doctests { filters, of_harness, of_runner }, Words::default())
            }
            Typed::Runner(RunnerArgs { usage_json, directory, command, before }) => {
                let command = ExecArgs { usage_json, join: None, command };
                let directory = directory.map(|directory| invocation.absolute(&directory));
                let command = Command { directory, ..Command::from_args(command, invocation) };
                (Self::Runner { command, before }, Words::default())
            }
            Typed::Shell(ShellArgs { join: Some(attempt), .. }) => {
                (Self::Join { attempt, command: None }, Words::default())
            }
            Typed::Shell(ShellArgs { named, join: None }) => {
                (Self::Shell { of_test: named.is_some() }, Words::filtering(named))
            }
            Typed::Explain(ExplainArgs { named, command }) => {
                let command = ExecArgs { usage_json: None, join: None, command };
                let is_test = command.command.is_empty();
                (
                    Self::Explain((!is_test).then(|| Command::from_args(command, invocation))),
                    Words::filtering(named),
                )
            }
            Typed::ShowConfig(ShowConfigArgs { schema: true, .. }) => (Self::ShowSchema, Words::default()),
            Typed::ShowConfig(ShowConfigArgs { named, schema: false }) => {
                (Self::ShowConfig { of_test: named.is_some() }, Words::filtering(named))
            }
            Typed::Budgets(args) => {
                let is_of_tests = args.action != BudgetsAction::Diff;
                let filters = args.words.iter().filter(|_| is_of_tests).cloned().collect();
                (Self::Budgets(args), Words { filters, ..Words::default() })
            }
            Typed::Report(args) => (Self::Report(args), Words::default()),
            Typed::Ps(args) => (Self::Ps(args), Words::default()),
            Typed::Doctor => (Self::Doctor, Words::default()),
            Typed::Help(args) => (Self::Help(args), Words::default()),
            Typed::Man(args) => (Self::Man(args), Words::default()),
            Typed::Completions(args) => (Self::Completions(args), Words::default()),
        }
    }

    fn exec(mut typed: ExecArgs, invocation: &Invocation) -> Self {
        let join = typed.join.take();
        let command = Command::from_args(typed, invocation);
        match join {
            Some(attempt) => Self::Join { attempt, command: Some(command) },
            None => Self::Exec(command),
        }
    }

    /// Whether test binaries are executed. A command has no neighbour.
    const fn is_of_tests(&self) -> bool {
        matches!(
            self,
            Self::Execute
                | Self::List
                | Self::Budgets(_)
                | Self::Shell { of_test: true }
                | Self::Explain(None)
                | Self::ShowConfig { .. }
        )
    }
}

impl Command {
    fn from_args(typed: ExecArgs, invocation: &Invocation) -> Self {
        let ExecArgs { usage_json, command, .. } = typed;
        let mut words = command.into_iter();
        Self {
            program: words.next().unwrap_or_default().into(),
            arguments: words.collect(),
            usage_json: usage_json.map(|path| invocation.absolute(&path)),
            directory: None,
        }
    }
}

impl Execution {
    fn from_layer(layer: &Layer, jobs: Option<Setting<Jobs>>, task: &Task) -> Self {
        let capture = or(layer.capture, true);
        Self {
            jobs: match jobs {
                Some(jobs) => jobs.map(|jobs| jobs.on(cpus())),
                // Several at one terminal could not be told apart.
                None if capture.value && task.is_of_tests() => Setting::default(cpus()),
                None => Setting::default(NonZeroUsize::MIN),
            },
            // Budgets are those of all tests, whatever one of them does.
            max_fail: match task {
                Task::Budgets(_) => Setting::default(MaxFail::default()),
                _ => or(layer.max_fail, MaxFail::default()),
            },
            global_timeout: match (task, layer.global_timeout) {
                (Task::Budgets(_), _) | (_, None) => Setting::default(None),
                (_, Some(time)) => time.map(Some),
            },
            capture,
            list_timeout: or(layer.list_timeout, LIST_TIMEOUT),
            process: Process::Test,
        }
    }

    /// Tools that update files count on `cargo test`, which executes one binary after the other, each in one process. Of
    /// the environment and of what holds by default that process knows itself.
    fn for_update(self, update: Option<Update>) -> Self {
        let Some(Update::Written(variable)) = update else { return self };
        let threads = match self.jobs.origin {
            Origin::Flag(_)
            | Origin::HarnessArgument(_)
            | Origin::File(..)
            | Origin::Environment("ISOTEST_JOBS") => Some(self.jobs.value),
            Origin::Environment(_) | Origin::Default => None,
        };
        let jobs = Setting { value: NonZeroUsize::MIN, origin: Origin::Environment(variable) };
        Self { jobs, process: Process::Binary { threads }, ..self }
    }

    /// This, unless no time is left.
    fn checked(self) -> Result<Self, SettingsError> {
        let Setting { value, origin } = self.list_timeout;
        if value.is_zero() {
            return Err(SettingsError::NoTime { origin, whose: "test binary" });
        }
        let Setting { value, origin } = self.global_timeout;
        if value.is_some_and(|time| time.is_zero()) {
            return Err(SettingsError::NoTime { origin, whose: "run" });
        }
        Ok(self)
    }
}

/// The number of CPUs that there are for this process, or 1 if that is not known.
pub(crate) fn cpus() -> NonZeroUsize {
    available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

impl SandboxSettings {
    fn from_layer(layer: &mut Layer) -> Result<Self, SettingsError> {
        let root = or(layer.root.take(), RootWord::default());
        let hide_package = or(layer.hide_package, false);
        if hide_package.value && root.value != RootWord::Minimal {
            return Err(SettingsError::HidesPackage { origin: hide_package.origin });
        }
        let off = layer.levels.iter().filter(|level| level.value.1 == Level::Off);
        let off = off.map(|level| level.map(|(capability, _)| capability)).collect();
        Ok(Self {
            off,
            root,
            hide_package,
            trace_missing: or(layer.trace_missing, false),
            copied_within: Vec::new(),
            update: None,
            controls: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::limits::LimitSettings;
    use super::test::TestLayer;
    use super::*;
    use crate::cli::{Network, RootKind, RootPath};
    use crate::values::{FlakyResult, Priority, Retries, SlowTimeout, ThreadsRequired};
    use isotest_core::limits::{Limits, ProcessLimits, Rlimit};
    use isotest_core::policy::{Capability, Level, Policy};

    fn settings_with(environment: &[(&str, &str)], arguments: &[&str]) -> Result<Settings, SettingsError> {
        let words = std::iter::once("cargo-isotest").chain(arguments.iter().copied()).map(OsString::from);
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let capabilities = Capability::ALL.map(Capability::as_str);
        let invocation = Invocation { environment, directory: "/usr".into() };
        Said::read(Cli::read(words, &capabilities).unwrap(), &invocation)?.settings()
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

    /// A source below the environment and above the defaults.
    fn with_lower(arguments: &[&str], lower: Layer) -> Result<Settings, SettingsError> {
        let words = std::iter::once("cargo-isotest").chain(arguments.iter().copied()).map(OsString::from);
        let cli = Cli::read(words, &Capability::ALL.map(Capability::as_str)).unwrap();
        let environment = vec![("RUST_TEST_THREADS".into(), "3".into())];
        let invocation = Invocation { environment, directory: "/usr".into() };
        let flags = typed::flags(cli.flags, Vec::new(), &invocation).unwrap();
        let upper = flags.or(environment::layer(&invocation).unwrap());
        Settings::merged(Task::Execute, CargoArgs::default(), upper, lower)
    }

    fn lower<T>(value: T) -> Setting<T> {
        Setting { value, origin: Origin::Environment("LOWER") }
    }

    #[test]
    fn every_flag_of_execution_is_a_setting() {
        let settings = settings(&[
            "-j5",
            "--fail-fast",
            "--no-capture",
            "--timeout=1s",
            "--global-timeout=9s",
            "--list-timeout=2s",
            "--fail-on-leak",
            "--color=always",
            "--message-format=json",
        ])
        .unwrap();
        let expected = Execution {
            jobs: Setting::flag("--jobs", NonZeroUsize::new(5).unwrap()),
            max_fail: Setting::flag("--fail-fast", MaxFail::fail_fast(true)),
            global_timeout: Setting::flag("--global-timeout", Some(Duration::from_secs(9))),
            capture: Setting::flag("--no-capture", false),
            list_timeout: Setting::flag("--list-timeout", Duration::from_secs(2)),
            process: Process::Test,
        };
        assert_eq!(settings.execution, expected);
        assert_eq!(settings.test.timeout, Setting::flag("--timeout", Some(Duration::from_secs(1))));
        assert_eq!(settings.test.fail_on_leak, Setting::flag("--fail-on-leak", true));
        assert_eq!(settings.color, Setting::flag("--color", ColorChoice::Always));
        assert_eq!(settings.message_format, Setting::flag("--message-format", MessageFormat::Json));
    }

    #[test]
    fn every_flag_of_the_sandbox_is_a_setting() {
        let settings = settings(&[
            "--root=minimal",
            "--hide-package",
            "--trace-missing",
            "--bind=lib",
            "--keep=bin",
            "--network=own",
        ])
        .unwrap();
        let SandboxSettings { root, hide_package, trace_missing, .. } = settings.sandbox;
        let TestSettings { binds, keeps, network, .. } = settings.test;
        assert_eq!(root, Setting::flag("--root", RootWord::Minimal));
        assert_eq!(hide_package, Setting::flag("--hide-package", true));
        assert_eq!(trace_missing, Setting::flag("--trace-missing", true));
        assert_eq!(binds.first().map(|bind| bind.origin), Some(Origin::Flag("--bind")));
        assert_eq!(keeps, [Setting::flag("--keep", PathBuf::from("/usr/bin"))]);
        assert_eq!(network, Setting::flag("--network", Network::Own));
    }

    #[test]
    fn every_flag_of_limits_is_a_limit() {
        let limits = settings(&[
            "--memory-limit=1MiB",
            "--swap-limit=0",
            "--cpu-limit=1.5",
            "--cpu-weight=512",
            "--cpus=0-2,4",
            "--pids-limit=9",
            "--io-limit=2MiB",
            "--rlimit=nofile=64",
            "--rlimit=core=0:unlimited",
        ])
        .unwrap()
        .test
        .limits;
        let rlimits = vec![(Rlimit::Nofile, 64, 64), (Rlimit::Core, 0, u64::MAX)];
        let expected = Limits {
            memory: Some(1 << 20),
            swap: Some(0),
            pids: Some(9),
            cpu: Some(1500),
            cpu_weight: Some(512),
            io: Some(2 << 20),
            process: ProcessLimits { cpus: vec![0, 1, 2, 4], rlimits },
        };
        assert_eq!(limits.limits(), expected);
        assert_eq!(limits.memory, Some(Setting::flag("--memory-limit", 1 << 20)));
        assert_eq!(limits.rlimits[0].origin, Origin::Flag("--rlimit"));
        assert_eq!(settings(&[]).unwrap().test.limits.limits(), Limits::default());
    }

    #[test]
    fn words_for_the_harness_are_settings() {
        let execution = settings(&["--", "--test-threads", "4", "--nocapture"]).unwrap().execution;
        let jobs = NonZeroUsize::new(4).unwrap();
        let origin = Origin::HarnessArgument("--test-threads");
        assert_eq!(execution.jobs, Setting { value: jobs, origin });
        assert_eq!(
            execution.capture,
            Setting { value: false, origin: Origin::HarnessArgument("--no-capture") }
        );
    }

    #[test]
    fn variables_are_settings() {
        let environment = [("RUST_TEST_THREADS", "3"), ("CARGO_TERM_COLOR", "never")];
        let settings = settings_with(&environment, &[]).unwrap();
        let jobs = NonZeroUsize::new(3).unwrap();
        assert_eq!(
            settings.execution.jobs,
            Setting { value: jobs, origin: Origin::Environment("RUST_TEST_THREADS") }
        );
        let origin = Origin::Environment("CARGO_TERM_COLOR");
        assert_eq!(settings.color, Setting { value: ColorChoice::Never, origin });
    }

    #[test]
    fn what_nobody_speaks_of_has_its_default() {
        let settings = settings(&[]).unwrap();
        let expected = Execution {
            jobs: Setting::default(available_parallelism().unwrap()),
            max_fail: Setting::default(MaxFail::default()),
            global_timeout: Setting::default(None),
            capture: Setting::default(true),
            list_timeout: Setting::default(Duration::from_mins(1)),
            process: Process::Test,
        };
        assert_eq!(settings.execution, expected);
        let sandbox = SandboxSettings {
            off: Vec::new(),
            root: Setting::default(RootWord::Host),
            hide_package: Setting::default(false),
            trace_missing: Setting::default(false),
            copied_within: Vec::new(),
            update: None,
            controls: Vec::new(),
        };
        assert_eq!(settings.sandbox, sandbox);
        let test = TestSettings {
            timeout: Setting::default(None),
            fail_on_leak: Setting::default(false),
            slow_timeout: Setting::default(SlowTimeout::new(Duration::from_mins(1))),
            retries: Setting::default(Retries::without_delay(0)),
            flaky_result: Setting::default(FlakyResult::Pass),
            threads_required: Setting::default(ThreadsRequired::default()),
            test_group: Setting::default(None),
            priority: Setting::default(Priority::default()),
            limits: LimitSettings::default(),
            network: Setting::default(Network::Loopback),
            binds: Vec::new(),
            keeps: Vec::new(),
            budgets: Vec::new(),
            policy: Policy::default(),
        };
        assert_eq!(settings.test, test);
        assert_eq!(settings.budgets, Setting::default(Budgets::Enforce));
        assert_eq!(settings.message_format, Setting::default(MessageFormat::Human));
        assert_eq!(settings.color, Setting::default(ColorChoice::Auto));
    }

    #[test]
    fn jobs_come_from_the_highest_source() {
        let threads = [("RUST_TEST_THREADS", "3")];
        let jobs = |environment: &[_], arguments: &[&str]| {
            let jobs = settings_with(environment, arguments).unwrap().execution.jobs;
            (jobs.value.get(), jobs.origin)
        };
        let flag = Origin::Flag("--jobs");
        let word = Origin::HarnessArgument("--test-threads");
        let variable = Origin::Environment("RUST_TEST_THREADS");
        assert_eq!(jobs(&threads, &["-j", "5", "--", "--test-threads", "4"]), (5, flag));
        assert_eq!(jobs(&threads, &["--", "--test-threads", "4"]), (4, word));
        assert_eq!(jobs(&threads, &["--no-capture"]), (3, variable));
        assert_eq!(jobs(&[], &["--", "--nocapture"]), (1, Origin::Default));
        assert_eq!(jobs(&[("RUST_TEST_THREADS", "x")], &["-j", "5"]), (5, flag));
        assert_eq!(jobs(&[("RUST_TEST_THREADS", "x")], &["exec", "--", "true"]), (1, Origin::Default));
        let refused = settings_with(&[("RUST_TEST_THREADS", "x")], &[]).unwrap_err().to_string();
        let expected = "the environment variable `RUST_TEST_THREADS` is `x`, which is not a number above 0";
        assert_eq!(refused, expected);
    }

    #[test]
    fn a_layer_below_the_environment_is_above_the_defaults() {
        let said = |jobs, time| Layer {
            jobs: Some(Ok(lower(jobs))),
            test: TestLayer { timeout: Some(lower(time)), ..TestLayer::default() },
            max_fail: Some(lower(MaxFail::fail_fast(true))),
            ..Layer::default()
        };
        let seven = Jobs::read("7").unwrap();
        let minute = Duration::from_mins(1);
        let Settings { execution, test, .. } = with_lower(&["--no-fail-fast"], said(seven, minute)).unwrap();
        assert_eq!(execution.jobs.origin, Origin::Environment("RUST_TEST_THREADS"));
        assert_eq!(test.timeout, lower(Some(minute)));
        assert_eq!(execution.max_fail, Setting::flag("--no-fail-fast", MaxFail::fail_fast(false)));
        assert_eq!(execution.list_timeout.origin, Origin::Default);
        let refused = with_lower(&[], said(seven, Duration::ZERO)).unwrap_err().to_string();
        assert_eq!(refused, "`LOWER=0s` in the environment: the time limit of a test must be greater than 0");
    }

    #[test]
    fn a_lower_layer_is_silent_on_what_a_flag_decides() {
        let levels = vec![lower((Capability::Net, Level::Require)), lower((Capability::Io, Level::Off))];
        let limits = LimitSettings {
            memory: Some(lower(1 << 20)),
            rlimits: vec![lower((Rlimit::Nofile, 9, 9)), lower((Rlimit::Core, 0, 0))],
            ..LimitSettings::default()
        };
        let layer = Layer { test: TestLayer { limits, ..TestLayer::default() }, levels, ..Layer::default() };
        let flags = ["--off", "net", "--rlimit", "nofile=64", "--swap-limit", "1KiB"];
        let Settings { test, .. } = with_lower(&flags, layer).unwrap();
        assert_eq!(test.policy.level(Capability::Net), Level::Off);
        assert_eq!(test.policy.level(Capability::Io), Level::Off);
        assert_eq!(test.policy.level(Capability::Memory), Level::Require);
        let limits = test.limits.limits();
        assert_eq!((limits.memory, limits.swap), (Some(1 << 20), Some(1024)));
        assert_eq!(limits.process.rlimits, [(Rlimit::Core, 0, 0), (Rlimit::Nofile, 64, 64)]);
    }

    #[test]
    fn a_limit_that_makes_no_sense_says_why() {
        let text = refusal(&["--swap-limit", "1KiB"]);
        let expected = "`--swap-limit 1KiB` has no effect without a memory limit; add `--memory-limit`";
        assert_eq!(text, expected);
        let text = refusal(&["--rlimit", "files=3"]);
        assert!(text.starts_with("`--rlimit files`: unknown resource `files`; known: as, core"), "{text}");
    }

    #[test]
    fn a_memory_limit_leaves_room_for_a_test_to_start() {
        let text = refusal(&["--memory-limit", "1KiB"]);
        assert_eq!(text, "`--memory-limit 1KiB` is too small: a test needs 512 KiB to start");
        assert!(settings(&["--memory-limit", "512KiB"]).is_ok());
        let error = settings_with(&[("ISOTEST_MEMORY_LIMIT", "524287B")], &[]).unwrap_err().to_string();
        assert!(
            error.starts_with("`ISOTEST_MEMORY_LIMIT=524287B` in the environment is too small"),
            "{error}"
        );
    }

    #[test]
    fn a_limit_requires_its_figure() {
        let level =
            |arguments: &[&str], capability| settings(arguments).unwrap().test.policy.level(capability);
        assert_eq!(level(&[], Capability::Memory), Level::Prefer);
        assert_eq!(level(&["--memory-limit", "1MiB"], Capability::Memory), Level::Require);
        assert_eq!(level(&["--pids-limit", "9"], Capability::Pids), Level::Require);
        assert_eq!(
            refusal(&["--memory-limit", "1MiB", "--off", "memory"]),
            "`memory` cannot be both `off` (`--off`) and `require` (`--memory-limit`)"
        );
        assert_eq!(settings(&["--memory-limit", "1MiB"]).unwrap().test.limits.limits().memory, Some(1 << 20));
    }

    #[test]
    fn the_host_s_network_and_no_namespace_are_the_same_thing() {
        let test = settings(&["--off", "net"]).unwrap().test;
        assert_eq!(test.network.value, Network::Host);
        let test = settings(&["--network", "host"]).unwrap().test;
        assert_eq!(test.policy.level(Capability::Net), Level::Off);
        assert_eq!(
            refusal(&["--network", "own", "--off", "net"]),
            "`net` cannot be both `off` (`--off`) and `require` (`--network`)"
        );
    }

    #[test]
    fn a_bind_is_read_only_unless_told_otherwise() {
        let binds =
            settings(&["--bind", "lib", "--bind", "/usr/bin:ro", "--bind", "bin:rw", "--bind", "lib:cow"])
                .unwrap()
                .test
                .binds;
        let bind = |path: &str, access| Bind { path: path.into(), access };
        let expected = [
            bind("/usr/lib", BindAccess::ReadOnly),
            bind("/usr/bin", BindAccess::ReadOnly),
            bind("/usr/bin", BindAccess::ReadWrite),
            bind("/usr/lib", BindAccess::CopyOnWrite),
        ];
        let binds: Vec<_> = binds.into_iter().map(|bind| bind.value).collect();
        assert_eq!(binds, expected);
    }

    #[test]
    fn a_path_may_hold_colons() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a:b");
        std::fs::write(&path, "").unwrap();
        let binds = settings(&["--bind", path.to_str().unwrap()]).unwrap().test.binds;
        assert_eq!(binds, [Setting::flag("--bind", Bind { path, access: BindAccess::ReadOnly })]);
    }

    #[test]
    fn a_path_must_exist() {
        assert_eq!(refusal(&["--bind", "nowhere:rw"]), "`--bind /usr/nowhere` does not exist");
        assert_eq!(refusal(&["--keep", "nowhere"]), "`--keep /usr/nowhere` does not exist");
    }

    #[test]
    fn a_root_is_told_by_its_first_word() {
        let root = |text| settings(&["--root", text]).unwrap().sandbox.root.value;
        assert_eq!(settings(&[]).unwrap().sandbox.root.value, RootWord::Host);
        assert_eq!(root("minimal"), RootWord::Minimal);
        assert_eq!(
            root("dir:lib"),
            RootWord::At(RootPath { kind: RootKind::Directory, path: "/usr/lib".into() })
        );
        assert_eq!(refusal(&["--root", "dir:nowhere"]), "`--root /usr/nowhere` does not exist");
        assert_eq!(refusal(&["--hide-package"]), "`--hide-package` requires `--root minimal`");
    }

    #[test]
    fn coverage_profiles_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let pattern = directory.path().join("%p.profraw");
        let environment = [("LLVM_PROFILE_FILE", pattern.to_str().unwrap())];
        let keeps = settings_with(&environment, &[]).unwrap().test.keeps;
        let origin = Origin::Environment("LLVM_PROFILE_FILE");
        assert_eq!(keeps, [Setting { value: directory.path().to_owned(), origin }]);
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
        let Settings { execution, sandbox, test, .. } = of(&[]);
        assert_eq!((execution.jobs.value.get(), execution.process), (1, Process::Binary { threads: None }));
        assert_eq!(sandbox.update, Some(Update::Written("UPDATE_EXPECT")));
        let origin = Origin::Environment("UPDATE_EXPECT");
        assert_eq!(test.keeps, sources.clone().map(|value| Setting { value, origin }));
        assert_eq!(sandbox.copied_within, std::slice::from_ref(&target));
        let threads = NonZeroUsize::new(2);
        for arguments in [&["-j", "2"][..], &["--", "--test-threads", "2"]] {
            assert_eq!(of(arguments).execution.process, Process::Binary { threads });
        }
        for arguments in [&["--discard-updates"][..], &["list"], &["shell"], &["exec", "--", "true"]] {
            let Settings { execution, sandbox, test, .. } = of(arguments);
            assert_eq!(execution.process, Process::Test, "{arguments:?}");
            assert_eq!(sandbox.update, Some(Update::Discarded("UPDATE_EXPECT")));
            assert_eq!((test.keeps, sandbox.copied_within), (Vec::new(), Vec::new()));
        }
        assert_eq!(of(&["--discard-updates"]).execution.jobs.value.get(), 3);
        assert_eq!(settings(&[]).unwrap().sandbox.update, None);
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(
            refusal(&["--timeout", "0s"]),
            "`--timeout 0s`: the time limit of a test must be greater than 0"
        );
        let expected = "`--list-timeout 0s`: the time limit of a test binary must be greater than 0";
        assert_eq!(refusal(&["--list-timeout", "0s"]), expected);
        assert_eq!(
            settings(&["--timeout", "1m 5s"]).unwrap().test.timeout.value,
            Some(Duration::from_secs(65))
        );
    }

    #[test]
    fn list_is_a_task_of_its_own() {
        assert_eq!(settings(&["list"]).unwrap().task, Task::List);
        assert_eq!(settings(&["--", "list"]).unwrap().task, Task::Execute);
    }
}
