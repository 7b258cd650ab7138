//! Key `retries`: number of further attempts of a failed test.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::values::{Backoff, Retries};
use serde_json::json;

pub(crate) const RETRIES: Key = Key {
    name: "retries",
    variable: Some("ISOTEST_RETRIES"),
    about: "How often a failed test is attempted again; as a table, also after which wait",
    form,
    example: "{ backoff = \"exponential\", count = 3, delay = \"1s\" }",
    default: Some("0"),
    read: |value, layer| {
        let retries = value.as_typed().and_then(|text| Retries::read(&text).ok());
        let expected =
            "a number, or a table such as { backoff = \"exponential\", count = 3, delay = \"1s\" }";
        layer.test.retries = Some(value.expect(retries, expected)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.retries.as_ref(), written),
};

fn form() -> serde_json::Value {
    let entries = [
        ("backoff", json!({ "enum": ["fixed", "exponential"] })),
        ("count", form::from(0)),
        ("delay", form::time()),
        ("jitter", form::truth()),
        ("max-delay", form::time()),
    ];
    form::either([form::from(0), form::pattern("^[0-9]+$"), form::table(entries, &["count"])])
}

fn written(Retries { count, backoff }: Retries) -> toml::Value {
    let count = written::number(count.into());
    let Some(Backoff { delay, exponential, jitter, max_delay }) = backoff else { return count };
    let kind = if exponential { "exponential" } else { "fixed" };
    let entries = [
        Some(("backoff", toml::Value::String(kind.to_owned()))),
        Some(("count", count)),
        Some(("delay", written::time(delay))),
        jitter.then(|| ("jitter", written::truth(true))),
        max_delay.map(|time| ("max-delay", written::time(time))),
    ];
    written::table(entries.into_iter().flatten())
}
