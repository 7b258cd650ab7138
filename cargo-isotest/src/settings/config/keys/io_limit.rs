//! Key `io-limit`: limit of the bytes that a test reads, and of those that it writes, per second and block device.

use super::size::size;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const IO_LIMIT: Key = Key {
    name: "io-limit",
    variable: Some("ISOTEST_IO_LIMIT"),
    about: "How much a test may read, and how much it may write, per second and block device",
    form: form::size,
    example: "\"10MiB\"",
    default: None,
    read: |value, layer| {
        layer.test.limits.io = Some(size(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.limits.io.as_ref(), written::size),
};
