//! Key `jobs`: number of tests that are executed at once.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::value::Value;
use crate::settings::config::written;
use crate::settings::layer::Layer;
use crate::settings::setting::Setting;
use crate::values::Jobs;
use serde_json::json;
use std::num::NonZeroUsize;

pub(crate) const JOBS: Key = Key {
    name: "jobs",
    variable: Some("ISOTEST_JOBS"),
    about: "How many tests run simultaneously: a number, a negative one (so many fewer than CPUs), or `num-cpus`",
    form: form_of_jobs,
    example: "2",
    default: Some("\"num-cpus\""),
    read: |value, layer| {
        layer.jobs = Some(Ok(value.expect(number_of_jobs(value), Jobs::EXPECTED)?));
        Ok(())
    },
    said,
};

/// Reads a number of tests that are executed at once.
pub(crate) fn number_of_jobs(value: Value<'_>) -> Option<Jobs> {
    match value.text() {
        Some(Jobs::CPUS) => Some(Jobs::CpusBut(0)),
        _ => value.number().and_then(Jobs::from_number),
    }
}

/// Returns the number of jobs: 1 by default if output is not captured, since several tests at one terminal could not
/// be told apart.
fn said(layer: &Layer) -> Vec<Setting<toml::Value>> {
    let jobs = layer.jobs.as_ref().and_then(|jobs| jobs.as_ref().ok()).copied();
    let of_terminal = || {
        layer
            .capture
            .filter(|capture| !capture.value)
            .map(|capture| capture.map(|_| Jobs::Number(NonZeroUsize::MIN)))
    };
    written::one(jobs.or_else(of_terminal).as_ref(), written_jobs)
}

/// Makes the schema of a number of tests that are executed at once.
pub(crate) fn form_of_jobs() -> serde_json::Value {
    form::either([form::from(1), form::up_to(-1), json!({ "const": Jobs::CPUS })])
}

/// Writes a number of tests that are executed at once.
pub(crate) fn written_jobs(jobs: Jobs) -> toml::Value {
    match jobs {
        Jobs::Number(number) => written::number(number.get() as u64),
        Jobs::CpusBut(0) => toml::Value::String(Jobs::CPUS.to_owned()),
        Jobs::CpusBut(fewer) => toml::Value::Integer(-i64::try_from(fewer).unwrap_or(i64::MAX)),
    }
}
