//! `jobs`: how many tests are executed at once.

use crate::settings::config::key::Key;
use std::num::NonZeroUsize;

pub(super) const JOBS: Key = Key {
    name: "jobs",
    variable: Some("ISOTEST_JOBS"),
    read: |value, layer| {
        layer.jobs = Some(Ok(value.expect(value.number::<NonZeroUsize>(), "a number above 0")?));
        Ok(())
    },
};
