//! What was typed. Nothing is computed here; [`crate::settings`] says what holds.

mod cargo;
mod exec;
mod libtest;
mod limits;
mod ps;
mod root;

pub(crate) use cargo::CargoArgs;
pub(crate) use exec::{ExecArgs, ExplainArgs, ShellArgs};
pub(crate) use libtest::{LibtestWords, UnknownWord};
pub(crate) use limits::LimitArgs;
pub(crate) use ps::PsArgs;
pub(crate) use root::{RootArgs, RootKind, RootPath, RootWord};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use isotest_core::policy::Capability;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

const EXIT_CODES: &str = "Exit codes:
  0 passed, 2 usage, 4 no tests, 70 a bug of ours, 97 this host cannot isolate,
  98 a test could not be isolated, 100 tests failed, 101 the build failed,
  102 no metadata, 104 a binary could not list its tests";

/// Executes every test of a cargo project in its own sandbox and reports what each one used
#[derive(Debug, Parser)]
#[command(name = "cargo-isotest", bin_name = "cargo isotest", version, after_help = EXIT_CODES)]
#[command(
    disable_help_subcommand = true,
    override_usage = "cargo isotest [list] [OPTIONS] [FILTER]... [-- WORDS...]\n       \
                      cargo isotest exec [OPTIONS] -- COMMAND...\n       \
                      cargo isotest shell [OPTIONS] [TEST]\n       \
                      cargo isotest explain [OPTIONS] TEST | -- COMMAND...\n       \
                      cargo isotest ps [--full] [--watch] [ATTEMPT]\n       \
                      cargo isotest closure [OPTIONS] BINARY\n       \
                      cargo isotest doctor [OPTIONS]"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// What to do instead of executing tests.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the tests that would be executed; `-- list` executes those with `list` in their names
    List(Words),
    /// Show which loader and libraries a program needs, and where they are, without executing it
    Closure {
        /// The program or library
        #[arg(value_name = "BINARY")]
        binary: PathBuf,
    },
    /// Execute a command in a sandbox like a test's
    Exec(ExecArgs),
    /// Open a shell in a test's sandbox, or in one of the project
    Shell(ShellArgs),
    /// Print how a test or a command is executed, as a shell script
    Explain(ExplainArgs),
    /// Show the runs on this machine, their attempts, and the processes in each, from another terminal
    Ps(PsArgs),
    /// Find out what this host allows, and what can be done about the rest; needs no project
    Doctor,
}

/// What has no name.
#[derive(Debug, Default, Args)]
pub(crate) struct Words {
    /// Only tests with one of these texts in their names
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// Words of the standard test harness: name filters, --skip, --exact, --ignored, --include-ignored,
    /// --nocapture and --test-threads
    #[arg(last = true, value_name = "WORDS")]
    pub(crate) of_harness: Vec<OsString>,
}

impl Words {
    /// At most one filter.
    pub(crate) fn filtering(filter: Option<String>) -> Self {
        Self { filters: filter.into_iter().collect(), ..Self::default() }
    }
}

/// All flags, in the order of the help text. They may stand before and after a verb.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) tests: TestArgs,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
    #[command(flatten)]
    pub(crate) sandbox: SandboxArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) cargo: CargoArgs,
}

/// Which tests.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tests")]
pub(crate) struct TestArgs {
    /// Filters and skips are whole names
    #[arg(long)]
    pub(crate) exact: bool,
    /// Leave out tests with this text in their names
    #[arg(long, value_name = "FILTER")]
    pub(crate) skip: Vec<String>,
    /// What to do with tests marked `#[ignore]`
    #[arg(long, value_name = "WHICH", value_enum)]
    pub(crate) run_ignored: Option<RunIgnored>,
}

/// Whether ignored tests are selected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunIgnored {
    /// Leave them out
    #[default]
    Default,
    /// Execute nothing else
    Only,
    /// Execute them too
    All,
}

/// How tests are executed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Execution")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct ExecutionArgs {
    /// How many tests are executed at once [default: one for each processor]
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Execute all tests, whatever fails (the default)
    #[arg(long, overrides_with = "fail_fast")]
    pub(crate) no_fail_fast: bool,
    /// Start no further test once one has failed
    #[arg(long, overrides_with = "no_fail_fast")]
    pub(crate) fail_fast: bool,
    /// Let tests use the terminal; one at a time unless --jobs says otherwise
    #[arg(long, alias = "nocapture")]
    pub(crate) no_capture: bool,
    /// Kill a test that takes longer, e.g. `90s` or `2m 30s`
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<humantime::Duration>,
    /// How long a test binary may take to list its tests
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(crate) list_timeout: humantime::Duration,
    /// A test that leaves a process running has failed
    #[arg(long)]
    pub(crate) fail_on_leak: bool,
}

/// What tests see and may use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct SandboxArgs {
    #[command(flatten)]
    pub(crate) root: RootArgs,
    /// Show tests this file or directory of the host: read-only, copy-on-write with `:cow`, or with `:rw` itself
    #[arg(long, value_name = "PATH[:ro|cow|rw]")]
    pub(crate) bind: Vec<OsString>,
    /// Keep what tests write to this file or directory
    #[arg(long, value_name = "PATH")]
    pub(crate) keep: Vec<PathBuf>,
    /// Throw away what tests write although a variable such as `UPDATE_EXPECT` asks them to update files
    #[arg(long)]
    pub(crate) discard_updates: bool,
    /// The network of a test
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    pub(crate) network: Network,
}

/// The network a test is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Network {
    /// 127.0.0.1 and `::1`, shared with no running test
    #[default]
    Loopback,
    /// As loopback, made for this test alone, which may configure it
    Own,
    /// That of the host
    Host,
    /// Nothing, not even 127.0.0.1
    None,
}

/// How much each part of the sandbox is wanted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// Refuse to start where this cannot be had [default: the namespaces and rootfs]
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', value_parser = capability())]
    pub(crate) require: Vec<Capability>,
    /// Have this where possible, and say where it is not [default: all others]
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', value_parser = capability(), hide_possible_values = true)]
    pub(crate) prefer: Vec<Capability>,
    /// Do without this
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', value_parser = capability(), hide_possible_values = true)]
    pub(crate) off: Vec<Capability>,
}

/// What is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ReportArgs {
    /// The format of standard output; with `json` the text for humans goes to standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) message_format: MessageFormat,
}

/// A format of standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageFormat {
    /// Text for humans
    #[default]
    Human,
    /// One JSON object a line
    Json,
}

impl Cli {
    /// Reads the arguments of the process, its own name first, with or without the `isotest` that cargo inserts.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut arguments: Vec<_> = arguments.into_iter().collect();
        if arguments.get(1).is_some_and(|first| first == "isotest") {
            arguments.remove(1);
        }
        Self::from_arg_matches(&Self::definition().try_get_matches_from(arguments)?)
    }

    fn definition() -> Command {
        Self::command().mut_args(|argument| {
            let is_flag = !argument.is_positional();
            argument.global(is_flag)
        })
    }
}

fn capability() -> impl TypedValueParser<Value = Capability> {
    PossibleValuesParser::new(Capability::ALL.map(Capability::as_str)).try_map(|word| {
        Capability::ALL.into_iter().find(|capability| capability.as_str() == word).ok_or("no such capability")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::read(std::iter::once("cargo-isotest").chain(arguments.iter().copied()).map(OsString::from))
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::definition().debug_assert();
    }

    #[test]
    fn both_ways_of_calling_are_the_same() {
        for arguments in [&["isotest", "--exact", "a"][..], &["--exact", "a"]] {
            let cli = read(arguments).unwrap();
            assert_eq!(cli.words.filters, ["a"]);
            assert!(cli.flags.tests.exact);
        }
    }

    #[test]
    fn flags_may_stand_on_both_sides_of_a_verb() {
        let cli =
            read(&["isotest", "-p", "a", "list", "--skip", "b", "--release", "c", "--", "--exact"]).unwrap();
        let Some(Verb::List(words)) = cli.verb else { panic!("not a list") };
        assert_eq!(words.filters, ["c"]);
        assert_eq!(words.of_harness, ["--exact"]);
        assert_eq!(cli.flags.tests.skip, ["b"]);
        assert_eq!(cli.flags.cargo.arguments(), ["--package", "a", "--release"]);
    }

    #[test]
    fn a_verb_is_a_filter_after_a_filter_or_dashes() {
        for arguments in [&["a", "list"][..], &["--", "list"]] {
            assert!(read(arguments).unwrap().verb.is_none());
        }
    }

    #[test]
    fn an_unknown_capability_lists_those_that_exist() {
        let error = read(&["--off", "net,nat"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        for capability in Capability::ALL {
            assert!(text.contains(capability.as_str()), "{text}");
        }
    }

    #[test]
    fn capabilities_come_in_lists_and_repeatedly() {
        let cli = read(&["--off", "net,uts", "--off", "ipc"]).unwrap();
        assert_eq!(cli.flags.policy.off, [Capability::Net, Capability::Uts, Capability::Ipc]);
    }

    #[test]
    fn the_last_word_on_failing_fast_holds() {
        let fast = |arguments: &[&str]| read(arguments).unwrap().flags.execution.fail_fast;
        assert!(fast(&["--fail-fast"]));
        assert!(fast(&["--no-fail-fast", "--fail-fast"]));
        assert!(!fast(&["--fail-fast", "--no-fail-fast"]));
    }

    #[test]
    fn nonsense_is_a_usage_error() {
        for arguments in [
            &["--jobs", "0"][..],
            &["--timeout", "soon"],
            &["--memory-limit", "much"],
            &["--network", "wifi"],
            &["--unknown"],
        ] {
            assert_eq!(read(arguments).unwrap_err().exit_code(), 2, "{arguments:?}");
        }
    }
}
