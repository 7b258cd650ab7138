//! Key `memory-limit`: limit of the memory of a test.

use super::size::size;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const MEMORY_LIMIT: Key = Key {
    name: "memory-limit",
    variable: Some("ISOTEST_MEMORY_LIMIT"),
    about: "How much memory a test may use",
    form: form::size,
    example: "\"512MiB\"",
    default: None,
    read: |value, layer| {
        layer.test.limits.memory = Some(size(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.limits.memory.as_ref(), written::size),
};
