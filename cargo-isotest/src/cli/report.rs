//! Flags of the heading "Report".

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Args, ColorChoice, Command, ValueEnum};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The `--report` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct FileArgs {
    /// Also write the results to FILE when the run has ended, as junit, ctrf, json, markdown, openmetrics, html or trace
    #[arg(long, value_name = "FORMAT=FILE", value_parser = ReportFileParser)]
    pub(crate) report: Vec<ReportFile>,
}

/// Ids of what is said of runs, and has nothing to say of the schema.
const BESIDE_SCHEMA: [&str; 11] = [
    "files",
    "junit",
    "ctrf",
    "markdown",
    "openmetrics",
    "html",
    "trace",
    "diff",
    "merge",
    "github",
    "touched",
];

/// Arguments of `report`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ReportArgs {
    /// What `--report json=FILE` or `--message-format json` wrote
    #[arg(value_name = "FILE", required_unless_present = "schema")]
    pub(crate) files: Vec<PathBuf>,
    /// Write JUnit XML to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write the Common Test Report Format to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) ctrf: Option<PathBuf>,
    /// Write a summary to FILE [default: to standard output, unless another format is chosen]
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write figures of tests with budgets as OpenMetrics text to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) openmetrics: Option<PathBuf>,
    /// Write a page for a browser to FILE, which needs nothing but itself
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write trace events, as Perfetto and Chrome show them, to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Say what changed since the run of BASE, alone or in the summary
    #[arg(long, value_name = "BASE")]
    pub(crate) diff: Option<PathBuf>,
    /// Report several runs as one, such as the parts of a run on several machines
    #[arg(long)]
    pub(crate) merge: bool,
    /// Print the JSON schema of the lines, which needs no FILE
    #[arg(long, conflicts_with_all = BESIDE_SCHEMA)]
    pub(crate) schema: bool,
    /// Write annotations, and the summary and outputs of a GitHub step
    #[arg(long, hide = true)]
    pub(crate) github: bool,
    /// Annotate failures in these files of the repository first: paths in FILE, with a null character after each
    #[arg(long, hide = true, value_name = "FILE", requires = "github")]
    pub(crate) touched: Option<PathBuf>,
}

/// A file of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportFile {
    /// What it holds.
    pub(crate) format: FileFormat,
    /// Where it is.
    pub(crate) path: PathBuf,
}

/// Format of a file of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// JUnit XML
    Junit,
    /// Common Test Report Format
    Ctrf,
    /// One JSON object per line
    Json,
    /// A summary for humans
    Markdown,
    /// Figures of tests with budgets, as GitLab's metrics reports read them
    Openmetrics,
    /// A page for a browser
    Html,
    /// Trace events
    Trace,
}

/// Parser of `FORMAT=FILE`.
#[derive(Debug, Clone, Copy)]
struct ReportFileParser;

impl TypedValueParser for ReportFileParser {
    type Value = ReportFile;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<ReportFile, clap::Error> {
        let bytes = value.as_bytes();
        let split = bytes.iter().position(|&byte| byte == b'=').map(|at| (&bytes[..at], &bytes[at + 1..]));
        let named = split.filter(|(_, path)| !path.is_empty());
        let read = named.and_then(|(format, path)| {
            let format = FileFormat::from_str(std::str::from_utf8(format).ok()?, false).ok()?;
            Some(ReportFile { format, path: OsStr::from_bytes(path).into() })
        });
        read.ok_or_else(|| {
            let formats: Vec<_> = FileFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
            let formats: Vec<_> = formats.iter().map(clap::builder::PossibleValue::get_name).collect();
            let why = format!(
                "`--report {}` is not FORMAT=FILE, with one of the formats {}: for example, `--report junit=junit.xml`",
                value.to_string_lossy(),
                formats.join(", ")
            );
            command.clone().error(ErrorKind::ValueValidation, why)
        })
    }
}

/// The `--message-format` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct FormatArgs {
    /// Format of standard output; with `json`, text for humans goes to standard error [default: human]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) message_format: Option<MessageFormat>,
}

/// The `--message-format` flag of a run.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct RunFormatArgs {
    /// Format of standard output; with any other than `human`, text for humans goes to standard error [default: human]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) message_format: Option<RunFormat>,
}

impl From<FormatArgs> for RunFormatArgs {
    fn from(args: FormatArgs) -> Self {
        Self { message_format: args.message_format.map(RunFormat::from) }
    }
}

/// Format of standard output in a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunFormat {
    /// Text for humans
    #[default]
    Human,
    /// One JSON object per line
    Json,
    /// The unstable format of Rust's test harness, which editors read
    LibtestJson,
    /// The same, and the package of each test binary
    LibtestJsonPlus,
}

impl From<MessageFormat> for RunFormat {
    fn from(format: MessageFormat) -> Self {
        match format {
            MessageFormat::Human => Self::Human,
            MessageFormat::Json => Self::Json,
        }
    }
}

impl From<RunFormat> for MessageFormat {
    /// Returns the format of what is no run.
    fn from(format: RunFormat) -> Self {
        match format {
            RunFormat::Human => Self::Human,
            RunFormat::Json | RunFormat::LibtestJson | RunFormat::LibtestJsonPlus => Self::Json,
        }
    }
}

/// Format of standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageFormat {
    /// Text for humans
    #[default]
    Human,
    /// One JSON object per line
    Json,
}

/// Verbosity and colour of cargo and of isotest.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct OutputArgs {
    /// Show more details of each test, and make cargo verbose (-vv for very verbose)
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    #[command(flatten)]
    pub(crate) quiet: QuietArgs,
    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

/// The `--quiet` flag.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct QuietArgs {
    /// Do not print cargo's messages, tests that pass, nor the usage report of `exec`
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// The `--color` flag.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ColorArgs {
    /// When to use colors [default: auto]
    #[arg(long, value_name = "WHEN", value_enum)]
    pub(crate) color: Option<ColorChoice>,
}
