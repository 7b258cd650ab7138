//! `jobs`: how many tests are executed at once.

use crate::settings::config::key::Key;
use crate::settings::config::value::Value;
use crate::values::Jobs;

pub(super) const JOBS: Key = Key {
    name: "jobs",
    variable: Some("ISOTEST_JOBS"),
    read: |value, layer| {
        layer.jobs = Some(Ok(value.expect(number_of_jobs(value), Jobs::EXPECTED)?));
        Ok(())
    },
};

/// Reads a number of tests that run at once.
pub(crate) fn number_of_jobs(value: Value<'_>) -> Option<Jobs> {
    match value.text() {
        Some(Jobs::CPUS) => Some(Jobs::CpusBut(0)),
        _ => value.number().and_then(Jobs::from_number),
    }
}
