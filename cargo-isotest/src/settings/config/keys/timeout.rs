//! Key `timeout`: time limit of a test.

use super::time::time;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const TIMEOUT: Key = Key {
    name: "timeout",
    variable: Some("ISOTEST_TIMEOUT"),
    about: "After how long a test is killed",
    form: form::time_above_zero,
    example: "\"60s\"",
    default: None,
    read: |value, layer| {
        layer.test.timeout = Some(time(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.timeout.as_ref(), written::time),
};
