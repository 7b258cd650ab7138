//! Key `cpu-weight`: share of CPU time of a test when CPUs are busy.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const CPU_WEIGHT: Key = Key {
    name: "cpu-weight",
    variable: Some("ISOTEST_CPU_WEIGHT"),
    about: "The share of CPU time of a test when CPUs are busy; the kernel's default is 100",
    form: || form::between(1, 10_000),
    example: "512",
    default: None,
    read: |value, layer| {
        let weight = value.number::<u32>().filter(|weight| (1..=10_000).contains(weight));
        layer.test.limits.cpu_weight = Some(value.expect(weight, "a number from 1 to 10000")?);
        Ok(())
    },
    said: |layer| {
        written::one(layer.test.limits.cpu_weight.as_ref(), |weight| written::number(weight.into()))
    },
};
