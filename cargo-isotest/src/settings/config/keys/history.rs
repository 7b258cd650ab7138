//! Key `history`: whether results of tests are kept, and used in later runs.

use super::truth::truth;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const HISTORY: Key = Key {
    name: "history",
    variable: Some("ISOTEST_HISTORY"),
    about: "Whether what becomes of tests is kept, and used in later runs",
    form: form::truth,
    example: "false",
    default: Some("true"),
    read: |value, layer| {
        layer.history = Some(truth(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.history.as_ref(), written::truth),
};
