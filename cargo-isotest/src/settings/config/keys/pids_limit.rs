//! `pids-limit`: how many processes and threads a test may have.

use crate::settings::config::key::Key;

pub(super) const PIDS_LIMIT: Key = Key {
    name: "pids-limit",
    variable: Some("ISOTEST_PIDS_LIMIT"),
    read: |value, layer| {
        let number = value.number::<u64>().filter(|number| *number > 0);
        layer.test.limits.pids = Some(value.expect(number, "a number above 0")?);
        Ok(())
    },
};
