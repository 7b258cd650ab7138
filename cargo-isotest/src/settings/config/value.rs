//! Value of a setting as it is written in a configuration file or an environment variable; pure.

use super::reading::{Reading, in_order};
use super::suggestion::suggestion;
use crate::settings::error::SettingsError;
use crate::settings::error::{ConfigError, Fault};
use crate::settings::setting::{Origin, Setting};
use std::borrow::Cow;
use std::path::Path;
use std::str::FromStr;
use toml::Spanned;
use toml::de::DeValue;

/// Value as written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'d> {
    written: Written<'d>,
    /// Directory at which relative paths start.
    pub(crate) directory: &'d Path,
}

#[derive(Debug, Clone, Copy)]
enum Written<'d> {
    /// Value of a key.
    Toml { key: &'static str, value: &'d Spanned<DeValue<'d>>, reading: Reading<'d> },
    /// Value of an environment variable.
    Variable { name: &'static str, text: &'d str },
}

impl<'d> Value<'d> {
    /// Creates the value of a key.
    pub(crate) const fn of_key(
        key: &'static str,
        value: &'d Spanned<DeValue<'d>>,
        reading: Reading<'d>,
    ) -> Self {
        Self { written: Written::Toml { key, value, reading }, directory: reading.directory }
    }

    /// Creates the value of an environment variable.
    pub(crate) const fn of_variable(name: &'static str, text: &'d str, directory: &'d Path) -> Self {
        Self { written: Written::Variable { name, text }, directory }
    }

    /// Returns the origin of the value.
    pub(crate) fn origin(self) -> Origin {
        match self.written {
            Written::Toml { key, value, reading } => Origin::File(key, reading.place(&value.span())),
            Written::Variable { name, .. } => Origin::Environment(name),
        }
    }

    /// Reads a string.
    pub(crate) fn text(self) -> Option<&'d str> {
        match self.written {
            Written::Toml { value, .. } => value.get_ref().as_str(),
            Written::Variable { text, .. } => Some(text),
        }
    }

    /// Returns the value as it would be typed on the command line: a string, or a number as it is written, or a table
    /// in one line.
    pub(crate) fn as_typed(self) -> Option<Cow<'d, str>> {
        let Written::Toml { key, value, reading } = self.written else {
            return self.text().map(Cow::Borrowed);
        };
        let part = |value: &Spanned<DeValue<'d>>| reading.source.part(&value.span());
        match value.get_ref() {
            DeValue::String(text) => Some(Cow::Borrowed(text)),
            DeValue::Table(table) => {
                if let Some(inline) = part(value).filter(|part| part.starts_with('{')) {
                    return Some(Cow::Borrowed(inline));
                }
                let entry = |(name, value): (&'d Spanned<Cow<'d, str>>, &'d Spanned<DeValue<'d>>)| {
                    let value = match value.get_ref() {
                        DeValue::Table(_) => Self::of_key(key, value, reading).as_typed()?,
                        _ => Cow::Borrowed(part(value)?),
                    };
                    Some(format!("{} = {value}", name.get_ref()))
                };
                let entries: Option<Vec<_>> = in_order(table).into_iter().map(entry).collect();
                Some(Cow::Owned(format!("{{ {} }}", entries?.join(", "))))
            }
            _ => part(value).map(Cow::Borrowed),
        }
    }

    /// Reads a number that is written without quotes.
    pub(crate) fn number<T: FromStr>(self) -> Option<T> {
        match self.written {
            Written::Toml { value, .. } => match value.get_ref() {
                DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
                DeValue::Float(float) => float.as_str().parse().ok(),
                _ => None,
            },
            Written::Variable { text, .. } => text.parse().ok(),
        }
    }

    /// Reads `true` or `false`.
    pub(crate) fn truth(self) -> Option<bool> {
        match self.written {
            Written::Toml { value, .. } => value.get_ref().as_bool(),
            Written::Variable { text: "true" | "1", .. } => Some(true),
            Written::Variable { text: "false" | "0", .. } => Some(false),
            Written::Variable { .. } => None,
        }
    }

    /// Reads a list of strings, each with its place. In a variable, they are separated by commas.
    pub(crate) fn list(self) -> Option<Vec<(&'d str, Self)>> {
        match self.written {
            Written::Toml { key, value, reading } => {
                let items = value.get_ref().as_array()?.iter().map(|item| {
                    let item = Self::of_key(key, item, reading);
                    Some((item.text()?, item))
                });
                items.collect()
            }
            Written::Variable { text, .. } => Some(text.split(',').map(|item| (item, self)).collect()),
        }
    }

    /// Reads a table with arbitrary keys.
    pub(crate) fn table(self) -> Option<Vec<(&'d str, Self)>> {
        let Written::Toml { key, value, reading } = self.written else { return None };
        let entries = value.get_ref().as_table()?.iter();
        Some(
            entries
                .map(|(name, value)| (name.get_ref().as_ref(), Self::of_key(key, value, reading)))
                .collect(),
        )
    }

    /// Returns the value under another key.
    pub(crate) const fn named(self, key: &'static str) -> Self {
        let written = match self.written {
            Written::Toml { value, reading, .. } => Written::Toml { key, value, reading },
            variable @ Written::Variable { .. } => variable,
        };
        Self { written, ..self }
    }

    /// Creates the error of an unknown name in a table.
    pub(crate) fn unknown(self, name: &str, known: impl IntoIterator<Item = &'static str>) -> SettingsError {
        match self.written {
            Written::Toml { key, value, reading } => {
                let suggestion = suggestion(name, known);
                let fault = Fault::UnknownKey { key: name.to_owned(), table: format!("`{key}`"), suggestion };
                ConfigError { place: reading.place(&value.span()), fault }.into()
            }
            Written::Variable { .. } => self.unexpected("a known name"),
        }
    }

    /// Combines a value that was read with its origin.
    pub(crate) fn setting<T>(self, value: T) -> Setting<T> {
        Setting { value, origin: self.origin() }
    }

    /// Combines a value that was read with its origin.
    ///
    /// # Errors
    /// When no value was read, since the text is not as expected.
    pub(crate) fn expect<T>(self, read: Option<T>, expected: &str) -> Result<Setting<T>, SettingsError> {
        read.map(|value| self.setting(value)).ok_or_else(|| self.unexpected(expected))
    }

    /// Creates the error of a fault in the value of a key.
    pub(crate) fn fault(self, fault: Fault) -> SettingsError {
        match self.written {
            Written::Toml { value, reading, .. } => {
                ConfigError { place: reading.place(&value.span()), fault }.into()
            }
            Written::Variable { .. } => self.unexpected(&fault.to_string()),
        }
    }

    /// Creates the error of a value that is not as expected.
    pub(crate) fn unexpected(self, expected: &str) -> SettingsError {
        match self.written {
            Written::Toml { key, value, reading } => {
                let (span, key, expected) = (value.span(), key.to_owned(), expected.to_owned());
                // The span of a table that has a heading, or dotted keys, is only that of its name.
                let table = self.as_typed().filter(|_| value.get_ref().is_table());
                let shown = table.map_or_else(|| reading.source.shown(&span), Cow::into_owned);
                let fault = Fault::Value { key, value: shown, expected };
                ConfigError { place: reading.place(&span), fault }.into()
            }
            Written::Variable { name, text } => {
                SettingsError::Variable { name, value: text.into(), expected: expected.to_owned() }
            }
        }
    }
}
