//! Key `priority`: rank of a test in the order in which tests start.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::values::Priority;

pub(crate) const PRIORITY: Key = Key {
    name: "priority",
    variable: None,
    about: "Which tests a test starts before: of those that can start, the one with the highest priority does",
    form: || form::between(-100, 100),
    example: "50",
    default: Some("0"),
    read: |value, layer| {
        let priority = value.number().and_then(Priority::from_number);
        layer.test.priority = Some(value.expect(priority, Priority::EXPECTED)?);
        Ok(())
    },
    said: |layer| {
        let priority = layer.test.priority.as_ref();
        written::one(priority, |priority| toml::Value::Integer(i8::from(priority).into()))
    },
};
