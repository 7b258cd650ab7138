//! Values `true` and `false`.

use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::setting::Setting;

/// Reads `true` or `false`.
pub(super) fn truth(value: Value<'_>) -> Result<Setting<bool>, SettingsError> {
    value.expect(value.truth(), "`true` or `false`")
}
