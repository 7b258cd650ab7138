//! `priority`: which tests a test starts before.

use crate::settings::config::key::Key;
use crate::values::Priority;

pub(super) const PRIORITY: Key = Key {
    name: "priority",
    variable: None,
    read: |value, layer| {
        let priority = value.number().and_then(Priority::from_number);
        layer.test.priority = Some(value.expect(priority, Priority::EXPECTED)?);
        Ok(())
    },
};
