//! Errors of output.

use crate::error::Failure;
use crate::exit::{End, Exit};
use signal_hook::consts::SIGPIPE;
use std::io;
use std::path::PathBuf;

/// Error of writing output.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// File that cannot be written.
    #[error("cannot write `{}`", .path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// File that would be written over another report, or over its own input.
    #[error("`{}` is named twice: one report would overwrite another, or its own input", .0.display())]
    Twice(PathBuf),
    /// Standard output or standard error that cannot be written.
    #[error("cannot write the output")]
    Stream(#[source] io::Error),
}

impl Failure for OutputError {
    fn end(&self) -> End {
        match self {
            // A closed pipe ends this program by SIGPIPE, as it ends other programs.
            Self::Stream(source) if source.kind() == io::ErrorKind::BrokenPipe => End::Signal(SIGPIPE),
            Self::Stream(_) | Self::File { .. } => Exit::Bug.into(),
            Self::Twice(_) => Exit::Usage.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        matches!(self, Self::Twice(_)).then(|| "give each report a file of its own".into())
    }
}

/// Error of making reports of runs that have ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConversionError {
    /// Incomplete runs; the results that exist have been reported.
    #[error("not everything could be reported: {}", .0.join("; "))]
    Lacking(Vec<String>),
    /// Runs of which nothing was understood; no report is written over another.
    #[error("there is no run to report: {}", .0.join("; "))]
    Nothing(Vec<String>),
    /// Runs of which no test has a time, with sentences on what is missing of the runs.
    #[error("{}", [&["no test has a time".to_owned()], .0.as_slice()].concat().join(": "))]
    NoTimes(Vec<String>),
    /// Different runs, although nobody said so.
    #[error("`{first}` and `{second}` are of different runs")]
    TwoRuns {
        /// File of one run, with the line of its start if it is not the first in the file.
        first: String,
        /// File of another run, as much.
        second: String,
    },
}

impl Failure for ConversionError {
    fn end(&self) -> End {
        Exit::Usage.into()
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Lacking(_) | Self::Nothing(_) => None,
            Self::NoTimes(_) => Some(
                "name a file that `cargo isotest --report json=FILE` wrote, of a run that has executed tests"
                    .into(),
            ),
            Self::TwoRuns { .. } => Some("to report on them as one run, add `--merge`".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{each_variant, is_as_kept};
    use nix::libc;

    #[test]
    fn a_reader_that_has_gone_away_ends_us_by_its_signal_and_nothing_else_does() {
        let end = |kind: io::ErrorKind| OutputError::Stream(kind.into()).end();
        assert_eq!(end(io::ErrorKind::BrokenPipe), End::Signal(SIGPIPE));
        assert_eq!(end(io::ErrorKind::StorageFull), End::Exit(Exit::Bug));
    }

    #[test]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let errno = io::Error::from_raw_os_error;
        let text = each_variant!(OutputError {
            OutputError::File { .. } => [OutputError::File { path: "a/junit.xml".into(), source: errno(libc::ENOENT) }],
            OutputError::Twice(_) => [OutputError::Twice("junit.xml".into())],
            OutputError::Stream(_) => [OutputError::Stream(errno(libc::ENOSPC)), OutputError::Stream(errno(libc::EPIPE))],
        });
        let text = text
            + &each_variant!(ConversionError {
                ConversionError::Lacking(_) =>
                    [ConversionError::Lacking(vec!["`run.jsonl` ends before the run does".to_owned()])],
                ConversionError::Nothing(_) =>
                    [ConversionError::Nothing(vec!["`run.jsonl` cannot be read: No such file or directory".to_owned()])],
                ConversionError::NoTimes(_) => [
                    ConversionError::NoTimes(Vec::new()),
                    ConversionError::NoTimes(vec!["`run.jsonl` is empty: the run ended before its first test".to_owned()]),
                ],
                ConversionError::TwoRuns { .. } =>
                    [ConversionError::TwoRuns { first: "a.jsonl".to_owned(), second: "b.jsonl".to_owned() }],
            });
        is_as_kept("output", text);
    }
}
