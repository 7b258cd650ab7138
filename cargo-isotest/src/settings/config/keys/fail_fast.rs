//! `fail-fast`: whether no further test starts once one has failed.

use super::truth::truth;
use crate::settings::config::key::Key;
use crate::values::MaxFail;

pub(super) const FAIL_FAST: Key = Key {
    name: "fail-fast",
    variable: Some("ISOTEST_FAIL_FAST"),
    read: |value, layer| {
        layer.max_fail = Some(truth(value)?.map(MaxFail::fail_fast));
        Ok(())
    },
};
