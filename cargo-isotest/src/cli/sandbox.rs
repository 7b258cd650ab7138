//! Flags of the headings "Sandbox" and "Policy".

use super::root::RootArgs;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Flags on what tests see and may use.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct SandboxArgs {
    #[command(flatten)]
    pub(crate) root: RootArgs,
    #[command(flatten)]
    pub(crate) views: ViewArgs,
}

/// Flags on what tests see of the host, in any root.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct ViewArgs {
    /// Report host paths that a test looked for but the sandbox hides; slows every test down
    #[arg(long)]
    pub(crate) trace_missing: bool,
    /// Mount a host path in the sandbox: read-only (the default), copy-on-write, or writable
    #[arg(long, value_name = "PATH[:ro|cow|rw]")]
    pub(crate) bind: Vec<OsString>,
    /// Let tests write to this host path itself; their changes persist
    #[arg(long, value_name = "PATH")]
    pub(crate) keep: Vec<PathBuf>,
    /// Network of a test [default: loopback]
    #[arg(long, value_name = "KIND", value_enum)]
    pub(crate) network: Option<Network>,
}

/// The `--discard-updates` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct UpdateArgs {
    /// Discard the changes of tests even if a variable such as `UPDATE_EXPECT` asks them to update files
    #[arg(long)]
    pub(crate) discard_updates: bool,
}

/// Value of `--network`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Network {
    /// Loopback only (127.0.0.1 and `::1`), separate for each running test
    #[default]
    Loopback,
    /// Loopback only, in a new network namespace that the test may configure
    Own,
    /// Network of the host, not isolated
    Host,
    /// No network, not even loopback
    None,
}

/// Policy flags. The possible values are the `capabilities` of [`Cli::read`](super::Cli::read).
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// Fail if CAPABILITY is unavailable on this host [default: the namespaces and rootfs]
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',')]
    pub(crate) require: Vec<String>,
    /// Use CAPABILITY if available, warn if not [default: all others]
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', hide_possible_values = true)]
    pub(crate) prefer: Vec<String>,
    /// Disable CAPABILITY
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', hide_possible_values = true)]
    pub(crate) off: Vec<String>,
}
