//! Key `pids-limit`: limit of the processes and threads of a test.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const PIDS_LIMIT: Key = Key {
    name: "pids-limit",
    variable: Some("ISOTEST_PIDS_LIMIT"),
    about: "How many processes and threads a test may have",
    form: || form::between(1, 4 << 20),
    example: "100",
    default: None,
    read: |value, layer| {
        let number = value.number::<u64>().filter(|number| (1..=4 << 20).contains(number));
        layer.test.limits.pids = Some(value.expect(number, "a number from 1 to 4194304")?);
        Ok(())
    },
    said: |layer| written::one(layer.test.limits.pids.as_ref(), written::number),
};
