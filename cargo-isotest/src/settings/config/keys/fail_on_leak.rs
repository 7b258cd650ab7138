//! `fail-on-leak`: whether a test has failed that leaves a process running.

use super::truth::truth;
use crate::settings::config::key::Key;

pub(super) const FAIL_ON_LEAK: Key = Key {
    name: "fail-on-leak",
    variable: Some("ISOTEST_FAIL_ON_LEAK"),
    read: |value, layer| {
        layer.test.fail_on_leak = Some(truth(value)?);
        Ok(())
    },
};
