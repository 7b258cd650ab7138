//! Numbers of bytes.

use crate::cli;
use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::setting::Setting;

/// Reads a number of bytes above 0.
pub(super) fn size(value: Value<'_>) -> Result<Setting<u64>, SettingsError> {
    let size = value.text().and_then(|text| cli::size(text).ok());
    value.expect(size, "a size above 0 with its unit, such as \"64MiB\"")
}

/// Reads a number of bytes.
pub(super) fn size_or_zero(value: Value<'_>) -> Result<Setting<u64>, SettingsError> {
    let size = value.text().and_then(|text| cli::size_or_zero(text).ok());
    value.expect(size, "a size with its unit, such as \"64MiB\" or \"0\"")
}
