//! Key `per-binary`: whether the tests of a binary share namespaces and files.

use super::truth::truth;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const PER_BINARY: Key = Key {
    name: "per-binary",
    variable: Some("ISOTEST_PER_BINARY"),
    about: "Whether the tests of a binary share network and files, one after another",
    form: form::truth,
    example: "true",
    default: Some("false"),
    read: |value, layer| {
        layer.test.per_binary = Some(truth(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.per_binary.as_ref(), written::truth),
};
