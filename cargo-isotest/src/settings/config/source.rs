//! Text of a configuration file, and line numbers of parts of it; pure.

use crate::settings::error::{ConfigError, Fault};
use crate::settings::setting::{Part, Place, Table};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;

/// Text of a configuration file.
#[derive(Debug)]
pub(crate) struct Source<'t> {
    table: &'static Table,
    text: &'t str,
    /// Offsets at which the lines begin.
    lines: Vec<usize>,
}

impl<'t> Source<'t> {
    /// Creates a source, and notes the offsets of the lines.
    pub(crate) fn new(file: &Path, text: &'t str) -> Self {
        let lines = text.match_indices('\n').map(|(at, _)| at + 1);
        let table = Table::kept(file, Part::Whole);
        Self { table, text, lines: std::iter::once(0).chain(lines).collect() }
    }

    /// Parses the text as TOML.
    pub(crate) fn parse(&self) -> Result<Spanned<DeTable<'t>>, ConfigError> {
        DeTable::parse(self.text).map_err(|error| {
            let message = error.message().replace('\n', ", ");
            self.error(&error.span().unwrap_or_default(), Fault::Syntax(message))
        })
    }

    /// Returns the file as a table.
    pub(crate) const fn table(&self) -> &'static Table {
        self.table
    }

    /// Returns the place of a part of the text.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        Place { table: self.table, line: self.lines.partition_point(|begin| *begin <= span.start) }
    }

    /// Returns a part of the text.
    pub(crate) fn part(&self, span: &Range<usize>) -> Option<&'t str> {
        self.text.get(span.clone())
    }

    /// Returns a part of the text, shortened to one line.
    pub(crate) fn shown(&self, span: &Range<usize>) -> String {
        self.text.get(span.clone()).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Creates the error of a part of the text.
    pub(crate) fn error(&self, span: &Range<usize>, fault: Fault) -> ConfigError {
        ConfigError { place: self.place(span), fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_text_has_a_line() {
        let source = Source::new(Path::new("a.toml"), "a = 1\nb = [\n  2,\n]\n");
        assert_eq!(source.place(&(0..1)).line, 1);
        assert_eq!(source.place(&(5..6)).line, 1);
        assert_eq!(source.place(&(6..7)).to_string(), "a.toml:2");
        assert_eq!(source.shown(&(10..18)), "[ 2, ]");
    }

    #[test]
    fn what_is_no_toml_has_a_line_too() {
        let said = |text| Source::new(Path::new("a.toml"), text).parse().unwrap_err().to_string();
        assert!(said("a = 1\nb = \n").starts_with("a.toml:2: not valid TOML: "), "{}", said("a = 1\nb = \n"));
        assert_eq!(said("a = 1\na = 2\n"), "a.toml:2: not valid TOML: duplicate key");
    }
}
