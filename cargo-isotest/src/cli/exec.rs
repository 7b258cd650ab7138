//! Arguments of `exec`, `shell`, `explain`, `show-config` and `closure`: a command, a test or a binary.

use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Flags that only a new sandbox can honour, by their clap id.
const FLAGS_OF_A_NEW_SANDBOX: [&str; 16] = [
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

/// Arguments of `exec`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct ExecArgs {
    /// Write the resource usage of the command to FILE, as JSON
    #[arg(long, value_name = "FILE", conflicts_with = "join")]
    pub(crate) usage_json: Option<PathBuf>,
    /// Enter the sandbox of a running attempt (see `cargo isotest ps`) instead of a new one
    #[arg(long, value_name = "ATTEMPT", conflicts_with_all = FLAGS_OF_A_NEW_SANDBOX)]
    pub(crate) join: Option<String>,
    /// The program to run, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Arguments of `runner`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct RunnerArgs {
    /// The program to run, and its arguments; cargo appends them
    #[arg(trailing_var_arg = true, required = true, value_name = "PROGRAM")]
    pub(crate) command: Vec<OsString>,
    /// Append the resource usage of the program to FILE, as a line of JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) usage_json: Option<PathBuf>,
    /// Directory in which the program is run [default: the current directory]
    #[arg(long, value_name = "DIRECTORY", overrides_with = "directory")]
    pub(crate) directory: Option<PathBuf>,
    /// What was typed before the program, from `runner` on.
    #[arg(skip)]
    pub(crate) before: Vec<OsString>,
}

/// Arguments of `closure`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ClosureArgs {
    /// Path of an executable or a shared library
    #[arg(value_name = "BINARY")]
    pub(crate) binary: PathBuf,
}

/// Arguments of `shell`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ShellArgs {
    /// Name of a test, or a part of the name that no other test has [default: a sandbox without a test]
    #[arg(value_name = "TEST", conflicts_with = "join")]
    pub(crate) named: Option<String>,
    /// Enter the sandbox of a running attempt (see `cargo isotest ps`) instead of a new one
    #[arg(long, value_name = "ATTEMPT", conflicts_with_all = FLAGS_OF_A_NEW_SANDBOX)]
    pub(crate) join: Option<String>,
}

/// Arguments of `explain`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ExplainArgs {
    /// Name of a test, or a part of the name that no other test has
    #[arg(value_name = "TEST", required_unless_present = "command", conflicts_with = "command")]
    pub(crate) named: Option<String>,
    /// A command to explain, as for `exec`
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Arguments of `show-config`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ShowConfigArgs {
    /// Name of a test, or a part of the name that no other test has [default: no test in particular]
    #[arg(value_name = "TEST", conflicts_with = "schema")]
    pub(crate) named: Option<String>,
    /// Print the JSON schema of `.config/isotest.toml`, which needs no project
    #[arg(long)]
    pub(crate) schema: bool,
}

const EXIT_STATUS: &str = "Exit status: that of the command; a signal that killed the command kills
cargo-isotest too. Otherwise:
    2 usage error
   70 internal error, or the output could not be written
   96 the configuration file is invalid
   97 a required capability is unavailable on this host
   98 the command could not be isolated
  100 the command leaked processes, with --fail-on-leak
  102 cargo metadata failed
  124 the command timed out
  126 the program cannot be executed
  127 the program was not found";
