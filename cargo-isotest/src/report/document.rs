//! Files of results: what the run says is kept once for all of them until it has ended, and then written.

use super::account::Account;
use super::error::OutputError;
use super::format::{DocumentFormat, write};
use super::json::{Run, line};
use super::target::Target;
use crate::schedule::events::Event;
use std::io::{self, Write};
use std::path::Path;

/// Writes documents when the run has ended.
pub(super) struct Documents {
    files: Vec<File>,
    run: Run,
    account: Account,
}

/// A file that is open.
struct File {
    target: Target,
    format: DocumentFormat,
    writer: Box<dyn Write + Send>,
}

impl Documents {
    /// Keeps nothing yet.
    pub(super) fn new(run: Run) -> Self {
        Self { files: Vec::new(), run, account: Account::default() }
    }

    /// Writes a document there, too.
    pub(super) fn add(&mut self, target: Target, format: DocumentFormat, writer: Box<dyn Write + Send>) {
        self.files.push(File { target, format, writer });
    }

    /// Whether one of the files is that to which the path leads.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file.target.is_one_file_with(path))
    }

    /// Takes an event into account, and after the last writes all files. Returns the first failure to write one.
    ///
    /// # Errors
    /// None that could be provoked: when an event cannot be told in a line.
    pub(super) fn event(&mut self, event: &Event<'_>) -> io::Result<Option<OutputError>> {
        if self.files.is_empty() {
            return Ok(None);
        }
        if let Some(line) = line(event, &self.run)? {
            self.account.add(&line)?;
        }
        let mut lost = None;
        if matches!(event, Event::RunFinished { .. }) {
            for File { target, format, writer } in &mut self.files {
                let written = write(*format, &self.account, None, writer).and_then(|()| writer.flush());
                if let Err(error) = written {
                    lost.get_or_insert(target.unwritten(error));
                }
            }
        }
        Ok(lost)
    }
}
