//! Flags of the heading "Report".

use clap::{ArgAction, Args, ColorChoice, ValueEnum};

/// The `--message-format` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct FormatArgs {
    /// Format of standard output; with `json`, text for humans goes to standard error [default: human]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) message_format: Option<MessageFormat>,
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
    /// Do not print cargo's messages, nor the usage report of `exec`
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
