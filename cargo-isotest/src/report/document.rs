//! A file of results: everything is kept until the end of the run, and then written at once.

use super::account::Account;
use super::format::{DocumentFormat, document};
use super::json::{Run, line};
use crate::schedule::events::{Event, Reporter};
use std::io::{self, Write};

/// Writes a document when the run has ended.
pub(super) struct Document {
    writer: Box<dyn Write + Send>,
    format: DocumentFormat,
    run: Run,
    account: Account,
}

impl Document {
    pub(super) fn new(writer: Box<dyn Write + Send>, format: DocumentFormat, run: Run) -> Self {
        Self { writer, format, run, account: Account::default() }
    }
}

impl Reporter for Document {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        if let Some(line) = line(event, &self.run)? {
            self.account.add(&line)?;
        }
        if matches!(event, Event::RunFinished { .. }) {
            self.writer.write_all(document(self.format, &self.account, None)?.as_bytes())?;
            self.writer.flush()?;
        }
        Ok(())
    }
}
