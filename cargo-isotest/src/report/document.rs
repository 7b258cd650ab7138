//! Writes files of results: the content of the run is kept once for all of them until it has ended, and then written.

use super::account::Account;
use super::error::OutputError;
use super::format::{DocumentFormat, write};
use super::json::{Run, line};
use super::target::Target;
use crate::schedule::events::Event;
use std::io::{self, Write};
use std::path::Path;

/// Documents that are written when the run has ended.
pub(super) struct Documents {
    files: Vec<File>,
    run: Run,
    account: Account,
}

/// Open file of a document.
struct File {
    target: Target,
    format: DocumentFormat,
    writer: Box<dyn Write + Send>,
}

impl Documents {
    /// Creates documents without files.
    pub(super) fn new(run: Run) -> Self {
        Self { files: Vec::new(), run, account: Account::default() }
    }

    /// Adds a document that is written to `writer`.
    pub(super) fn add(&mut self, target: Target, format: DocumentFormat, writer: Box<dyn Write + Send>) {
        self.files.push(File { target, format, writer });
    }

    /// Returns whether the path leads to one of the files.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file.target.is_one_file_with(path))
    }

    /// Takes an event into account, and after the last event writes all files. Returns the first failure to write
    /// one.
    ///
    /// # Errors
    /// When an event cannot be told in a line, which could not be provoked.
    pub(super) fn event(&mut self, event: &Event<'_>) -> io::Result<Option<OutputError>> {
        if self.files.is_empty() {
            return Ok(None);
        }
        if let Some(line) = line(event, &mut self.run)? {
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
