//! Warnings: failures that do not end the run.

use crate::error::chain;
use crate::evidence::EvidenceError;
use crate::history::HistoryError;
use crate::text::style;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;

/// Failure that does not end the run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Warning {
    /// Another process keeps the history locked.
    #[error("the history of earlier runs is not used: {}", chain(.0))]
    HistoryLocked(HistoryError),
    /// The history cannot be read, and is moved aside if that succeeds.
    #[error("the history of earlier runs cannot be read; {}: {}", set_aside(.aside.as_ref()), chain(.error))]
    HistoryUnread {
        /// New path of the file.
        aside: Option<PathBuf>,
        /// Cause.
        error: HistoryError,
    },
    /// Results cannot be added to the history.
    #[error("this run is not added to the history, which `--no-history` switches off: {}", chain(.0))]
    HistoryUnwritten(HistoryError),
    /// Evidence of tests cannot be kept.
    #[error("evidence that tests leave is thrown away: {}", chain(.0))]
    NoEvidence(EvidenceError),
    /// The file by which Bazel learns of sharding cannot be written.
    #[error("cannot touch the file in `TEST_SHARD_STATUS_FILE`, without which Bazel fails each shard: {0}")]
    NoShardStatus(io::Error),
    /// Settings of cargo-nextest have no meaning here.
    #[error("not taken over from the configuration of cargo-nextest:\n  {}", .0.join("\n  "))]
    NotTakenOver(Vec<String>),
    /// Configuration of cargo that holds for the tests of an archive of cargo-nextest and is not read.
    #[error("an archive of cargo nextest is executed without the runners and further files that are set in {}", listed(.0))]
    NotConfigured(Vec<PathBuf>),
    /// Test needs setup scripts, which are executed by runs only.
    #[error("setup scripts are executed in runs only: what `{}` would have set up is missing here", .0.join("`, `"))]
    NoSetup(Vec<String>),
    /// Runner of cargo's configuration that doctests are executed without.
    #[error(
        "doctests for {target} are executed without the runner `{runner}` of cargo's configuration, since cargo takes only one, \
         and the sandbox is made by ours"
    )]
    OtherRunner {
        /// Target platform of the doctests.
        target: String,
        /// Runner that is not executed.
        runner: String,
    },
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

fn set_aside(path: Option<&PathBuf>) -> String {
    path.map_or_else(
        || "this run is not added to it".to_owned(),
        |path| format!("it is now `{}`, and a new one begins", path.display()),
    )
}

/// Writes a warning to standard error.
pub(crate) fn warn(text: impl Display) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(anstream::stderr(), "{}warning{}: {text}", style::WARNING, anstyle::Reset);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{each_of, is_as_kept};
    use nix::libc;

    fn files() -> HistoryError {
        HistoryError::Files { path: "/s/history".into(), source: io::Error::from_raw_os_error(libc::EACCES) }
    }

    #[test]
    fn each_warning_says_what_is_not_done_and_why() {
        let locked = HistoryError::Locked { path: "/s".into() };
        let later = HistoryError::Later { path: "/s/history".into() };
        let refused = || io::Error::from_raw_os_error(libc::EACCES);
        let all = each_of!(Warning {
            Warning::HistoryLocked(_) => [Warning::HistoryLocked(locked)],
            Warning::HistoryUnread { .. } => [
                Warning::HistoryUnread { aside: Some("/s/history.1".into()), error: later },
                Warning::HistoryUnread { aside: None, error: files() },
            ],
            Warning::HistoryUnwritten(_) => [Warning::HistoryUnwritten(files())],
            Warning::NoEvidence(_) => [Warning::NoEvidence(EvidenceError::Directory { path: "/t".into(), source: refused() })],
            Warning::NoShardStatus(_) => [Warning::NoShardStatus(refused())],
            Warning::NotTakenOver(_) => [Warning::NotTakenOver(vec!["`a`: why".to_owned(), "`b`: why".to_owned()])],
            Warning::NotConfigured(_) =>
                [Warning::NotConfigured(vec!["/w/.cargo/config.toml".into(), "/h/.cargo/config.toml".into()])],
            Warning::NoSetup(_) => [Warning::NoSetup(vec!["db".to_owned(), "server".to_owned()])],
            Warning::OtherRunner { .. } => [
                Warning::OtherRunner { target: "aarch64-unknown-linux-gnu".to_owned(), runner: "qemu-aarch64".to_owned() },
            ],
        });
        let lines: Vec<_> = all.iter().map(|warning| format!("warning: {warning}\n")).collect();
        is_as_kept("warnings", lines.concat());
    }
}
