//! Key `flaky-result`: result of a test that passes only in a further attempt.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::values::FlakyResult;
use clap::ValueEnum;

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
