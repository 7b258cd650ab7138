//! `slow-timeout`: after which time a test is slow, and after which it is ended.

use crate::settings::config::key::Key;
use crate::values::SlowTimeout;

pub(super) const SLOW_TIMEOUT: Key = Key {
    name: "slow-timeout",
    variable: Some("ISOTEST_SLOW_TIMEOUT"),
    read: |value, layer| {
        let slow = value.as_typed().and_then(|text| SlowTimeout::read(text).ok());
        let slow = slow.filter(|slow| !slow.period.is_zero());
        let expected =
            "a time above 0 with its unit, or a table such as { period = \"60s\", terminate-after = 2 }";
        layer.test.slow_timeout = Some(value.expect(slow, expected)?);
        Ok(())
    },
};
