//! Targets of reports, and what can be shown there.

use super::error::OutputError;
use anstream::{AutoStream, ColorChoice};
use console::Term;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Target of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output of this process.
    Stdout,
    /// Standard error of this process.
    Stderr,
    /// File, which is created or emptied.
    File(PathBuf),
}

/// Creates or empties a file. Fails for a pipe that nobody reads, instead of waiting for a reader.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let flags = OFlag::from_bits_truncate(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags.difference(OFlag::O_NONBLOCK)))?;
    Ok(file)
}

/// Returns whether two paths lead to one regular file, which can hold but one report.
pub(crate) fn is_one_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Err(_), Err(_)) => one == other,
        _ => false,
    }
}

impl Target {
    /// Opens the target.
    ///
    /// # Errors
    /// When a file cannot be created. No test has been executed then.
    pub(crate) fn open(&self) -> Result<Box<dyn Write + Send>, OutputError> {
        Ok(match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::Stderr => Box::new(io::stderr()),
            Self::File(path) => Box::new(create(path).map_err(|source| self.unwritten(source))?),
        })
    }

    /// Returns whether the path leads to the file that the target is.
    pub(super) fn is_one_file_with(&self, path: &Path) -> bool {
        matches!(self, Self::File(own) if is_one_file(own, path))
    }

    /// Makes the error of a target that cannot be written to.
    pub(crate) fn unwritten(&self, source: io::Error) -> OutputError {
        match self {
            Self::Stdout | Self::Stderr => OutputError::Stream(source),
            Self::File(path) => OutputError::File { path: path.clone(), source },
        }
    }

    /// Returns whether the target is a file: nobody waits for what is written there, so that a run goes on without
    /// it.
    pub(super) const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Returns the terminal that the target is, if it is one.
    pub(super) fn terminal(&self) -> Option<Term> {
        match self {
            Self::Stdout => io::stdout().is_terminal().then(Term::buffered_stdout),
            Self::Stderr => io::stderr().is_terminal().then(Term::buffered_stderr),
            Self::File(_) => None,
        }
    }

    /// Returns the number of columns, if the target is a terminal that says it.
    pub(super) fn columns(&self) -> Option<u16> {
        self.terminal()?.size_checked().map(|(_, columns)| columns)
    }

    /// Returns whether text for people has colours here. `Auto` asks the environment and the stream; files have none
    /// then.
    pub(super) fn is_colored(&self, wish: ColorChoice) -> bool {
        let choice = match (wish, self) {
            (ColorChoice::Auto, Self::Stdout) => AutoStream::choice(&io::stdout()),
            (ColorChoice::Auto, Self::Stderr) => AutoStream::choice(&io::stderr()),
            (ColorChoice::Auto, Self::File(_)) => ColorChoice::Never,
            (wish, _) => wish,
        };
        choice != ColorChoice::Never
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Failure, chain};
    use crate::exit::{End, Exit};
    use std::fs;

    #[test]
    fn a_file_holds_what_was_written_last() {
        let place = tempfile::tempdir().unwrap();
        let target = Target::File(place.path().join("report"));
        for text in ["a longer report\n", "short\n"] {
            target.open().unwrap().write_all(text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(place.path().join("report")).unwrap(), "short\n");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("nowhere").join("report");
        let error = Target::File(path.clone()).open().err().unwrap();
        let expected = format!("cannot write `{}`: No such file or directory (os error 2)", path.display());
        assert_eq!((chain(&error), error.end()), (expected, End::Exit(Exit::Bug)));
        let error = Target::Stdout.unwritten(io::ErrorKind::StorageFull.into());
        assert_eq!(chain(&error), "cannot write the output: no storage space");
    }

    #[test]
    fn a_wish_for_color_beats_the_target() {
        let targets = [Target::Stdout, Target::Stderr, Target::File("report".into())];
        for target in targets {
            assert!(target.is_colored(ColorChoice::Always) && !target.is_colored(ColorChoice::Never));
        }
        assert!(!Target::File("report".into()).is_colored(ColorChoice::Auto));
    }
}
