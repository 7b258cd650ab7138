//! `fail-fast`: whether no further test starts once one has failed.

use super::truth::truth;
use crate::settings::config::key::Key;

pub(super) const FAIL_FAST: Key = Key {
    name: "fail-fast",
    variable: Some("ISOTEST_FAIL_FAST"),
    read: |value, layer| {
        layer.fail_fast = Some(truth(value)?);
        Ok(())
    },
};
