//! What a command line asks for.

use crate::cli::{
    ArchiveArgs, BudgetsAction, BudgetsArgs, ClosureArgs, Command as Typed, CommandWords, CompletionsArgs,
    DoctorArgs, EvidenceArgs, ExecArgs, ExplainArgs, FitArgs, HelpArgs, InitArgs, ManArgs, PsArgs,
    ReportArgs, RunnerArgs, ShellArgs, ShowConfigArgs, ToolArgs, Words,
};
use crate::invocation::Invocation;
use std::ffi::OsString;
use std::path::PathBuf;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// Execute the selected tests.
    Execute,
    /// Only name them.
    List,
    /// Put them into an archive at this path.
    Archive(PathBuf),
    /// Work on their budgets.
    Budgets(BudgetsArgs),
    /// Only find out what this host allows; nothing is built.
    Doctor(DoctorArgs),
    /// Nothing with tests: show what this program needs.
    Closure(PathBuf),
    /// Nothing with tests: make documents of what runs have said.
    Report(ReportArgs),
    /// Nothing with tests: fit a run to other machines.
    Fit(FitArgs),
    /// Nothing with tests: show what is running.
    Ps(PsArgs),
    /// Nothing with tests: write a configuration file.
    Init(InitArgs),
    /// Nothing with tests: list or copy what they left.
    Evidence(EvidenceArgs),
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
    /// Execute the one selected test below a tool.
    Debug(Tool),
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

/// A tool that executes a test, such as a debugger: the command line of the test follows its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tool {
    /// A path, or a name that is looked for in `PATH`.
    pub(crate) program: PathBuf,
    /// Without its own name.
    pub(crate) arguments: Vec<OsString>,
}

impl Tool {
    /// Returns what the flags say.
    pub(super) fn typed(ToolArgs { debugger, tracer }: ToolArgs) -> Option<Self> {
        let CommandWords { program, arguments } = debugger.or(tracer)?;
        let arguments = arguments.into_iter().map(OsString::from).collect();
        Some(Self { program: program.into(), arguments })
    }
}

impl Task {
    /// What is to be done, and the words that choose tests for it.
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

    /// Whether test binaries are executed. A command has no neighbour.
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
