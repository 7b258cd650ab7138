//! Key `trace-missing`: whether paths are reported that tests look for and that do not exist.

use super::truth::truth;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const TRACE_MISSING: Key = Key {
    name: "trace-missing",
    variable: Some("ISOTEST_TRACE_MISSING"),
    about: "Whether the host paths are reported that tests look for and the sandbox hides",
    form: form::truth,
    example: "true",
    default: Some("false"),
    read: |value, layer| {
        layer.trace_missing = Some(truth(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.trace_missing.as_ref(), written::truth),
};
