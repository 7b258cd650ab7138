//! Key `top`: number of tests in the lists of the highest peaks and longest times.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const TOP: Key = Key {
    name: "top",
    variable: Some("ISOTEST_TOP"),
    about: "How many tests with the highest memory peaks, and how many of the slowest, are listed when the run has ended",
    form: || form::from(0),
    example: "5",
    default: Some("0"),
    read: |value, layer| {
        layer.display.top = Some(value.expect(value.number(), "a number of tests")?);
        Ok(())
    },
    said: |layer| written::one(layer.display.top.as_ref(), |number| written::number(number as u64)),
};
