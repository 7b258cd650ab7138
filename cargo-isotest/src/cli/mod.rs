//! The command line as typed. [`crate::settings`] derives what holds.

mod again;
mod archive;
mod baseline;
mod budgets;
mod cargo;
mod config;
mod display;
mod doctor;
mod elsewhere;
mod evidence;
mod exec;
mod execution;
mod fit;
mod flags;
mod help;
mod history;
mod init;
mod libtest;
mod limits;
mod numbers;
mod place;
mod ps;
mod report;
mod root;
mod sandbox;
mod selection;

pub(crate) use archive::ArchiveArgs;
pub(crate) use baseline::{BaselineArgs, Name as BaselineName};
pub(crate) use budgets::{BudgetsAction, BudgetsArgs, BudgetsMetric};
pub(crate) use cargo::CargoArgs;
pub(crate) use config::ConfigArgs;
pub(crate) use display::{DisplayArgs, FinalStatusLevel, OutputTime, ShowProgress, StatusLevel};
pub(crate) use doctor::DoctorArgs;
pub(crate) use evidence::{EvidenceAction, EvidenceArgs};
pub(crate) use exec::{ClosureArgs, ExecArgs, ExplainArgs, RunnerArgs, ShellArgs, ShowConfigArgs};
pub(crate) use execution::{Budgets, CutArgs, ExecutionArgs};
pub(crate) use fit::{FitArgs, FitMachine};
pub(crate) use flags::Flags;
pub(crate) use help::{CompletionsArgs, HelpArgs, ManArgs};
pub(crate) use init::InitArgs;
pub(crate) use libtest::{LibtestWords, UnknownWord};
pub(crate) use limits::{LimitArgs, Processors, RlimitWords, cpus, rlimit_values, thousandths};
pub(crate) use numbers::{size, size_or_zero};
pub(crate) use ps::PsArgs;
pub(crate) use report::{FileFormat, MessageFormat, ReportArgs, ReportFile, RunFormat};
pub(crate) use root::{RootKind, RootPath, RootWord};
pub(crate) use sandbox::{Network, PolicyArgs, SandboxArgs};
pub(crate) use selection::{
    CommandWords, CourseArgs, NoTests, RunIgnored, Seed, SelectionArgs, ToolArgs, Words,
};

use crate::text::nearest::nearest;
use clap::builder::{PossibleValuesParser, StyledStr};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;
use flags::{
    ArchiveFlags, ConvertFlags, DoctestFlags, DoctorFlags, EvidenceFlags, ExecFlags, ExplainFlags, InitFlags,
    ListFlags, ReportFlags, ShellFlags, ShowConfigFlags,
};
use selection::DoctestWords;
use std::ffi::OsString;
use std::io;

/// Name of the program.
const PROGRAM: &str = "cargo-isotest";

const EXIT_CODES: &str = "Exit codes:
    0 all tests passed
    2 usage error
    4 no tests to run
   70 internal error, or the output could not be written
   94 invalid filterset (-E)
   96 the configuration file is invalid
   97 a required capability is unavailable on this host
   98 a test could not be isolated
   99 tests exceeded their budgets, and none failed otherwise
  100 tests failed
  101 the build failed
  102 cargo metadata failed
  104 a test binary could not list its tests
  105 a setup script failed; no test was executed";

const DOCTEST_EXIT_CODES: &str = "Exit codes:
    0 all doctests passed
    2 usage error
  100 doctests failed
  101 the build failed, that of all doctests included";

/// Runs each test of a cargo project in a sandbox of its own and reports its resource usage
#[derive(Debug, Parser)]
#[command(name = PROGRAM, bin_name = "cargo isotest", version, after_help = EXIT_CODES)]
#[command(
    override_usage = "cargo isotest [run | list] [OPTIONS] [FILTER]... [-- ARGS...]\n       \
                      cargo isotest archive --archive-file FILE [OPTIONS] [FILTER]...\n       \
                      cargo isotest exec [OPTIONS] -- COMMAND...\n       \
                      cargo isotest runner [OPTIONS] PROGRAM [ARGS]...\n       \
                      cargo isotest shell [OPTIONS] [TEST]\n       \
                      cargo isotest explain [OPTIONS] TEST | -- COMMAND...\n       \
                      cargo isotest show-config [OPTIONS] [TEST]\n       \
                      cargo isotest init [OPTIONS]\n       \
                      cargo isotest budgets [OPTIONS] ACTION [FILTER]...\n       \
                      cargo isotest ps [--full] [--watch] [ATTEMPT]\n       \
                      cargo isotest report [OPTIONS] FILE...\n       \
                      cargo isotest fit [OPTIONS] FILE...\n       \
                      cargo isotest evidence [ACTION] [FILTER]...\n       \
                      cargo isotest closure [OPTIONS] BINARY\n       \
                      cargo isotest doctor [OPTIONS]\n       \
                      cargo isotest help [TOPIC]",
    disable_help_subcommand = true
)]
struct Typed {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: With<Words, Flags>,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Run tests, as without a subcommand; to filter tests by the text `run`, use `-- run`
    #[command(visible_alias = "test", after_help = EXIT_CODES)]
    Run(Box<With<Words, Flags>>),
    /// List the tests that would run; to filter tests by the text `list`, use `-- list`
    List(With<Words, ListFlags>),
    /// Build tests, and put all that they need to run on other machines into one file
    #[command(after_help = EXIT_CODES)]
    Archive(Box<With<ArchiveArgs, ArchiveFlags>>),
    /// Show the loader and the shared libraries that an executable needs, without running it
    Closure(With<ClosureArgs, ReportFlags>),
    /// Run a command in a sandbox like that of a test
    Exec(Box<With<ExecArgs, ExecFlags>>),
    /// Run doctests, each in a sandbox of its own
    #[command(long_flag = "doc", after_help = DOCTEST_EXIT_CODES)]
    Doctests(Box<With<DoctestWords, DoctestFlags>>),
    /// Run a program in a sandbox for cargo: set `CARGO_TARGET_<TRIPLE>_RUNNER="cargo-isotest runner"` for `cargo test`, its
    /// doctests, `cargo run` and `cargo bench`
    Runner(Box<With<RunnerArgs, ExecFlags>>),
    /// Open a shell in the sandbox of a test
    Shell(Box<With<ShellArgs, ShellFlags>>),
    /// Print the steps that set up the sandbox of a test or a command, as a shell script
    Explain(With<ExplainArgs, ExplainFlags>),
    /// Show which settings hold, for the run and for a test, and where each came from
    ShowConfig(Box<With<ShowConfigArgs, ShowConfigFlags>>),
    /// Write a configuration file for this project, with what its dependencies are known to need
    Init(With<InitArgs, InitFlags>),
    /// Record, compare and list the budgets of tests
    Budgets(Box<With<BudgetsArgs, ListFlags>>),
    /// Make reports from the JSON lines of runs that have ended
    Report(With<ReportArgs, ConvertFlags>),
    /// Estimate how long a run would take on other machines, and how much memory it would need
    Fit(With<FitArgs, ReportFlags>),
    /// List what failing tests left, such as pending snapshots, or copy it into the workspace
    Evidence(With<EvidenceArgs, EvidenceFlags>),
    /// Show the runs in progress on this machine, their tests and processes
    Ps(With<PsArgs, ReportFlags>),
    /// Check what this host supports and how to enable the rest; needs no project
    Doctor(With<DoctorArgs, DoctorFlags>),
    /// Print a page of the manual or the help of a subcommand, or list the pages
    Help(HelpArgs),
    /// Print a man page
    Man(ManArgs),
    /// Print a script for a shell that lets the Tab key complete subcommands and flags
    Completions(CompletionsArgs),
}

/// Arguments of one subcommand, and the flags that it shares with others.
#[derive(Debug, Args)]
struct With<W: Args, F: Args> {
    #[command(flatten)]
    own: W,
    #[command(flatten)]
    flags: F,
}

/// Command line as typed.
#[derive(Debug)]
pub(crate) struct Cli {
    /// Subcommand and its own arguments.
    pub(crate) command: Command,
    /// Flags; flags that the subcommand does not take are absent.
    pub(crate) flags: Flags,
    /// Arguments that do not select tests, as typed.
    pub(crate) again: Vec<OsString>,
}

/// Subcommand and its own arguments.
#[derive(Debug)]
pub(crate) enum Command {
    /// Run tests.
    Run(Words),
    /// List tests.
    List(Words),
    /// Write an archive of tests.
    Archive(ArchiveArgs),
    /// Show the shared libraries of an executable.
    Closure(ClosureArgs),
    /// Run a command.
    Exec(ExecArgs),
    /// Run doctests.
    Doctests {
        /// Filters and arguments of the harness.
        words: Words,
        /// The flags that `runner` takes, too, as typed.
        of_runner: Vec<OsString>,
    },
    /// Run a program for cargo.
    Runner(RunnerArgs),
    /// Open a shell.
    Shell(ShellArgs),
    /// Print the set-up of a sandbox as a script.
    Explain(ExplainArgs),
    /// Show the settings.
    ShowConfig(ShowConfigArgs),
    /// Write a configuration file.
    Init(InitArgs),
    /// Work on the budgets of tests.
    Budgets(BudgetsArgs),
    /// Make documents of what runs have said.
    Report(ReportArgs),
    /// Fit a run to other machines.
    Fit(FitArgs),
    /// List or copy what tests left.
    Evidence(EvidenceArgs),
    /// Show the runs in progress.
    Ps(PsArgs),
    /// Check the host.
    Doctor(DoctorArgs),
    /// Print a page of the manual.
    Help(HelpArgs),
    /// Print a man page.
    Man(ManArgs),
    /// Print a script that completes the command line.
    Completions(CompletionsArgs),
}

impl Cli {
    /// Parses the arguments of the process, program name first, with or without the `isotest` that cargo inserts.
    /// `capabilities` are the possible values of `--require`, `--prefer` and `--off`.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = OsString>,
        capabilities: &[&'static str],
    ) -> Result<Self, clap::Error> {
        let mut arguments: Vec<_> = arguments.into_iter().collect();
        if arguments.get(1).is_some_and(|first| first == "isotest") {
            arguments.remove(1);
        }
        let definition = definition(capabilities);
        let first = place::first(&definition, &arguments);
        if let Some(error) = first.and_then(|first| elsewhere::runner(&definition, first)) {
            return Err(error);
        }
        let arguments = place::subcommand_first(&definition, arguments);
        let matches = definition.clone().try_get_matches_from(&arguments);
        let again = again::without_selection(&definition, &arguments);
        let of_runner = of_runner(&definition, &arguments);
        let typed = matches.map_err(|error| place::refusal(definition.clone(), &arguments, error))?;
        if let Some(error) = budgets::refusal(&definition, &typed) {
            return Err(error);
        }
        let mut cli = Self { again, ..Self::from(Typed::from_arg_matches(&typed)?) };
        match &mut cli.command {
            Command::Runner(runner) => {
                let end = arguments.len().saturating_sub(runner.command.len());
                runner.before = arguments.into_iter().take(end).skip(1).collect();
            }
            Command::Doctests { of_runner: flags, .. } => *flags = of_runner,
            _ => {}
        }
        Ok(cli)
    }
}

impl From<Typed> for Cli {
    fn from(Typed { verb, run }: Typed) -> Self {
        let (command, flags) = match verb {
            None => (Command::Run(run.own), run.flags),
            Some(Verb::Run(typed)) => (Command::Run(typed.own), typed.flags),
            Some(Verb::List(typed)) => (Command::List(typed.own), typed.flags.into()),
            Some(Verb::Archive(typed)) => (Command::Archive(typed.own), typed.flags.into()),
            Some(Verb::Closure(typed)) => (Command::Closure(typed.own), typed.flags.into()),
            Some(Verb::Exec(typed)) => (Command::Exec(typed.own), typed.flags.into()),
            Some(Verb::Doctests(typed)) => {
                (Command::Doctests { words: typed.own.into(), of_runner: Vec::new() }, typed.flags.into())
            }
            Some(Verb::Runner(typed)) => {
                let mut flags = Flags::from(typed.flags);
                // The runner's output is that of the program: nothing of cargo's is added.
                flags.cargo.output.quiet.quiet = true;
                (Command::Runner(typed.own), flags)
            }
            Some(Verb::Shell(typed)) => (Command::Shell(typed.own), typed.flags.into()),
            Some(Verb::Explain(typed)) => (Command::Explain(typed.own), typed.flags.into()),
            Some(Verb::ShowConfig(typed)) => (Command::ShowConfig(typed.own), typed.flags.into()),
            Some(Verb::Init(typed)) => (Command::Init(typed.own), typed.flags.into()),
            Some(Verb::Budgets(typed)) => (Command::Budgets(typed.own), typed.flags.into()),
            Some(Verb::Report(typed)) => (Command::Report(typed.own), typed.flags.into()),
            Some(Verb::Fit(typed)) => (Command::Fit(typed.own), typed.flags.into()),
            Some(Verb::Evidence(typed)) => (Command::Evidence(typed.own), typed.flags.into()),
            Some(Verb::Ps(typed)) => (Command::Ps(typed.own), typed.flags.into()),
            Some(Verb::Doctor(typed)) => (Command::Doctor(typed.own), typed.flags.into()),
            Some(Verb::Help(args)) => (Command::Help(args), Flags::default()),
            Some(Verb::Man(args)) => (Command::Man(args), Flags::default()),
            Some(Verb::Completions(args)) => (Command::Completions(args), Flags::default()),
        };
        Self { command, flags, again: Vec::new() }
    }
}

/// Returns the text of an error, with its colours, but without the lines on how everything is called, in which it would drown.
pub(crate) fn told(error: &clap::Error) -> String {
    let text = error.render().ansi().to_string();
    let is_usage = |part: &&str| anstream::adapter::strip_str(part).to_string().starts_with("Usage:");
    text.split("\n\n").filter(|part| !is_usage(part)).collect::<Vec<_>>().join("\n\n")
}

/// Returns the subcommand that may have been meant by a word that is none.
pub(crate) fn meant_subcommand(word: &str) -> Option<String> {
    let definition = Typed::command();
    let names: Vec<_> =
        definition.get_subcommands().flat_map(clap::Command::get_name_and_visible_aliases).collect();
    // A word that is exactly a name was typed behind `--`, and is meant as a filter.
    nearest(word, names).filter(|name| *name != word).map(str::to_owned)
}

/// Returns the long help of a subcommand, and `None` if there is none of that name.
pub(crate) fn help_of_subcommand(name: &str, capabilities: &[&'static str]) -> Option<StyledStr> {
    let mut definition = definition(capabilities);
    definition.build();
    Some(definition.find_subcommand_mut(name)?.render_long_help())
}

/// Returns the man page of a subcommand, or of the command itself, and `None` if there is none of that name.
///
/// # Errors
/// When the page cannot be written, which memory does not refuse.
pub(crate) fn man_page(name: Option<&str>, capabilities: &[&'static str]) -> io::Result<Option<Vec<u8>>> {
    let mut definition = definition(capabilities);
    definition.build();
    let named = name.map_or(Some(&definition), |name| definition.find_subcommand(name));
    let Some(command) = named.cloned() else { return Ok(None) };
    // A flag that is hidden from the short help would be in the man page without its text.
    let command = command.mut_args(|argument| argument.hide_short_help(false));
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(Some(page))
}

/// Returns the script by which a shell completes the command line.
pub(crate) fn completions(shell: Shell, capabilities: &[&'static str]) -> Vec<u8> {
    let mut script = Vec::new();
    // Shells know the program by this name. If it were set earlier, the script would contain parts of the old one.
    let mut definition = definition(capabilities).bin_name(PROGRAM);
    clap_complete::generate(shell, &mut definition, PROGRAM, &mut script);
    script
}

/// Returns the names of all subcommands.
pub(crate) fn subcommands() -> Vec<String> {
    Typed::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// Help headings of cargo's own flags, which only the long help page shows.
const OF_CARGO: [&str; 5] = ["Packages", "Targets", "Features", "Compilation", "Manifest"];

/// Builds the definition of all subcommands and flags, with `capabilities` as possible values.
fn definition(capabilities: &[&'static str]) -> clap::Command {
    let complete = |command: clap::Command| completed(command, capabilities);
    complete(Typed::command()).mut_subcommands(complete)
}

/// The flags for doctests that `runner` takes, too.
fn of_runner(definition: &clap::Command, arguments: &[OsString]) -> Vec<OsString> {
    let [runner, doctests] = ["runner", "doctests"].map(|name| definition.find_subcommand(name));
    let both = runner.zip(doctests);
    both.map_or_else(Vec::new, |(runner, doctests)| again::taken_by(runner, doctests, arguments))
}

fn completed(command: clap::Command, capabilities: &[&'static str]) -> clap::Command {
    let is_cargo_s =
        |argument: &Arg| argument.get_help_heading().is_some_and(|heading| OF_CARGO.contains(&heading));
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let takes_cargo_s = command.get_arguments().any(is_cargo_s);
    let hint = if takes_cargo_s {
        "Cargo's package, target, feature and build flags work too: see --help"
    } else {
        ""
    };
    let short = [hint, &after].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n");
    let command = command.mut_args(|argument| {
        let is_hidden = is_cargo_s(&argument) || argument.is_hide_short_help_set();
        let argument = argument.hide_short_help(is_hidden);
        // What is wrong with such a value its own parser says.
        let takes_value = !argument.is_positional() && argument.get_action().takes_values();
        let argument = if takes_value { argument.allow_negative_numbers(true) } else { argument };
        match argument.get_id().as_str() {
            "require" | "prefer" | "off" => {
                argument.value_parser(PossibleValuesParser::new(capabilities.to_vec()))
            }
            _ => argument,
        }
    });
    command.after_help(short).after_long_help(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPABILITIES: [&str; 3] = ["net", "uts", "ipc"];

    fn read(arguments: &[&str]) -> Result<Cli, clap::Error> {
        let arguments = std::iter::once("cargo-isotest").chain(arguments.iter().copied());
        Cli::read(arguments.map(OsString::from), &CAPABILITIES)
    }

    fn words(cli: Cli) -> Words {
        match cli.command {
            Command::Run(words) => words,
            other => panic!("not a run, but {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        definition(&CAPABILITIES).debug_assert();
    }

    #[test]
    fn nothing_typed_is_nothing_but_absent() {
        let flags = read(&[]).unwrap().flags;
        assert_eq!(format!("{flags:?}"), format!("{:?}", Flags::default()));
    }

    #[test]
    fn both_ways_of_calling_are_the_same() {
        for arguments in [&["isotest", "--exact", "a"][..], &["--exact", "a"]] {
            let cli = read(arguments).unwrap();
            assert!(cli.flags.selection.names.exact);
            assert_eq!(words(cli).filters, ["a"]);
        }
    }

    #[test]
    fn flags_may_stand_on_both_sides_of_a_subcommand() {
        let cli =
            read(&["isotest", "-p", "a", "list", "--skip", "b", "--release", "c", "--", "--exact"]).unwrap();
        let Command::List(words) = cli.command else { panic!("not a list") };
        assert_eq!(words.filters, ["c"]);
        assert_eq!(words.of_harness, ["--exact"]);
        assert_eq!(cli.flags.selection.names.skip, ["b"]);
        assert_eq!(cli.flags.cargo.arguments(), ["--package", "a", "--release"]);
    }

    #[test]
    fn flags_of_one_subcommand_may_stand_before_it_too() {
        let cli = read(&["--full", "--color", "never", "ps", "--watch"]).unwrap();
        let Command::Ps(ps) = cli.command else { panic!("not ps") };
        assert!(ps.full && ps.watch);
        let cli = read(&["--join", "1.1", "exec", "--", "true"]).unwrap();
        let Command::Exec(exec) = cli.command else { panic!("no command") };
        assert_eq!(exec.join.as_deref(), Some("1.1"));
        let text = read(&["--join", "1.1", "--timeout", "1s", "exec", "--", "true"]).unwrap_err().to_string();
        assert!(text.contains("'--join <ATTEMPT>' cannot be used with '--timeout <TIME>'"), "{text}");
    }

    #[test]
    fn the_value_of_a_flag_is_no_subcommand() {
        let cli = read(&["--skip", "ps", "--test", "doctor", "list", "a"]).unwrap();
        assert_eq!(cli.flags.selection.names.skip, ["ps"]);
        let Command::List(words) = cli.command else { panic!("not a list") };
        assert_eq!(words.filters, ["a"]);
    }

    #[test]
    fn a_subcommand_is_a_filter_after_a_filter_or_dashes() {
        assert_eq!(words(read(&["a", "list"]).unwrap()).filters, ["a", "list"]);
        assert_eq!(words(read(&["--", "list"]).unwrap()).of_harness, ["list"]);
        assert_eq!(words(read(&["-p", "a", "--", "list"]).unwrap()).of_harness, ["list"]);
    }

    #[test]
    fn run_and_test_are_words_for_the_run() {
        for arguments in [&["run", "--exact", "a"][..], &["test", "a", "--exact"], &["--exact", "run", "a"]] {
            let cli = read(arguments).unwrap();
            assert!(cli.flags.selection.names.exact, "{arguments:?}");
            assert_eq!(cli.again, Vec::<OsString>::new());
            assert_eq!(words(cli).filters, ["a"], "{arguments:?}");
        }
        assert_eq!(words(read(&["run", "list", "run"]).unwrap()).filters, ["list", "run"]);
        assert_eq!(words(read(&["--", "run"]).unwrap()).of_harness, ["run"]);
        for arguments in [&["nextest"][..], &["nextest", "run"], &["-p", "a", "nextest", "run"]] {
            let error = read(arguments).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("`cargo isotest run`"), "{error}");
        }
        assert_eq!(words(read(&["--", "nextest"]).unwrap()).of_harness, ["nextest"]);
    }

    #[test]
    fn a_slip_of_a_subcommand_is_known() {
        assert_eq!(meant_subcommand("shel").as_deref(), Some("shell"));
        assert_eq!(meant_subcommand("tets").as_deref(), Some("test"));
        assert_eq!(meant_subcommand("parser"), None);
    }

    #[test]
    fn what_follows_the_dashes_of_a_command_is_its_own() {
        let cli = read(&["--timeout", "1s", "exec", "-q", "--", "ps", "--", "-j", "list"]).unwrap();
        let Command::Exec(exec) = cli.command else { panic!("no command") };
        assert_eq!(exec.command, ["ps", "--", "-j", "list"]);
        assert!(cli.flags.execution.timeout.timeout.is_some() && cli.flags.cargo.output.quiet.quiet);
    }

    #[test]
    fn a_flag_that_a_subcommand_does_not_take_says_which_do() {
        for arguments in [&["ps", "--memory-limit", "5MiB"][..], &["--memory-limit=5MiB", "ps"]] {
            let error = read(arguments).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let text = error.to_string();
            let said = "error: `cargo isotest ps` does not support `--memory-limit`; `cargo isotest`, `cargo isotest \
                        exec`, `cargo isotest doctests`, `cargo isotest runner`, `cargo isotest shell`, `cargo isotest explain` and `cargo isotest \
                        show-config` do\n";
            assert!(text.starts_with(said), "{text}");
            assert!(text.contains("Usage: cargo isotest ps "), "{text}");
        }
        let said = |arguments| read(arguments).unwrap_err().to_string();
        let text = said(&["--full", "a"]);
        assert!(
            text.contains("`cargo isotest` does not support `--full`; `cargo isotest ps` does\n"),
            "{text}"
        );
        let text = said(&["closure", "-vj4", "/bin/true"]);
        assert!(text.contains("`cargo isotest closure` does not support `-v`; "), "{text}");
        let text = said(&["exec", "--nocapture", "--", "true"]);
        assert!(
            text.contains("does not support `--nocapture`; `cargo isotest`, `cargo isotest explain` and "),
            "{text}"
        );
        let text = said(&["doctor", "--gravity"]);
        assert!(text.contains(
            "`cargo isotest doctor` does not support `--gravity`; `cargo isotest doctor --help` names all"
        ));
        let text = said(&["--releases"]);
        assert!(
            text.contains("`cargo isotest` does not support `--releases`; did you mean `--release`?"),
            "{text}"
        );
        let text = said(&["--list"]);
        assert!(
            text.contains("`cargo isotest` does not support `--list`; `cargo isotest list` names"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_capability_lists_those_that_exist() {
        for arguments in [&["--off", "net,nat"][..], &["doctor", "--off", "net,nat"]] {
            let error = read(arguments).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let text = error.to_string();
            assert!(text.contains("[possible values: net, uts, ipc]"), "{text}");
        }
    }

    #[test]
    fn capabilities_come_in_lists_and_repeatedly() {
        let cli = read(&["--off", "net,uts", "--off", "ipc"]).unwrap();
        assert_eq!(cli.flags.policy.off, CAPABILITIES);
    }

    #[test]
    fn the_last_word_on_failing_fast_holds() {
        let said = |arguments: &[&str]| {
            let execution = read(arguments).unwrap().flags.execution;
            let cut = execution.cut;
            (cut.fail_fast, cut.no_fail_fast, cut.max_fail.is_some())
        };
        assert_eq!(said(&["--fail-fast"]), (true, false, false));
        assert_eq!(said(&["--no-fail-fast", "--fail-fast"]), (true, false, false));
        assert_eq!(said(&["--fail-fast", "--no-fail-fast"]), (false, true, false));
        assert_eq!(said(&["--fail-fast", "--max-fail=2"]), (false, false, true));
        assert_eq!(said(&["--max-fail=2", "--fail-fast"]), (true, false, false));
    }

    #[test]
    fn nonsense_is_a_usage_error() {
        for arguments in [
            &["--jobs", "0"][..],
            &["--jobs", "0", "list"],
            &["--timeout", "soon"],
            &["--memory-limit", "much"],
            &["--network", "wifi"],
            &["--unknown"],
            &["-q", "list", "-v"],
            &["report", "--schema", "a.jsonl"],
            &["report", "--schema", "--junit", "x"],
            &["report", "--trace", "x", "--schema"],
            &["report", "--schema", "--merge"],
            &["report", "--schema", "--github"],
            &["report", "--schema", "--diff", "x"],
            &["--build-jobs", "x"],
            &["--build-jobs", "0"],
            &["list", "--build-jobs="],
        ] {
            assert_eq!(read(arguments).unwrap_err().exit_code(), 2, "{arguments:?}");
        }
    }
}
