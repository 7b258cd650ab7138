//! Reads the configuration of cargo-nextest for the settings that this program has, too. Other keys are listed.

mod junit;
mod left_out;
mod overrides;
mod setting;

pub(crate) use left_out::LeftOut;

use super::groups::{self, GROUPS};
use super::profile::{DEFAULT, INHERITS, OVERRIDES, Profile};
use super::reading::{Entry, Reading, in_order};
use super::value::Value;
use crate::settings::error::{Fault, SettingsError};
use crate::settings::groups::TestGroups;
use crate::settings::setting::Part;
use left_out::{Rest, Why, why};
use setting::Scope;
use std::mem::take;
use std::path::PathBuf;
use toml::de::DeTable;

/// Path of cargo-nextest's configuration file, relative to the directory of the workspace.
pub(crate) const FILE: &str = ".config/nextest.toml";

/// Default of the directory into which cargo-nextest writes, relative to the directory of the workspace.
const STORE: &str = "target/nextest";

/// Contents of the configuration file of cargo-nextest.
#[derive(Debug)]
pub(crate) struct Nextest {
    /// Profiles with their names.
    pub(crate) profiles: Vec<(String, Profile)>,
    /// Test groups.
    pub(crate) groups: TestGroups,
    /// Directory that contains a directory for the reports of each profile, relative to the directory of the
    /// workspace.
    pub(crate) store: PathBuf,
    /// Keys that have no meaning here, in the order of the file.
    pub(crate) left_out: Vec<LeftOut>,
}

/// Tables of cargo-nextest that have no meaning here, with the reasons.
const TABLES: [(&str, &str); 4] = [
    ("nextest-version", "no cargo-nextest is at work"),
    ("experimental", "it is for features of cargo-nextest"),
    ("scripts", SCRIPTS),
    ("script", SCRIPTS),
];

const SCRIPTS: &str = "its scripts are not executed";

/// Keys of profiles of cargo-nextest that have no meaning here, with the reasons.
const KEYS: [(&str, &str); 4] = [
    ("run-extra-args", "tests get no further arguments"),
    ("archive", "tests are executed where they are built"),
    ("scripts", SCRIPTS),
    ("bench", "benchmarks are executed as tests only"),
];

/// Reads the configuration file of cargo-nextest.
///
/// # Errors
/// The first error in the file.
pub(crate) fn read<'d>(reading: Reading<'d>, file: &'d DeTable<'d>) -> Result<Nextest, SettingsError> {
    let (mut profiles, mut groups, mut store) = (Vec::new(), TestGroups::default(), PathBuf::from(STORE));
    let rest = &mut Rest::default();
    for (name, value) in in_order(file) {
        match name.get_ref().as_ref() {
            "profile" => {
                for (name, value) in in_order(reading.table((name, value))?) {
                    let profile = profile(rest, reading, (name, value))?;
                    profiles.push((name.get_ref().clone().into_owned(), profile));
                }
            }
            GROUPS => groups = groups::read(reading, (name, value))?,
            "store" => store = self::store(rest, reading, (name, value))?,
            key => rest.leave_out(reading, "", name, why(key, &TABLES)),
        }
    }
    Ok(Nextest { profiles, groups, store, left_out: take(rest).in_order() })
}

fn profile<'d>(rest: &mut Rest, reading: Reading<'d>, entry: Entry<'d>) -> Result<Profile, SettingsError> {
    let profile = entry.0.get_ref().to_string();
    let path = format!("profile.{profile}.");
    let of_overrides = reading.within(Part::Override(profile.clone()));
    let reading = reading.within(Part::Profile(profile));
    let mut read = Profile::default();
    for (name, value) in in_order(reading.table(entry)?) {
        let key = name.get_ref().as_ref();
        match key {
            INHERITS => {
                let parent = Value::of_key(INHERITS, value, reading);
                let parent = parent.expect(parent.text().map(str::to_owned), "the name of a profile")?;
                if entry.0.get_ref() == DEFAULT {
                    return Err(reading.error(name, Fault::DefaultInherits));
                }
                read.inherits = Some(parent);
            }
            OVERRIDES => read.layer.overrides = overrides::read(rest, of_overrides, &path, (name, value))?,
            "junit" => read.junit = junit::read(rest, reading, &path, (name, value))?,
            _ if setting::read(rest, reading, (&path, Scope::Profile), (name, value), &mut read.layer)? => {}
            _ => rest.leave_out(reading, &path, name, why(key, &KEYS)),
        }
    }
    Ok(read)
}

fn store<'d>(rest: &mut Rest, reading: Reading<'d>, entry: Entry<'d>) -> Result<PathBuf, SettingsError> {
    let mut store = STORE.into();
    for (name, value) in in_order(reading.table(entry)?) {
        if name.get_ref() == "dir" {
            let value = Value::of_key("dir", value, reading);
            store = value.expect(value.text(), "a directory")?.value.into();
        } else {
            rest.leave_out(reading, "store.", name, Why::Unknown);
        }
    }
    Ok(store)
}
