//! `memory-limit`: how much memory a test may use.

use super::size::size;
use crate::settings::config::key::Key;

pub(super) const MEMORY_LIMIT: Key = Key {
    name: "memory-limit",
    variable: Some("ISOTEST_MEMORY_LIMIT"),
    read: |value, layer| {
        layer.test.limits.memory = Some(size(value)?);
        Ok(())
    },
};
