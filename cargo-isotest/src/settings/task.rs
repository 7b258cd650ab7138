//! Tasks of command lines.

use crate::cli::{
    ArchiveArgs, BudgetsAction, BudgetsArgs, ClosureArgs, Command as Typed, CommandWords, CompletionsArgs,
    DoctorArgs, EvidenceArgs, ExecArgs, ExplainArgs, FitArgs, HelpArgs, InitArgs, ManArgs, PsArgs,
    ReportArgs, RunnerArgs, ShellArgs, ShowConfigArgs, ToolArgs, Words,
};
use crate::invocation::Invocation;
use std::ffi::OsString;
use std::path::PathBuf;

/// Task of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// Execution of the selected tests.
    Execute,
    /// Listing of the selected tests.
    List,
    /// Archive of the selected tests at a path.
    Archive(PathBuf),
    /// Work on budgets of tests.
    Budgets(BudgetsArgs),
    /// Report of the capabilities of this host, without a build.
    Doctor(DoctorArgs),
    /// Listing of the files that a program needs, without tests.
    Closure(PathBuf),
    /// Conversion of results of runs into documents, without tests.
    Report(ReportArgs),
    /// Fitting of a run to other machines, without tests.
    Fit(FitArgs),
    /// Listing of the runs in progress, without tests.
    Ps(PsArgs),
    /// Creation of a configuration file, without tests.
    Init(InitArgs),
    /// Listing or copy of the evidence of tests, without tests.
    Evidence(EvidenceArgs),
    /// Page of the manual, without tests.
    Help(HelpArgs),
    /// Man page, without tests.
    Man(ManArgs),
    /// Script that completes command lines, without tests.
    Completions(CompletionsArgs),
    /// Execution of a command.
    Exec(Command),
    /// Execution of doctests.
    Doctests {
        /// Filters of names of doctests.
        filters: Vec<String>,
        /// Arguments of the test harness.
        of_harness: Vec<OsString>,
        /// Flags for the runner.
        of_runner: Vec<OsString>,
    },
    /// Execution of a program on behalf of cargo.
    Runner {
        /// Command line of the program.
        command: Command,
        /// Arguments of this process before the command.
        before: Vec<OsString>,
    },
    /// Shell in the sandbox of the one selected test, or in a sandbox of the project.
    Shell {
        /// Whether a test was named.
        of_test: bool,
    },
    /// Command or shell in the sandbox of an attempt that is running.
    Join {
        /// Name of the attempt.
        attempt: String,
        /// Command to be executed; `None` for a shell.
        command: Option<Command>,
    },
    /// Execution of the one selected test by a tool.
    Debug(Tool),
    /// Explanation how the one selected test is executed, or a command.
    Explain(Option<Command>),
    /// Listing of the settings, with their origins.
    ShowConfig {
        /// Whether a test was named.
        of_test: bool,
    },
    /// JSON schema of the configuration file, without tests.
    ShowSchema,
}

/// Command that is not a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Path of the program, or a name that is looked for in `PATH`.
    pub(crate) program: PathBuf,
    /// Arguments of the program, without its own name.
    pub(crate) arguments: Vec<OsString>,
    /// Path of the file to which the resource usage of the command is written.
    pub(crate) usage_json: Option<PathBuf>,
    /// Working directory of the command; `None` for that of this process.
    pub(crate) directory: Option<PathBuf>,
}

/// Tool that executes a test, such as a debugger. The command line of the test follows the arguments of the tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tool {
    /// Path of the program, or a name that is looked for in `PATH`.
    pub(crate) program: PathBuf,
    /// Arguments of the program, without its own name.
    pub(crate) arguments: Vec<OsString>,
}

impl Tool {
    /// Returns the tool of the flags, if there is one.
    pub(super) fn typed(ToolArgs { debugger, tracer }: ToolArgs) -> Option<Self> {
        let CommandWords { program, arguments } = debugger.or(tracer)?;
        let arguments = arguments.into_iter().map(OsString::from).collect();
        Some(Self { program: program.into(), arguments })
    }
}

impl Task {
    /// Returns whether something is executed in the root of the profile.
    pub(crate) const fn is_sandboxed(&self) -> bool {
        matches!(
            self,
            Self::Execute
                | Self::List
                | Self::Budgets(_)
                | Self::Exec(_)
                | Self::Doctests { .. }
                | Self::Runner { .. }
                | Self::Shell { .. }
                | Self::Debug(_)
                | Self::Explain(_)
        )
    }

    /// Returns whether tests are executed, or shown as they would be, and not only asked for.
    pub(crate) const fn executes_tests(&self) -> bool {
        let is_asking = matches!(
            self,
            Self::List
                | Self::Archive(_)
                | Self::ShowConfig { .. }
                | Self::Budgets(BudgetsArgs { action: BudgetsAction::List | BudgetsAction::Check, .. })
        );
        !is_asking
    }

    /// Converts a command line into a task, and the words that select tests for it.
    pub(super) fn from_typed(typed: Typed, invocation: &Invocation) -> (Self, Words) {
        match typed {
            Typed::Run(words) => (Self::Execute, words),
            Typed::List(words) => (Self::List, words),
            Typed::Archive(ArchiveArgs { filters, archive_file }) => {
                (Self::Archive(invocation.absolute(&archive_file)), Words { filters, ..Words::default() })
            }
            Typed::Closure(ClosureArgs { binary }) => {
                (Self::Closure(invocation.absolute(&binary)), Words::default())
            }
            Typed::Exec(typed) => (Self::exec(typed, invocation), Words::default()),
            Typed::Doctests { words: Words { filters, of_harness }, of_runner } => {
                (Self::Doctests { filters, of_harness, of_runner }, Words::default())
            }
            Typed::Runner(typed) => (Self::runner(typed, invocation), Words::default()),
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
                let is_of_tests = !matches!(args.action, BudgetsAction::Diff | BudgetsAction::Blame);
                let filters = args.words.iter().filter(|_| is_of_tests).cloned().collect();
                (Self::Budgets(args), Words { filters, ..Words::default() })
            }
            Typed::Report(args) => (Self::Report(args), Words::default()),
            Typed::Fit(args) => (Self::Fit(args), Words::default()),
            Typed::Init(args) => (Self::Init(args), Words::default()),
            Typed::Evidence(args) => (Self::Evidence(args), Words::default()),
            Typed::Ps(args) => (Self::Ps(args), Words::default()),
            Typed::Doctor(args) => (Self::Doctor(args), Words::default()),
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

    fn runner(typed: RunnerArgs, invocation: &Invocation) -> Self {
        let RunnerArgs { usage_json, directory, command, before } = typed;
        let command = ExecArgs { usage_json, join: None, command };
        let directory = directory.map(|directory| invocation.absolute(&directory));
        Self::Runner { command: Command { directory, ..Command::from_args(command, invocation) }, before }
    }

    /// Returns whether test binaries are executed, rather than a single command.
    pub(super) const fn is_of_tests(&self) -> bool {
        matches!(
            self,
            Self::Execute
                | Self::List
                | Self::Archive(_)
                | Self::Budgets(_)
                | Self::Shell { of_test: true }
                | Self::Debug(_)
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
