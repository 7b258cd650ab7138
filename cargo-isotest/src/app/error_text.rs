//! Text of an error that ends this program.

use crate::app::doctor::remedies;
use crate::error::Error;
use crate::text::style::{ERROR, HINT};

/// Formats an error with its causes, the remedies for the host, and the hint.
pub(crate) fn error_text(error: &Error) -> String {
    let hint = error.hint().map(|hint| format!(" {HINT}hint{HINT:#}: {hint}\n")).unwrap_or_default();
    format!("{ERROR}error{ERROR:#}: {}\n", error.chain()) + &remedies(error.remedies()) + &hint
}
