//! Key `list-timeout`: time limit of a binary that lists its tests.

use super::time::time;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const LIST_TIMEOUT: Key = Key {
    name: "list-timeout",
    variable: Some("ISOTEST_LIST_TIMEOUT"),
    about: "After how long a test binary is killed that is asked for its tests",
    form: form::time_above_zero,
    example: "\"2m\"",
    default: Some("\"1m\""),
    read: |value, layer| {
        layer.list_timeout = Some(time(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.list_timeout.as_ref(), written::time),
};
