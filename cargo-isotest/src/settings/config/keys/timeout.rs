//! `timeout`: after how long a test is killed.

use super::time::time;
use crate::settings::config::key::Key;

pub(super) const TIMEOUT: Key = Key {
    name: "timeout",
    variable: Some("ISOTEST_TIMEOUT"),
    read: |value, layer| {
        layer.test.timeout = Some(time(value)?);
        Ok(())
    },
};
