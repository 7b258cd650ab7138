//! Formats of documents; pure.

use super::account::Account;
use super::changes::Changes;
use super::{ctrf, html, junit, markdown, openmetrics, trace};
use crate::cli::FileFormat;
use std::io::{self, Write};

/// Writes the results of a run as a document of this format, with the changes since another run if the format has room
/// for them.
///
/// # Errors
/// When the document cannot be written to `to`.
pub(crate) fn write(
    format: DocumentFormat,
    account: &Account,
    since: Option<&Changes>,
    to: &mut dyn Write,
) -> io::Result<()> {
    let text = match format {
        DocumentFormat::Junit => return junit::write(account, to),
        DocumentFormat::Ctrf => return ctrf::write(account, to),
        DocumentFormat::Trace => return trace::write(account, to),
        DocumentFormat::Markdown => markdown::document(account, since),
        DocumentFormat::Openmetrics => openmetrics::document(account),
        DocumentFormat::Html => html::document(account)?,
    };
    to.write_all(text.as_bytes())
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
    /// HTML page.
    Html,
    /// Trace events.
    Trace,
}

impl DocumentFormat {
    /// Returns the format of a file that is written when the run has ended; `None` for a file that grows with the
    /// run.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::Reading;
    use crate::report::account::testing::{attempt, lines};
    use serde_json::json;

    #[test]
    fn numbers_that_no_run_has_end_no_report() {
        let usage =
            json!({"memory_peak_bytes": u64::MAX, "cpu_user_us": u64::MAX, "cpu_system_us": u64::MAX});
        let far = json!({"start_us": u64::MAX, "wall_us": u64::MAX, "slot": usize::MAX, "usage": usage});
        let mut again = far.clone();
        again["is_last"] = false.into();
        let attempts = [
            attempt("tour", "a", "passes", &far),
            attempt("tour", "b", "fails", &again),
            attempt("tour", "b", "fails", &far),
        ];
        let mut reading = Reading::default();
        for id in ["1", "2"] {
            let most = lines(id, &attempts).replace("1200000", "18446744073709551615");
            let most = most.replace("\"tests\":2", "\"tests\":18446744073709551615");
            reading.add(id, &most.replace("\"not_run\":0", "\"not_run\":18446744073709551615"));
        }
        assert!(reading.lacks.is_empty(), "{:?}", reading.lacks);
        let account = &reading.account;
        let since = Changes::between("b", account, account);
        for format in [
            DocumentFormat::Junit,
            DocumentFormat::Ctrf,
            DocumentFormat::Markdown,
            DocumentFormat::Openmetrics,
            DocumentFormat::Html,
            DocumentFormat::Trace,
        ] {
            let mut text = Vec::new();
            write(format, account, Some(&since), &mut text).unwrap();
            assert!(!text.is_empty(), "{format:?}");
        }
    }
}
