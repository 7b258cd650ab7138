//! Reads `[[profile.NAME.overrides]]` of cargo-nextest, settings of some tests or some platforms only; pure.

use super::junit;
use super::left_out::{Rest, why};
use super::setting::{self, Scope};
use crate::settings::config::overrides::{FILTER, filterset, tables};
use crate::settings::config::reading::{Entry, Reading, in_order};
use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::layer::Layer;
use crate::settings::overrides::Override;
use crate::values::Platforms;

/// Key of the filterset of the tests that run by default.
const DEFAULT_FILTER: &str = "default-filter";

const EXPECTED: &str = "a target triple or `cfg(...)`, or a table of them with the keys `host` and `target`";

/// Keys that are the same for all tests here, or that have no meaning, with the reasons.
const KEYS: [(&str, &str); 3] = [
    ("success-output", OF_RUN),
    ("failure-output", OF_RUN),
    ("run-extra-args", "tests get no further arguments"),
];

const OF_RUN: &str = "it is the same for all tests here";

/// Reads the overrides of a profile.
pub(super) fn read<'d>(
    rest: &mut Rest,
    reading: Reading<'d>,
    table: &str,
    entry: Entry<'d>,
) -> Result<Vec<Override>, SettingsError> {
    let table = format!("{table}overrides.");
    tables(reading, entry)?.into_iter().map(|entry| one(rest, reading, &table, entry)).collect()
}

fn one<'d>(
    rest: &mut Rest,
    reading: Reading<'d>,
    table: &str,
    entry: Entry<'d>,
) -> Result<Override, SettingsError> {
    let (mut filter, mut place) = (None, reading.place(&entry.1.span()));
    let (mut platforms, mut default_filter) = (Platforms::default(), None);
    let mut layer = Layer::default();
    let mut of_platform = None;
    for (name, value) in in_order(reading.table(entry)?) {
        let key = name.get_ref().as_ref();
        let of_key = |key| Value::of_key(key, value, reading);
        match key {
            FILTER => {
                place = reading.place(&value.span());
                filter = Some(filterset(of_key(FILTER), place)?);
            }
            "platform" => platforms = read_platforms(of_key("platform"))?,
            DEFAULT_FILTER => of_platform = Some(of_key(DEFAULT_FILTER)),
            "junit" => junit::leave_out(rest, reading, table, (name, value))?,
            _ if setting::read(rest, reading, (table, Scope::Override), (name, value), &mut layer)? => {}
            _ => rest.leave_out(reading, table, name, why(key, &KEYS)),
        }
    }
    if let Some(value) = of_platform {
        if filter.is_some() || platforms.are_any() {
            return Err(value.unexpected("`platform` beside it, and no `filter`"));
        }
        setting::default_filter(value, &mut layer)?;
        default_filter = layer.default_filter.take();
    }
    Ok(Override { filter, place, platforms, default_filter, layer: layer.test })
}

fn read_platforms(value: Value<'_>) -> Result<Platforms, SettingsError> {
    let read = |value: Value<'_>| {
        let platform = value.text().and_then(|text| text.parse().ok());
        value.expect(platform, EXPECTED).map(|platform| Some(platform.value))
    };
    let Some(entries) = value.table() else {
        return Ok(Platforms { target: read(value)?, host: None });
    };
    let mut platforms = Platforms::default();
    for (name, value) in entries {
        match name {
            "host" => platforms.host = read(value)?,
            "target" => platforms.target = read(value)?,
            _ => return Err(value.unexpected(EXPECTED)),
        }
    }
    Ok(platforms)
}
