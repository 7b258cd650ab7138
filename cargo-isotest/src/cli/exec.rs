//! What is said of a command that is no test.

use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// A command for a sandbox.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct ExecArgs {
    /// Write what it used to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) usage_json: Option<PathBuf>,
    /// A program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

const EXIT_STATUS: &str = "The exit status is the command's; a signal that ended it ends us, too. Of our own:
  2 usage, 70 a bug of ours, 97 this host cannot isolate, 98 it could not be isolated,
  100 it left processes running and --fail-on-leak was given, 102 no metadata,
  124 its time ran out, 126 it cannot be executed, 127 there is no such program";
