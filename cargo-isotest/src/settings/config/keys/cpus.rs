//! Key `cpus`: CPUs on which a test is executed.

use crate::cli::{self, Processors};
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const CPUS: Key = Key {
    name: "cpus",
    variable: Some("ISOTEST_CPUS"),
    about: "The CPUs that a test runs on: numbers and ranges of them",
    form: || form::pattern("^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$"),
    example: "\"0-2,4\"",
    default: None,
    read: |value, layer| {
        let cpus = value.text().and_then(|text| cli::cpus(text).ok()).map(|Processors(numbers)| numbers);
        let expected = "numbers of CPUs from 0 to 1023 and ranges of them, such as \"0-2,4\"";
        layer.test.limits.cpus = Some(value.expect(cpus, expected)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.limits.cpus.as_ref(), |cpus| toml::Value::String(ranges(&cpus))),
};

/// Formats sorted numbers, with consecutive numbers as ranges.
fn ranges(numbers: &[usize]) -> String {
    let parts = numbers.chunk_by(|one, next| one + 1 == *next).filter_map(|range| {
        let (first, last) = (range.first()?, range.last()?);
        Some(if first == last { first.to_string() } else { format!("{first}-{last}") })
    });
    parts.collect::<Vec<_>>().join(",")
}
