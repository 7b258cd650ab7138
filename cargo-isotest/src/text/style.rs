//! Styles of words on a terminal, and the status column. Pure.

use anstyle::{AnsiColor, Style};

/// Style of the word `error`.
pub(crate) const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
/// Style of the word `warning`.
pub(crate) const WARNING: Style = AnsiColor::BrightYellow.on_default().bold();
/// Style of the word `hint`.
pub(crate) const HINT: Style = AnsiColor::BrightCyan.on_default().bold();

/// Style of a heading or of a word that begins a line of a report.
pub(crate) const HEAD: Style = AnsiColor::Cyan.on_default().bold();
/// Style of a word that begins a remark.
pub(crate) const NOTE: Style = AnsiColor::Blue.on_default().bold();
/// Style of a word that begins a line about something to look at.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// Style of the word for a success.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Style of the word for a failure.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Style of the word for an attempt without a verdict.
pub(crate) const LOST: Style = AnsiColor::Magenta.on_default().bold();
/// Style of less important text.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Style of a name that stands out.
pub(crate) const BOLD: Style = Style::new().bold();

/// Formats a line with a word in the status column.
pub(crate) fn headed(style: Style, head: &str, rest: &str) -> String {
    format!("{style}{head:>12}{style:#} {rest}\n")
}
