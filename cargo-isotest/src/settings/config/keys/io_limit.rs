//! `io-limit`: how much a test may read, and how much it may write, per second and block device.

use super::size::size;
use crate::settings::config::key::Key;

pub(super) const IO_LIMIT: Key = Key {
    name: "io-limit",
    variable: Some("ISOTEST_IO_LIMIT"),
    read: |value, layer| {
        layer.test.limits.io = Some(size(value)?);
        Ok(())
    },
};
