//! Key `memory-aware`: whether tests wait until there is memory for their expected peaks.

use super::truth::truth;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const MEMORY_AWARE: Key = Key {
    name: "memory-aware",
    variable: Some("ISOTEST_MEMORY_AWARE"),
    about: "Whether tests wait until there is memory for what they are expected to use",
    form: form::truth,
    example: "false",
    default: Some("true"),
    read: |value, layer| {
        layer.memory_aware = Some(truth(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.memory_aware.as_ref(), written::truth),
};
