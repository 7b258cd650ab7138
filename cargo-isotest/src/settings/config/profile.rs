//! Reads `[profile.NAME]`, settings with a name; pure but for the paths that are looked for.

use super::groups::{self, GROUPS};
use super::keys;
use super::overrides;
use super::reading::{Entry, Reading, in_order};
use super::scripts::{SCRIPTS, Scripts};
use super::value::Value;
use crate::settings::error::Fault;
use crate::settings::error::SettingsError;
use crate::settings::groups::TestGroups;
use crate::settings::layer::Layer;
use crate::settings::setting::{Part, Setting};
use toml::de::DeTable;

/// Name of the profile that all others inherit, and that is the default.
pub(crate) const DEFAULT: &str = "default";

/// Key of the name of the profile that a profile inherits.
pub(super) const INHERITS: &str = "inherits";

/// Key of the settings of some tests only.
pub(super) const OVERRIDES: &str = "overrides";

/// Settings with a name.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// Name of the inherited profile, whose settings hold where this profile sets none.
    pub(crate) inherits: Option<Setting<String>>,
    /// Settings of the profile.
    pub(crate) layer: Layer,
    /// Path of the results as JUnit XML, relative to the directory of the chosen profile.
    pub(crate) junit: Option<Setting<String>>,
}

/// Contents of a configuration file.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Profiles with their names.
    pub(crate) profiles: Vec<(String, Profile)>,
    /// Test groups.
    pub(crate) groups: TestGroups,
}

impl<'d> Reading<'d> {
    /// Reads the tables of a file, whose scripts are already read.
    pub(crate) fn file(self, file: &'d DeTable<'d>, scripts: &Scripts) -> Result<Tables, SettingsError> {
        let mut tables = Tables::default();
        for (name, value) in in_order(file) {
            match name.get_ref().as_ref() {
                "profile" => {
                    for (name, value) in in_order(self.table((name, value))?) {
                        let profile = self.profile((name, value), scripts)?;
                        tables.profiles.push((name.get_ref().clone().into_owned(), profile));
                    }
                }
                GROUPS => tables.groups = groups::read(self, (name, value))?,
                SCRIPTS => {}
                _ => return Err(self.unknown(name, "this file", ["profile", GROUPS, SCRIPTS])),
            }
        }
        Ok(tables)
    }

    fn profile(self, entry: Entry<'d>, scripts: &Scripts) -> Result<Profile, SettingsError> {
        let profile = entry.0.get_ref();
        let reading = self.within(Part::Profile(profile.to_string()));
        let mut read = Profile::default();
        for (name, value) in in_order(self.table(entry)?) {
            if name.get_ref() == INHERITS {
                let parent = Value::of_key(INHERITS, value, reading);
                let parent = parent.expect(parent.text().map(str::to_owned), "the name of a profile")?;
                if profile == DEFAULT {
                    return Err(self.error(name, Fault::DefaultInherits));
                }
                read.inherits = Some(parent);
            } else if name.get_ref() == OVERRIDES {
                let reading = self.within(Part::Override(profile.to_string()));
                read.layer.overrides.extend(overrides::read(reading, (name, value))?);
            } else if name.get_ref() == SCRIPTS {
                let reading = self.within(Part::Override(profile.to_string()));
                read.layer.overrides.extend(scripts.rules(reading, (name, value))?);
            } else {
                let known = [INHERITS, OVERRIDES, SCRIPTS].into_iter().chain(keys::all().map(|key| key.name));
                let key = keys::all().find(|key| key.name == name.get_ref());
                if keys::OF_PERSON.iter().any(|key| key.name == name.get_ref()) {
                    return Err(self.error(name, Fault::OfPerson(name.get_ref().clone().into_owned())));
                }
                let key = key.ok_or_else(|| self.unknown(name, &format!("`[profile.{profile}]`"), known))?;
                (key.read)(Value::of_key(key.name, value, reading), &mut read.layer)?;
            }
        }
        Ok(read)
    }
}
