//! What the environment of a test says of the job slot it is executed in.

use std::ffi::{OsStr, OsString};

/// What we add for the test that is executed in this job slot. Slots are counted from 0.
///
/// Tests that share a machine by cargo-nextest's variables find what is as true here: each has a process of its own, and
/// no two that run at once have the same slot. `NEXTEST` itself is not set: some tests do something else where it is, and
/// what passes under `cargo test` is to pass here.
pub(crate) fn additions(slot: usize) -> [(&'static OsStr, OsString); 6] {
    let slot = OsString::from(slot.to_string());
    [
        (OsStr::new("ISOTEST"), "1".into()),
        (OsStr::new("ISOTEST_SLOT"), slot.clone()),
        (OsStr::new("NEXTEST_EXECUTION_MODE"), "process-per-test".into()),
        (OsStr::new("NEXTEST_TEST_GLOBAL_SLOT"), slot),
        // As nextest says it of a test in no group.
        (OsStr::new("NEXTEST_TEST_GROUP"), "@global".into()),
        (OsStr::new("NEXTEST_TEST_GROUP_SLOT"), "none".into()),
    ]
}
