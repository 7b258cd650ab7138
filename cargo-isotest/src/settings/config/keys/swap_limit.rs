//! Key `swap-limit`: limit of the swap that a test uses in addition to its memory.

use super::size::size_or_zero;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const SWAP_LIMIT: Key = Key {
    name: "swap-limit",
    variable: Some("ISOTEST_SWAP_LIMIT"),
    about: "How much swap a test may use on top of `memory-limit`",
    form: form::size_or_zero,
    example: "\"64MiB\"",
    default: None,
    read: |value, layer| {
        layer.test.limits.swap = Some(size_or_zero(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.limits.swap.as_ref(), written::size),
};
