//! `cpus`: the CPUs that a test is executed on.

use crate::cli::{self, Processors};
use crate::settings::config::key::Key;

pub(super) const CPUS: Key = Key {
    name: "cpus",
    variable: Some("ISOTEST_CPUS"),
    read: |value, layer| {
        let cpus = value.text().and_then(|text| cli::cpus(text).ok()).map(|Processors(numbers)| numbers);
        let expected = "numbers of CPUs from 0 to 1023 and ranges of them, such as \"0-2,4\"";
        layer.test.limits.cpus = Some(value.expect(cpus, expected)?);
        Ok(())
    },
};
