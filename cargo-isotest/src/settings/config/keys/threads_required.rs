//! `threads-required`: how many of the threads of a run a test takes.

use crate::settings::config::key::Key;
use crate::values::ThreadsRequired;

pub(super) const THREADS_REQUIRED: Key = Key {
    name: "threads-required",
    variable: None,
    read: |value, layer| {
        let threads = value.as_typed().and_then(ThreadsRequired::read);
        layer.test.threads_required = Some(value.expect(threads, ThreadsRequired::EXPECTED)?);
        Ok(())
    },
};
