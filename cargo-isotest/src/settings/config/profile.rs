//! `[profile.NAME]`: settings under a name; pure but for the paths that are looked for.

use super::keys;
use super::source::Source;
use super::suggestion::suggestion;
use super::value::Value;
use crate::settings::error::Fault;
use crate::settings::error::SettingsError;
use crate::settings::layer::Layer;
use crate::settings::setting::Setting;
use std::borrow::Cow;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Name of the profile that all others inherit, and that holds where none is chosen.
pub(crate) const DEFAULT: &str = "default";

/// Key by which a profile names the one that it inherits.
const INHERITS: &str = "inherits";

/// Settings under a name.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// The profile whose settings hold where this one is silent.
    pub(crate) inherits: Option<Setting<String>>,
    /// The settings.
    pub(crate) layer: Layer,
}

/// Where a table of a configuration file is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'d> {
    /// The file.
    pub(crate) source: &'d Source<'d>,
    /// The directory that relative paths start at.
    pub(crate) directory: &'d Path,
}

type Entry<'d> = (&'d Spanned<Cow<'d, str>>, &'d Spanned<DeValue<'d>>);

impl<'d> Reading<'d> {
    /// Reads the tables of a file.
    pub(crate) fn file(self, file: &'d DeTable<'d>) -> Result<Vec<(String, Profile)>, SettingsError> {
        let mut profiles = Vec::new();
        for (name, value) in in_order(file) {
            match name.get_ref().as_ref() {
                "profile" => {
                    for (name, value) in in_order(self.table((name, value))?) {
                        profiles.push((name.get_ref().clone().into_owned(), self.profile((name, value))?));
                    }
                }
                _ => return Err(self.unknown(name, "this file", ["profile"])),
            }
        }
        Ok(profiles)
    }

    fn profile(self, entry: Entry<'d>) -> Result<Profile, SettingsError> {
        let profile = entry.0.get_ref();
        let mut read = Profile::default();
        for (name, value) in in_order(self.table(entry)?) {
            if name.get_ref() == INHERITS {
                let parent = Value::of_key(INHERITS, value, self.source, self.directory);
                let parent = parent.expect(parent.text().map(str::to_owned), "the name of a profile")?;
                if profile == DEFAULT {
                    return Err(self.error(name, Fault::DefaultInherits));
                }
                read.inherits = Some(parent);
            } else {
                let known = [INHERITS].into_iter().chain(keys::all().map(|key| key.name));
                let key = keys::all().find(|key| key.name == name.get_ref());
                let key = key.ok_or_else(|| self.unknown(name, &format!("`[profile.{profile}]`"), known))?;
                (key.read)(Value::of_key(key.name, value, self.source, self.directory), &mut read.layer)?;
            }
        }
        Ok(read)
    }

    fn table(self, (name, value): Entry<'d>) -> Result<&'d DeTable<'d>, SettingsError> {
        value.get_ref().as_table().ok_or_else(|| {
            let (key, value) = (name.get_ref().clone().into_owned(), self.source.shown(&value.span()));
            self.error(name, Fault::Value { key, value, expected: "a table".to_owned() })
        })
    }

    fn unknown(
        self,
        name: &Spanned<Cow<'d, str>>,
        table: &str,
        known: impl IntoIterator<Item = &'static str>,
    ) -> SettingsError {
        let (key, table) = (name.get_ref().clone().into_owned(), table.to_owned());
        let suggestion = suggestion(&key, known);
        self.error(name, Fault::UnknownKey { key, table, suggestion })
    }

    fn error(self, name: &Spanned<Cow<'d, str>>, fault: Fault) -> SettingsError {
        self.source.error(&name.span(), fault).into()
    }
}

/// The entries of a table in the order of the file.
fn in_order<'d>(table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}
