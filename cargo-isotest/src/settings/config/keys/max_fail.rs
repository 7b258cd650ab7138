//! `max-fail`: after how many failures no further test starts.

use crate::settings::config::key::Key;
use crate::values::MaxFail;

pub(super) const MAX_FAIL: Key = Key {
    name: "max-fail",
    variable: Some("ISOTEST_MAX_FAIL"),
    read: |value, layer| {
        let most = value.as_typed().and_then(|text| MaxFail::read(text).ok());
        let expected = "a number above 0, \"all\", or a number with a mode such as \"3:immediate\"";
        layer.max_fail = Some(value.expect(most, expected)?);
        Ok(())
    },
};
