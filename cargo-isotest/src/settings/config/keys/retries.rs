//! Keys `retries` and `flaky-result`: number of further attempts of a failed test, and its result if one of them
//! passes.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::values::{Backoff, FlakyResult, Retries};
use clap::ValueEnum;
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

pub(crate) const FLAKY_RESULT: Key = Key {
    name: "flaky-result",
    variable: Some("ISOTEST_FLAKY_RESULT"),
    about: "The result of a test that passes only in a further attempt",
    form: form::words::<FlakyResult>,
    example: "\"fail\"",
    default: Some("\"pass\""),
    read: |value, layer| {
        let result = value.text().and_then(|text| FlakyResult::from_str(text, false).ok());
        layer.test.flaky_result = Some(value.expect(result, "\"pass\" or \"fail\"")?);
        Ok(())
    },
    said: |layer| written::one(layer.test.flaky_result.as_ref(), |result| written::word(&result)),
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
