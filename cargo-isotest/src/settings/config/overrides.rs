//! Reads `[[profile.NAME.overrides]]`, settings of some tests only; pure but for the paths that are looked for.

use super::keys;
use super::reading::{Entry, Reading, in_order};
use super::suggestion::elsewhere;
use super::value::Value;
use crate::select::filterset::Filterset;
use crate::settings::error::{ConfigError, Fault, SettingsError};
use crate::settings::layer::Layer;
use crate::settings::overrides::Override;
use crate::settings::setting::Place;
use crate::values::Platforms;

/// Key of the filterset of the tests for which an override holds.
pub(super) const FILTER: &str = "filter";

/// Reads the overrides of a profile.
///
/// # Errors
/// The first error in the overrides.
pub(super) fn read<'d>(reading: Reading<'d>, entry: Entry<'d>) -> Result<Vec<Override>, SettingsError> {
    tables(reading, entry)?.into_iter().map(|entry| one(reading, entry)).collect()
}

/// Returns the tables of overrides.
pub(super) fn tables<'d>(
    reading: Reading<'d>,
    (name, value): Entry<'d>,
) -> Result<Vec<Entry<'d>>, SettingsError> {
    let tables = value.get_ref().as_array().ok_or_else(|| {
        let value = reading.source.shown(&value.span());
        let expected = "tables, each headed `[[profile.NAME.overrides]]`".to_owned();
        reading.error(name, Fault::Value { key: "overrides".to_owned(), value, expected })
    })?;
    Ok(tables.iter().map(|table| (name, table)).collect())
}

fn one<'d>(reading: Reading<'d>, entry: Entry<'d>) -> Result<Override, SettingsError> {
    let (mut filter, mut place) = (None, reading.place(&entry.1.span()));
    let mut layer = Layer::default();
    for (name, value) in in_order(reading.table(entry)?) {
        let key = name.get_ref().as_ref();
        if key == FILTER {
            place = reading.place(&value.span());
            filter = Some(filterset(Value::of_key(FILTER, value, reading), place)?);
        } else if let Some(key) = keys::OF_TEST.iter().find(|known| known.name == key) {
            (key.read)(Value::of_key(key.name, value, reading), &mut layer)?;
        } else {
            let here = elsewhere(key);
            let of_run = keys::OF_RUN.iter().chain(&keys::OF_DISPLAY);
            if of_run.clone().any(|known| known.name == key || Some(known.name) == here) {
                return Err(reading.error(name, Fault::OfRun { key: key.to_owned(), here }));
            }
            let known = [FILTER].into_iter().chain(keys::OF_TEST.iter().map(|key| key.name));
            return Err(reading.unknown(name, "an override", known));
        }
    }
    layer.test.limits.leaves_room()?;
    let (platforms, default_filter) = (Platforms::default(), None);
    Ok(Override { filter, place, platforms, default_filter, layer: layer.test })
}

/// Reads the filterset of an override.
pub(super) fn filterset(value: Value<'_>, place: Place) -> Result<Filterset, SettingsError> {
    let text = value.text().ok_or_else(|| value.unexpected("a filterset, such as 'test(/^big_/)'"))?;
    let wrong = |error| ConfigError { place, fault: Fault::Filter { key: FILTER, error } };
    Ok(Filterset::parse(text).and_then(Filterset::without_groups).map_err(wrong)?)
}
