//! `list-timeout`: after how long a binary is killed that is asked for its tests.

use super::time::time;
use crate::settings::config::key::Key;

pub(super) const LIST_TIMEOUT: Key = Key {
    name: "list-timeout",
    variable: Some("ISOTEST_LIST_TIMEOUT"),
    read: |value, layer| {
        layer.list_timeout = Some(time(value)?);
        Ok(())
    },
};
