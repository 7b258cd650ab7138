//! What is said of a command that is no test, or of one test.

use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// What is decided when a sandbox is made.
const WITH_A_SANDBOX_OF_ITS_OWN: [&str; 16] = [
    "timeout",
    "root",
    "bind",
    "keep",
    "network",
    "memory_limit",
    "swap_limit",
    "cpu_limit",
    "cpu_weight",
    "cpus",
    "pids_limit",
    "io_limit",
    "rlimit",
    "require",
    "prefer",
    "off",
];

/// A command for a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct ExecArgs {
    /// Write what it used to this file, as JSON
    #[arg(long, value_name = "FILE", conflicts_with = "join")]
    pub(crate) usage_json: Option<PathBuf>,
    /// Enter the sandbox of this attempt, which `cargo isotest ps` names, instead of one of its own
    #[arg(long, value_name = "ATTEMPT", conflicts_with_all = WITH_A_SANDBOX_OF_ITS_OWN)]
    pub(crate) join: Option<String>,
    /// A program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// A program or library to be looked into.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ClosureArgs {
    /// The program or library
    #[arg(value_name = "BINARY")]
    pub(crate) binary: PathBuf,
}

/// Whose sandbox a shell is opened in.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ShellArgs {
    /// A test, by its name or by a part of it that no other name has [default: none, but the project]
    #[arg(value_name = "TEST", conflicts_with = "join")]
    pub(crate) named: Option<String>,
    /// Enter the sandbox of this attempt, which `cargo isotest ps` names, instead of one of its own
    #[arg(long, value_name = "ATTEMPT", conflicts_with_all = WITH_A_SANDBOX_OF_ITS_OWN)]
    pub(crate) join: Option<String>,
}

/// A test or a command to be explained.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ExplainArgs {
    /// A test, by its name or by a part of it that no other name has
    #[arg(value_name = "TEST", required_unless_present = "command", conflicts_with = "command")]
    pub(crate) named: Option<String>,
    /// A command, as for `exec`
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

const EXIT_STATUS: &str = "The exit status is the command's; a signal that ended it ends us, too.
Of our own: 2 usage, 70 a bug of ours, 97 this host cannot isolate,
  98 it could not be isolated, 100 it left processes running and
  --fail-on-leak was given, 102 no metadata, 124 its time ran out,
  126 it cannot be executed, 127 there is no such program";
