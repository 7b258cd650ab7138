//! `history`: whether what becomes of tests is kept, and used in later runs.

use super::truth::truth;
use crate::settings::config::key::Key;

pub(super) const HISTORY: Key = Key {
    name: "history",
    variable: Some("ISOTEST_HISTORY"),
    read: |value, layer| {
        layer.history = Some(truth(value)?);
        Ok(())
    },
};
