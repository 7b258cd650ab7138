//! Warnings: failures that do not end the run.

use crate::text::style;
use std::fmt::Display;
use std::io::Write;

/// Writes a warning to standard error.
pub(crate) fn warn(text: impl Display) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(anstream::stderr(), "{}warning{}: {text}", style::WARNING, anstyle::Reset);
}
