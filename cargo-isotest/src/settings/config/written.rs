//! Values as a configuration file would hold them; pure.

use crate::settings::setting::Setting;
use crate::text::units;
use clap::ValueEnum;
use std::time::Duration;
use toml::Value;

/// Writes one value, if a layer has it.
pub(super) fn one<T: Clone>(said: Option<&Setting<T>>, write: impl Fn(T) -> Value) -> Vec<Setting<Value>> {
    said.cloned().map(|said| said.map(write)).into_iter().collect()
}

/// Writes each value of a list.
pub(super) fn each<T: Clone>(said: &[Setting<T>], write: impl Fn(T) -> Value) -> Vec<Setting<Value>> {
    said.iter().flat_map(|said| one(Some(said), &write)).collect()
}

/// Writes `true` or `false`.
pub(super) fn truth(value: bool) -> Value {
    Value::Boolean(value)
}

/// Writes a number; one that is too large for a number of TOML as a text.
pub(super) fn number(value: u64) -> Value {
    i64::try_from(value).map_or_else(|_| Value::String(value.to_string()), Value::Integer)
}

/// Writes a length of time.
pub(super) fn time(value: Duration) -> Value {
    Value::String(humantime::format_duration(value).to_string())
}

/// Writes a number of bytes.
pub(super) fn size(value: u64) -> Value {
    let is_whole = value.is_multiple_of(1024);
    Value::String(if is_whole { units::limit(value) } else { format!("{value} B") })
}

/// Writes one of several words.
pub(super) fn word(value: &impl ValueEnum) -> Value {
    let word = value.to_possible_value();
    Value::String(word.map(|word| word.get_name().to_owned()).unwrap_or_default())
}

/// Writes a table.
pub(super) fn table(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Table(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Writes a list of one text.
pub(super) fn item(text: &str) -> Value {
    Value::Array(vec![Value::String(text.to_owned())])
}
