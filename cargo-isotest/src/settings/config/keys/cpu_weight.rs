//! `cpu-weight`: the share of a test of CPUs that are busy.

use crate::settings::config::key::Key;

pub(super) const CPU_WEIGHT: Key = Key {
    name: "cpu-weight",
    variable: Some("ISOTEST_CPU_WEIGHT"),
    read: |value, layer| {
        let weight = value.number::<u32>().filter(|weight| (1..=10_000).contains(weight));
        layer.test.limits.cpu_weight = Some(value.expect(weight, "a number from 1 to 10000")?);
        Ok(())
    },
};
