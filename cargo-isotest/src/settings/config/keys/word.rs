//! Words of settings, which are those of their flags.

use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::setting::Setting;
use clap::ValueEnum;

/// Reads a word that the flag of the same type takes, too.
pub(super) fn word<T: ValueEnum>(value: Value<'_>) -> Result<Setting<T>, SettingsError> {
    let words = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let words: Vec<_> = words.map(|word| format!("\"{}\"", word.get_name())).collect();
    let expected = format!("one of {}", words.join(", "));
    value.expect(value.text().and_then(|text| T::from_str(text, false).ok()), &expected)
}
