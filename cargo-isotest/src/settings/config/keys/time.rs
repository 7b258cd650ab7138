//! Lengths of time.

use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::setting::Setting;
use std::time::Duration;

/// Reads a length of time.
pub(super) fn time(value: Value<'_>) -> Result<Setting<Duration>, SettingsError> {
    let time = value.text().and_then(|text| humantime::parse_duration(text).ok());
    value.expect(
        time.filter(|time| !time.is_zero()),
        "a time above 0 with its unit, such as \"90s\" or \"2m 30s\"",
    )
}
