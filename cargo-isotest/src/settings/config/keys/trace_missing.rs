//! `trace-missing`: whether the paths are told that tests look for and that are not there.

use super::truth::truth;
use crate::settings::config::key::Key;

pub(super) const TRACE_MISSING: Key = Key {
    name: "trace-missing",
    variable: Some("ISOTEST_TRACE_MISSING"),
    read: |value, layer| {
        layer.trace_missing = Some(truth(value)?);
        Ok(())
    },
};
