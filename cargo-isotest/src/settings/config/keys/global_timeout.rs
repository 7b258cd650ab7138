//! Key `global-timeout`: time limit of the run.

use super::time::time;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(crate) const GLOBAL_TIMEOUT: Key = Key {
    name: "global-timeout",
    variable: Some("ISOTEST_GLOBAL_TIMEOUT"),
    about: "After how long the run is ended",
    form: form::time_above_zero,
    example: "\"30m\"",
    default: None,
    read: |value, layer| {
        layer.global_timeout = Some(time(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.global_timeout.as_ref(), written::time),
};
