//! Key `success-output`: time at which the output of tests that pass is shown.

use super::word::word;
use crate::cli::OutputTime;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(crate) const SUCCESS_OUTPUT: Key = Key {
    name: "success-output",
    variable: Some("ISOTEST_SUCCESS_OUTPUT"),
    about: "When the output of tests that pass is shown",
    form: form::words::<OutputTime>,
    example: "\"final\"",
    default: Some("\"never\""),
    read: |value, layer| {
        layer.display.success_output = Some(word::<OutputTime>(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.display.success_output.as_ref(), |time| written::word(&time)),
};
