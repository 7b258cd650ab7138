//! The formats of documents; pure.

use super::account::Account;
use super::changes::Changes;
use super::{ctrf, html, junit, markdown, openmetrics, trace};
use crate::cli::FileFormat;
use std::io;

/// The results of a run as a document of this format, and if it has room for that, what changed since another run.
///
/// # Errors
/// When a library cannot write it, which could not be provoked.
pub(crate) fn document(
    format: DocumentFormat,
    account: &Account,
    since: Option<&Changes>,
) -> io::Result<String> {
    match format {
        DocumentFormat::Junit => junit::document(account),
        DocumentFormat::Ctrf => ctrf::document(account),
        DocumentFormat::Markdown => Ok(markdown::document(account, since)),
        DocumentFormat::Openmetrics => Ok(openmetrics::document(account)),
        DocumentFormat::Html => html::document(account),
        DocumentFormat::Trace => trace::document(account),
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
    /// A page in HTML.
    Html,
    /// Trace events.
    Trace,
}

impl DocumentFormat {
    /// The format of a file that is written when the run has ended; `None` for one that grows with the run.
    pub(super) const fn of_file(format: FileFormat) -> Option<Self> {
        match format {
            FileFormat::Junit => Some(Self::Junit),
            FileFormat::Ctrf => Some(Self::Ctrf),
            FileFormat::Markdown => Some(Self::Markdown),
            FileFormat::Openmetrics => Some(Self::Openmetrics),
            FileFormat::Html => Some(Self::Html),
            FileFormat::Trace => Some(Self::Trace),
            FileFormat::Json => None,
        }
    }
}
