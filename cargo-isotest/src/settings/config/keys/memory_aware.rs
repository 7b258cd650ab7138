//! `memory-aware`: whether tests wait until there is memory for what they are expected to use.

use super::truth::truth;
use crate::settings::config::key::Key;

pub(super) const MEMORY_AWARE: Key = Key {
    name: "memory-aware",
    variable: Some("ISOTEST_MEMORY_AWARE"),
    read: |value, layer| {
        layer.memory_aware = Some(truth(value)?);
        Ok(())
    },
};
