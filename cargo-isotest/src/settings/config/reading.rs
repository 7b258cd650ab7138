//! Tables of a configuration file, and errors in them; pure.

use super::source::Source;
use super::suggestion::suggestion;
use crate::settings::error::Fault;
use crate::settings::error::SettingsError;
use crate::settings::setting::{Part, Place, Table};
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Context in which a table of a configuration file is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'d> {
    /// Configuration file with its text.
    pub(crate) source: &'d Source<'d>,
    /// Directory at which relative paths start.
    pub(crate) directory: &'d Path,
    /// Table that is read.
    pub(crate) at: &'static Table,
}

pub(super) type Entry<'d> = (&'d Spanned<Cow<'d, str>>, &'d Spanned<DeValue<'d>>);

impl<'d> Reading<'d> {
    /// Returns the context of another table of the file.
    pub(super) fn within(self, part: Part) -> Self {
        Self { at: Table::kept(&self.at.file, part), ..self }
    }

    /// Returns the place of a part of the text.
    pub(super) fn place(self, span: &Range<usize>) -> Place {
        Place { table: self.at, ..self.source.place(span) }
    }

    pub(super) fn table(self, (name, value): Entry<'d>) -> Result<&'d DeTable<'d>, SettingsError> {
        value.get_ref().as_table().ok_or_else(|| {
            let (key, value) = (name.get_ref().clone().into_owned(), self.source.shown(&value.span()));
            self.error(name, Fault::Value { key, value, expected: "a table".to_owned() })
        })
    }

    pub(super) fn unknown(
        self,
        name: &Spanned<Cow<'d, str>>,
        table: &str,
        known: impl IntoIterator<Item = &'static str>,
    ) -> SettingsError {
        let (key, table) = (name.get_ref().clone().into_owned(), table.to_owned());
        let suggestion = suggestion(&key, known);
        self.error(name, Fault::UnknownKey { key, table, suggestion })
    }

    pub(super) fn error(self, name: &Spanned<Cow<'d, str>>, fault: Fault) -> SettingsError {
        self.source.error(&name.span(), fault).into()
    }
}

/// Returns the entries of a table in the order of the file.
pub(super) fn in_order<'d>(table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}
