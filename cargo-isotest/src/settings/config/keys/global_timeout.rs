//! `global-timeout`: after how long the run is ended.

use super::time::time;
use crate::settings::config::key::Key;

pub(super) const GLOBAL_TIMEOUT: Key = Key {
    name: "global-timeout",
    variable: Some("ISOTEST_GLOBAL_TIMEOUT"),
    read: |value, layer| {
        layer.global_timeout = Some(time(value)?);
        Ok(())
    },
};
