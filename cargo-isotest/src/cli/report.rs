//! The flags that say what is written.

use clap::{ArgAction, Args, ColorChoice, ValueEnum};

/// The format of standard output.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct FormatArgs {
    /// The format of standard output; with `json` the text for humans goes to standard error [default: human]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) message_format: Option<MessageFormat>,
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

/// How much cargo and we say.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct OutputArgs {
    /// Say more; twice: much more
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    #[command(flatten)]
    pub(crate) quiet: QuietArgs,
    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

/// Whether as little as possible is said.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct QuietArgs {
    /// Say less
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// When colour is used.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ColorArgs {
    /// When to use colour
    #[arg(long, value_name = "WHEN", value_enum)]
    pub(crate) color: Option<ColorChoice>,
}
