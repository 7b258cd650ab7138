//! Key `leak-timeout`: time that processes have which a test leaves running.

use super::time::time;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const LEAK_TIMEOUT: Key = Key {
    name: "leak-timeout",
    variable: Some("ISOTEST_LEAK_TIMEOUT"),
    about: "How long after a test's end its processes may still run, before they are left behind and killed",
    form: form::time,
    example: "\"500ms\"",
    default: Some("\"100ms\""),
    read: |value, layer| {
        layer.test.leak_timeout = Some(time(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.leak_timeout.as_ref(), written::time),
};
