//! Key `failure-output`: time at which the output of other tests is shown.

use super::word::word;
use crate::cli::OutputTime;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(crate) const FAILURE_OUTPUT: Key = Key {
    name: "failure-output",
    variable: Some("ISOTEST_FAILURE_OUTPUT"),
    about: "When the output of tests that do not pass is shown",
    form: form::words::<OutputTime>,
    example: "\"immediate-final\"",
    default: Some("\"immediate\""),
    read: |value, layer| {
        layer.display.failure_output = Some(word::<OutputTime>(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.display.failure_output.as_ref(), |time| written::word(&time)),
};
