//! Key `fail-fast`: whether no further test starts once one has failed.

use super::truth::truth;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::values::MaxFail;

pub(super) const FAIL_FAST: Key = Key {
    name: "fail-fast",
    variable: Some("ISOTEST_FAIL_FAST"),
    about: "Whether no further test starts once one has failed",
    form: form::truth,
    example: "true",
    default: Some("false"),
    read: |value, layer| {
        layer.max_fail = Some(truth(value)?.map(MaxFail::fail_fast));
        Ok(())
    },
    said: |layer| {
        written::one(layer.max_fail.as_ref(), |most| written::truth(most == MaxFail::fail_fast(true)))
    },
};
