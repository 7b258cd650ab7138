//! `swap-limit`: how much swap a test may use on top of its memory.

use super::size::size_or_zero;
use crate::settings::config::key::Key;

pub(super) const SWAP_LIMIT: Key = Key {
    name: "swap-limit",
    variable: Some("ISOTEST_SWAP_LIMIT"),
    read: |value, layer| {
        layer.test.limits.swap = Some(size_or_zero(value)?);
        Ok(())
    },
};
