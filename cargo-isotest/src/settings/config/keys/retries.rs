//! `retries` and `flaky-result`: how often a failed test is attempted again, and what it is worth if it passes then.

use crate::settings::config::key::Key;
use crate::values::{FlakyResult, Retries};
use clap::ValueEnum;

pub(super) const RETRIES: Key = Key {
    name: "retries",
    variable: Some("ISOTEST_RETRIES"),
    read: |value, layer| {
        let retries = value.as_typed().and_then(|text| Retries::read(text).ok());
        let expected =
            "a number, or a table such as { backoff = \"exponential\", count = 3, delay = \"1s\" }";
        layer.test.retries = Some(value.expect(retries, expected)?);
        Ok(())
    },
};

pub(super) const FLAKY_RESULT: Key = Key {
    name: "flaky-result",
    variable: Some("ISOTEST_FLAKY_RESULT"),
    read: |value, layer| {
        let result = value.text().and_then(|text| FlakyResult::from_str(text, false).ok());
        layer.test.flaky_result = Some(value.expect(result, "\"pass\" or \"fail\"")?);
        Ok(())
    },
};
