//! The flags that say what tests see, and how much each part of the sandbox is wanted.

use super::root::RootArgs;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// What tests see and may use.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct SandboxArgs {
    #[command(flatten)]
    pub(crate) root: RootArgs,
    #[command(flatten)]
    pub(crate) views: ViewArgs,
}

/// What of the host is seen in any root.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct ViewArgs {
    /// Name the paths that a test looked for, that are not there, and that the host has; slows every test down
    #[arg(long)]
    pub(crate) trace_missing: bool,
    /// Show tests this file or directory of the host: read-only, copy-on-write with `:cow`, or with `:rw` itself
    #[arg(long, value_name = "PATH[:ro|cow|rw]")]
    pub(crate) bind: Vec<OsString>,
    /// Keep what tests write to this file or directory
    #[arg(long, value_name = "PATH")]
    pub(crate) keep: Vec<PathBuf>,
    /// The network of a test [default: loopback]
    #[arg(long, value_name = "KIND", value_enum)]
    pub(crate) network: Option<Network>,
}

/// What becomes of files that tests were asked to update.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct UpdateArgs {
    /// Throw away what tests write although a variable such as `UPDATE_EXPECT` asks them to update files
    #[arg(long)]
    pub(crate) discard_updates: bool,
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

/// How much each part of the sandbox is wanted: names of capabilities, which the caller of
/// [`Cli::read`](super::Cli::read) knows.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// Refuse to start where this cannot be had [default: the namespaces and rootfs]
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',')]
    pub(crate) require: Vec<String>,
    /// Have this where possible, and say where it is not [default: all others]
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', hide_possible_values = true)]
    pub(crate) prefer: Vec<String>,
    /// Do without this
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', hide_possible_values = true)]
    pub(crate) off: Vec<String>,
}
