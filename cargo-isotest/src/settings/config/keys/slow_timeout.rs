//! Key `slow-timeout`: time after which a test is slow, and time after which it is ended.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::values::OnTimeout;
use crate::values::SlowTimeout;
use serde_json::json;

pub(crate) const SLOW_TIMEOUT: Key = Key {
    name: "slow-timeout",
    variable: Some("ISOTEST_SLOW_TIMEOUT"),
    about: "After which time a test is slow; as a table, also when it is ended",
    form,
    example: "\"90s\"",
    default: Some("\"1m\""),
    read: |value, layer| {
        let slow = value.as_typed().and_then(|text| SlowTimeout::read(&text).ok());
        let slow = slow.filter(|slow| !slow.period.is_zero());
        let expected =
            "a time above 0 with its unit, or a table such as { period = \"60s\", terminate-after = 2 }";
        layer.test.slow_timeout = Some(value.expect(slow, expected)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.slow_timeout.as_ref(), written),
};

fn form() -> serde_json::Value {
    let entries = [
        ("period", form::time_above_zero()),
        ("terminate-after", form::from(1)),
        ("grace-period", form::time()),
        ("on-timeout", json!({ "enum": ["fail", "pass"] })),
    ];
    form::either([form::time_above_zero(), form::table(entries, &["period"])])
}

fn written(slow: SlowTimeout) -> toml::Value {
    let period = written::time(slow.period);
    if slow == SlowTimeout::new(slow.period) {
        return period;
    }
    let entries = [
        Some(("period", period)),
        slow.terminate_after.map(|periods| ("terminate-after", written::number(periods.get().into()))),
        Some(("grace-period", written::time(slow.grace_period))),
        (slow.on_timeout == OnTimeout::Pass).then(|| ("on-timeout", toml::Value::String("pass".to_owned()))),
    ];
    written::table(entries.into_iter().flatten())
}
