//! Keys `status-level`, `final-status-level`, `success-output`, `failure-output`, `show-progress` and `top`: contents
//! of the report for humans.

use crate::cli::{FinalStatusLevel, OutputTime, ShowProgress, StatusLevel};
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::value::Value;
use crate::settings::config::written;
use crate::settings::display::DisplayLayer;
use crate::settings::error::SettingsError;
use crate::settings::setting::Setting;
use clap::ValueEnum;

pub(crate) const STATUS_LEVEL: Key = Key {
    name: "status-level",
    variable: Some("ISOTEST_STATUS_LEVEL"),
    about: "From which level on the results of tests are shown while the run goes on",
    form: form::words::<StatusLevel>,
    example: "\"fail\"",
    default: Some("\"pass\""),
    read: |value, layer| {
        layer.display.status_level = Some(word::<StatusLevel>(value)?);
        Ok(())
    },
    said: |layer| {
        let DisplayLayer { status_level, show_progress, .. } = layer.display;
        let of_bar = only(show_progress, StatusLevel::Slow);
        written::one(status_level.or(of_bar).as_ref(), |level| written::word(&level))
    },
};

pub(crate) const FINAL_STATUS_LEVEL: Key = Key {
    name: "final-status-level",
    variable: Some("ISOTEST_FINAL_STATUS_LEVEL"),
    about: "From which level on the results of tests are listed once more when the run has ended",
    form: form::words::<FinalStatusLevel>,
    example: "\"slow\"",
    default: Some("\"flaky\""),
    read: |value, layer| {
        layer.display.final_status_level = Some(word::<FinalStatusLevel>(value)?);
        Ok(())
    },
    said: |layer| {
        let DisplayLayer { final_status_level, show_progress, .. } = layer.display;
        let of_bar = only(show_progress, FinalStatusLevel::None);
        written::one(final_status_level.or(of_bar).as_ref(), |level| written::word(&level))
    },
};

pub(crate) const SUCCESS_OUTPUT: Key = Key {
    name: "success-output",
    variable: Some("ISOTEST_SUCCESS_OUTPUT"),
    about: "When the output of tests that pass is shown",
    form: form::words::<OutputTime>,
    example: "\"final\"",
    default: Some("\"never\""),
    read: |value, layer| {
        layer.display.success_output = Some(word::<OutputTime>(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.display.success_output.as_ref(), |time| written::word(&time)),
};

pub(crate) const FAILURE_OUTPUT: Key = Key {
    name: "failure-output",
    variable: Some("ISOTEST_FAILURE_OUTPUT"),
    about: "When the output of tests that do not pass is shown",
    form: form::words::<OutputTime>,
    example: "\"immediate-final\"",
    default: Some("\"immediate\""),
    read: |value, layer| {
        layer.display.failure_output = Some(word::<OutputTime>(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.display.failure_output.as_ref(), |time| written::word(&time)),
};

pub(super) const SHOW_PROGRESS: Key = Key {
    name: "show-progress",
    variable: Some("ISOTEST_SHOW_PROGRESS"),
    about: "How the progress of the run is shown",
    form: form::words::<ShowProgress>,
    example: "\"counter\"",
    default: Some("\"auto\""),
    read: |value, layer| {
        layer.display.show_progress = Some(word::<ShowProgress>(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.display.show_progress.as_ref(), |how| written::word(&how)),
};

pub(super) const TOP: Key = Key {
    name: "top",
    variable: Some("ISOTEST_TOP"),
    about: "How many tests with the highest memory peaks, and how many of the slowest, are listed when the run has ended",
    form: || form::from(0),
    example: "5",
    default: Some("0"),
    read: |value, layer| {
        layer.display.top = Some(value.expect(value.number(), "a number of tests")?);
        Ok(())
    },
    said: |layer| written::one(layer.display.top.as_ref(), |number| written::number(number as u64)),
};

/// Returns the level that `show-progress = "only"` implies, if that is set.
fn only<T>(how: Option<Setting<ShowProgress>>, level: T) -> Option<Setting<T>> {
    how.filter(|how| how.value == ShowProgress::Only).map(|how| how.map(|_| level))
}

/// Reads a word that the flag of the same type takes, too.
fn word<T: ValueEnum>(value: Value<'_>) -> Result<Setting<T>, SettingsError> {
    let words = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let words: Vec<_> = words.map(|word| format!("\"{}\"", word.get_name())).collect();
    let expected = format!("one of {}", words.join(", "));
    value.expect(value.text().and_then(|text| T::from_str(text, false).ok()), &expected)
}
