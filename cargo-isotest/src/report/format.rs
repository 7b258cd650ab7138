//! The formats of documents; pure.

use super::account::Account;
use super::{ctrf, junit, markdown, openmetrics};
use std::io;

/// The results of a run as a document of this format.
///
/// # Errors
/// When a library cannot write it, which could not be provoked.
pub(crate) fn document(format: DocumentFormat, account: &Account) -> io::Result<String> {
    match format {
        DocumentFormat::Junit => junit::document(account),
        DocumentFormat::Ctrf => ctrf::document(account),
        DocumentFormat::Markdown => Ok(markdown::document(account)),
        DocumentFormat::Openmetrics => Ok(openmetrics::document(account)),
    }
}

/// Format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DocumentFormat {
    /// JUnit XML.
    Junit,
    /// Common Test Report Format.
    Ctrf,
    /// Markdown.
    Markdown,
    /// OpenMetrics text.
    Openmetrics,
}
