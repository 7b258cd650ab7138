//! Reads settings that cargo-nextest has, too, by its names and with its values; pure.

use super::left_out::{Rest, Why};
use crate::cli::StatusLevel;
use crate::settings::config::keys;
use crate::settings::config::reading::{Entry, Reading};
use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::layer::Layer;
use crate::values::{MaxFail, SlowTimeout};
use std::time::Duration;

/// Kind of table in which a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Table of a profile.
    Profile,
    /// Table of an override.
    Override,
}

/// Function that reads a setting into a layer.
type Read = fn(Value<'_>, &mut Layer) -> Result<(), SettingsError>;

/// Settings that can be written both in profiles and in overrides.
const OF_BOTH: [(&str, Read); 5] = [
    ("retries", keys::RETRIES.read),
    ("flaky-result", keys::FLAKY_RESULT.read),
    ("slow-timeout", slow_timeout),
    ("leak-timeout", leak_timeout),
    ("threads-required", keys::THREADS_REQUIRED.read),
];

const OF_OVERRIDES: [(&str, Read); 2] =
    [("test-group", keys::TEST_GROUP.read), ("priority", keys::PRIORITY.read)];

const OF_PROFILES: [(&str, Read); 8] = [
    ("global-timeout", keys::GLOBAL_TIMEOUT.read),
    ("test-threads", keys::JOBS.read),
    ("fail-fast", fail_fast),
    ("default-filter", default_filter),
    ("status-level", status_level),
    ("final-status-level", keys::FINAL_STATUS_LEVEL.read),
    ("success-output", keys::SUCCESS_OUTPUT.read),
    ("failure-output", keys::FAILURE_OUTPUT.read),
];

/// Reads a setting into a layer. Returns whether the key is that of a setting.
pub(super) fn read<'d>(
    rest: &mut Rest,
    reading: Reading<'d>,
    (table, scope): (&str, Scope),
    (name, value): Entry<'d>,
    layer: &mut Layer,
) -> Result<bool, SettingsError> {
    let key = name.get_ref().as_ref();
    let own: &[(&'static str, Read)] = match scope {
        Scope::Profile => &OF_PROFILES,
        Scope::Override => &OF_OVERRIDES,
    };
    let Some((key, read_value)) = OF_BOTH.iter().chain(own).find(|(known, _)| *known == key) else {
        return Ok(false);
    };
    read_value(Value::of_key(key, value, reading), layer)?;
    if *key == "status-level" && value.get_ref().as_str() == Some(SKIP) {
        let why = "tests that are left out are counted, not listed; `pass` holds";
        rest.leave_out(reading, table, name, Why::NoMeaning(why));
    }
    Ok(true)
}

const SKIP: &str = "skip";

/// Default of the time that cargo-nextest gives a test between the order to end and the end.
const GRACE: Duration = Duration::from_secs(10);

fn slow_timeout(value: Value<'_>, layer: &mut Layer) -> Result<(), SettingsError> {
    (keys::SLOW_TIMEOUT.read)(value, layer)?;
    let says_grace = value.table().is_some_and(|keys| keys.iter().any(|(key, _)| *key == "grace-period"));
    if let Some(slow) = layer.test.slow_timeout.as_mut().filter(|_| !says_grace) {
        slow.value = SlowTimeout { grace_period: GRACE, ..slow.value };
    }
    Ok(())
}

fn leak_timeout(value: Value<'_>, layer: &mut Layer) -> Result<(), SettingsError> {
    let expected = "a time such as \"100ms\", or a table such as { period = \"500ms\", result = \"fail\" }";
    let time = |value: Value<'_>| value.text().and_then(|text| humantime::parse_duration(text).ok());
    let mut fails = false;
    let Some(entries) = value.table() else {
        layer.test.leak_timeout = Some(value.expect(time(value), expected)?);
        return Ok(());
    };
    for (key, value) in entries {
        match (key, value.text()) {
            ("period", _) if time(value).is_some() => {
                layer.test.leak_timeout = time(value).map(|time| value.setting(time));
            }
            ("result", Some("fail")) => fails = true,
            ("result", Some("pass")) => {}
            _ => return Err(value.unexpected(expected)),
        }
    }
    layer.test.fail_on_leak = Some(value.setting(fails));
    Ok(())
}

fn fail_fast(value: Value<'_>, layer: &mut Layer) -> Result<(), SettingsError> {
    let expected = "`true`, `false`, or a table such as { max-fail = 5, terminate = \"wait\" }";
    let most = match (value.truth(), value.table()) {
        (Some(first), _) => Some(MaxFail::fail_fast(first)),
        (None, Some(entries)) => {
            let of =
                |name| entries.iter().find(|(key, _)| *key == name).and_then(|(_, value)| value.as_typed());
            let known = entries.iter().all(|(key, _)| ["max-fail", "terminate"].contains(key));
            let text = match (of("max-fail"), of("terminate")) {
                (Some(number), Some(mode)) => Some(format!("{number}:{mode}")),
                (number, None) => number.map(Into::into),
                (None, Some(_)) => None,
            };
            text.filter(|_| known).and_then(|text| MaxFail::read(&text).ok())
        }
        (None, None) => None,
    };
    layer.max_fail = Some(value.expect(most, expected)?);
    Ok(())
}

pub(super) fn default_filter(value: Value<'_>, layer: &mut Layer) -> Result<(), SettingsError> {
    (keys::DEFAULT_FILTER.read)(value, layer)
}

/// Reads the status level. `skip` becomes `pass`, since there is no level of excluded tests here.
fn status_level(value: Value<'_>, layer: &mut Layer) -> Result<(), SettingsError> {
    if value.text() == Some(SKIP) {
        layer.display.status_level = Some(value.setting(StatusLevel::Pass));
        return Ok(());
    }
    (keys::STATUS_LEVEL.read)(value, layer)
}
