//! Key `fail-on-leak`: whether a test fails if it leaves a process running.

use super::truth::truth;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const FAIL_ON_LEAK: Key = Key {
    name: "fail-on-leak",
    variable: Some("ISOTEST_FAIL_ON_LEAK"),
    about: "Whether a test fails that leaves a process running",
    form: form::truth,
    example: "true",
    default: Some("false"),
    read: |value, layer| {
        layer.test.fail_on_leak = Some(truth(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.fail_on_leak.as_ref(), written::truth),
};
