//! `status-level`, `final-status-level`, `success-output`, `failure-output`, `show-progress` and `top`: what the report for
//! humans shows of tests.

use crate::cli::{FinalStatusLevel, OutputTime, ShowProgress, StatusLevel};
use crate::settings::config::key::Key;
use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::setting::Setting;
use clap::ValueEnum;

pub(super) const STATUS_LEVEL: Key = Key {
    name: "status-level",
    variable: Some("ISOTEST_STATUS_LEVEL"),
    read: |value, layer| {
        layer.display.status_level = Some(word::<StatusLevel>(value)?);
        Ok(())
    },
};

pub(super) const FINAL_STATUS_LEVEL: Key = Key {
    name: "final-status-level",
    variable: Some("ISOTEST_FINAL_STATUS_LEVEL"),
    read: |value, layer| {
        layer.display.final_status_level = Some(word::<FinalStatusLevel>(value)?);
        Ok(())
    },
};

pub(super) const SUCCESS_OUTPUT: Key = Key {
    name: "success-output",
    variable: Some("ISOTEST_SUCCESS_OUTPUT"),
    read: |value, layer| {
        layer.display.success_output = Some(word::<OutputTime>(value)?);
        Ok(())
    },
};

pub(super) const FAILURE_OUTPUT: Key = Key {
    name: "failure-output",
    variable: Some("ISOTEST_FAILURE_OUTPUT"),
    read: |value, layer| {
        layer.display.failure_output = Some(word::<OutputTime>(value)?);
        Ok(())
    },
};

pub(super) const SHOW_PROGRESS: Key = Key {
    name: "show-progress",
    variable: Some("ISOTEST_SHOW_PROGRESS"),
    read: |value, layer| {
        layer.display.show_progress = Some(word::<ShowProgress>(value)?);
        Ok(())
    },
};

pub(super) const TOP: Key = Key {
    name: "top",
    variable: Some("ISOTEST_TOP"),
    read: |value, layer| {
        layer.display.top = Some(value.expect(value.number(), "a number of tests")?);
        Ok(())
    },
};

/// Reads one of the words that a flag takes, too.
fn word<T: ValueEnum>(value: Value<'_>) -> Result<Setting<T>, SettingsError> {
    let words = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let words: Vec<_> = words.map(|word| format!("\"{}\"", word.get_name())).collect();
    let expected = format!("one of {}", words.join(", "));
    value.expect(value.text().and_then(|text| T::from_str(text, false).ok()), &expected)
}
