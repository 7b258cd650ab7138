//! Key `cpu-limit`: number of CPUs whose time a test may use.

use crate::cli;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use serde_json::json;

pub(super) const CPU_LIMIT: Key = Key {
    name: "cpu-limit",
    variable: Some("ISOTEST_CPU_LIMIT"),
    about: "The CPU time of how many CPUs a test may use",
    form: || json!({ "type": "number", "minimum": 0.01, "maximum": 100_000 }),
    example: "1.5",
    default: None,
    read: |value, layer| {
        let thousandths = value.number::<f64>().and_then(|number| cli::thousandths(number).ok());
        layer.test.limits.cpu =
            Some(value.expect(thousandths, "a number of CPUs from 0.01 to 100000, such as 1.5")?);
        Ok(())
    },
    said: |layer| {
        let limit = layer.test.limits.cpu.as_ref();
        written::one(limit, |thousandths| toml::Value::Float(f64::from(thousandths) / 1000.0))
    },
};
