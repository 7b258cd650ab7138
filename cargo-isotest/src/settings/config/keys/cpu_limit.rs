//! `cpu-limit`: the time of how many CPUs a test may use.

use crate::cli;
use crate::settings::config::key::Key;

pub(super) const CPU_LIMIT: Key = Key {
    name: "cpu-limit",
    variable: Some("ISOTEST_CPU_LIMIT"),
    read: |value, layer| {
        let thousandths = value.number::<f64>().and_then(|number| cli::thousandths(number).ok());
        layer.test.limits.cpu =
            Some(value.expect(thousandths, "a number of CPUs from 0.01 to 100000, such as 1.5")?);
        Ok(())
    },
};
