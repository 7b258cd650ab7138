//! Key `threads-required`: number of threads of the run that a test takes.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::values::ThreadsRequired;

pub(crate) const THREADS_REQUIRED: Key = Key {
    name: "threads-required",
    variable: None,
    about: "How many of the threads of a run a test takes: a number, `num-cpus` or `num-test-threads`",
    form: || form::either([form::from(1), form::pattern("^(num-cpus|num-test-threads|[0-9]+)$")]),
    example: "2",
    default: Some("1"),
    read: |value, layer| {
        let threads = value.as_typed().and_then(|text| ThreadsRequired::read(&text));
        layer.test.threads_required = Some(value.expect(threads, ThreadsRequired::EXPECTED)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.threads_required.as_ref(), written),
};

fn written(threads: ThreadsRequired) -> toml::Value {
    match threads {
        ThreadsRequired::Number(number) => written::number(number.get() as u64),
        ThreadsRequired::Cpus => toml::Value::String("num-cpus".to_owned()),
        ThreadsRequired::TestThreads => toml::Value::String("num-test-threads".to_owned()),
    }
}
