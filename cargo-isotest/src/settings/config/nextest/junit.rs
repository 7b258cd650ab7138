//! Reads `junit` of cargo-nextest, the settings of JUnit XML reports; pure.

use super::left_out::{Rest, why};
use crate::settings::config::reading::{Entry, Reading, in_order};
use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::setting::Setting;

/// Keys that have no meaning here, with the reasons.
const KEYS: [(&str, &str); 5] = [
    ("report-name", ONE_FORM),
    ("report-skipped", ONE_FORM),
    ("store-success-output", ONE_FORM),
    ("store-failure-output", ONE_FORM),
    ("flaky-fail-status", ONE_FORM),
];

const ONE_FORM: &str = "JUnit reports have one form here";

/// Reads the path of the report of a profile, if it has one.
pub(super) fn read<'d>(
    rest: &mut Rest,
    reading: Reading<'d>,
    table: &str,
    entry: Entry<'d>,
) -> Result<Option<Setting<String>>, SettingsError> {
    let mut path = None;
    let table = format!("{table}junit.");
    for (name, value) in in_order(reading.table(entry)?) {
        if name.get_ref() == "path" {
            let value = Value::of_key("path", value, reading);
            path = Some(value.expect(value.text().map(str::to_owned), "a file")?);
        } else {
            rest.leave_out(reading, &table, name, why(name.get_ref(), &KEYS));
        }
    }
    Ok(path)
}

/// Leaves out the keys about the form of the results of some tests.
pub(super) fn leave_out<'d>(
    rest: &mut Rest,
    reading: Reading<'d>,
    table: &str,
    entry: Entry<'d>,
) -> Result<(), SettingsError> {
    for (name, _) in in_order(reading.table(entry)?) {
        rest.leave_out(reading, &format!("{table}junit."), name, why(name.get_ref(), &KEYS));
    }
    Ok(())
}
