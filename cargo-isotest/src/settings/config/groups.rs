//! Reads `[test-groups]`, the limits of threads of test groups; pure.

use super::form;
use super::keys;
use super::reading::{Entry, Reading, in_order};
use super::value::Value;
use super::written;
use crate::settings::error::{Fault, SettingsError};
use crate::settings::groups::TestGroups;
use crate::settings::setting::Setting;
use crate::values::Jobs;
use serde_json::json;

/// Key of the tables of test groups.
pub(super) const GROUPS: &str = "test-groups";

/// Key of the number of threads.
const MAX_THREADS: &str = "max-threads";

/// Makes the schema of test groups.
pub(super) fn form() -> serde_json::Value {
    json!({
        "type": "object",
        "description": "How many threads of the run the tests of each test group may take together",
        "propertyNames": form::pattern(keys::GROUP_NAME),
        "additionalProperties": form::table([(MAX_THREADS, keys::form_of_jobs())], &[MAX_THREADS]),
    })
}

/// Writes a test group.
pub(super) fn written(name: &str, max_threads: Jobs) -> toml::Value {
    let group = written::table([(MAX_THREADS, keys::written_jobs(max_threads))]);
    toml::Value::Table([(name.to_owned(), group)].into_iter().collect())
}

/// Reads the test groups of a file.
///
/// # Errors
/// The first error in the tables.
pub(super) fn read<'d>(reading: Reading<'d>, entry: Entry<'d>) -> Result<TestGroups, SettingsError> {
    let mut groups = TestGroups::default();
    for (name, value) in in_order(reading.table(entry)?) {
        if !keys::is_group_name(name.get_ref()) {
            return Err(reading.error(name, Fault::GroupName(name.get_ref().clone().into_owned())));
        }
        groups.add(name.get_ref().clone().into_owned(), max_threads(reading, (name, value))?);
    }
    Ok(groups)
}

fn max_threads<'d>(reading: Reading<'d>, entry: Entry<'d>) -> Result<Setting<Jobs>, SettingsError> {
    let (group, _) = entry;
    let mut read = None;
    for (name, value) in in_order(reading.table(entry)?) {
        if name.get_ref() != MAX_THREADS {
            return Err(reading.unknown(name, &format!("`[{GROUPS}.{}]`", group.get_ref()), [MAX_THREADS]));
        }
        let value = Value::of_key(MAX_THREADS, value, reading);
        read = Some(value.expect(keys::number_of_jobs(value), Jobs::EXPECTED)?);
    }
    read.ok_or_else(|| reading.error(group, Fault::GroupSize(group.get_ref().clone().into_owned())))
}
