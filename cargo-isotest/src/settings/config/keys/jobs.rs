//! `jobs`: how many tests are executed at once.

use crate::settings::config::key::Key;
use crate::values::Jobs;

pub(super) const JOBS: Key = Key {
    name: "jobs",
    variable: Some("ISOTEST_JOBS"),
    read: |value, layer| {
        let jobs = match value.text() {
            Some(Jobs::CPUS) => Some(Jobs::CpusBut(0)),
            _ => value.number().and_then(Jobs::from_number),
        };
        layer.jobs = Some(Ok(value.expect(jobs, Jobs::EXPECTED)?));
        Ok(())
    },
};
