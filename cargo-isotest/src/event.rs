//! What happens in a run, in the order in which it happens. Reporters turn events into text.

use crate::summary::Summary;
use crate::testcase::{TestBinary, TestCase};
use isotest_core::policy::Isolation;
use isotest_core::record::Record;

/// One happening.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event<'a> {
    /// The first attempt is about to start.
    RunStarted {
        /// What is in force.
        isolation: &'a Isolation,
        /// The binaries with at least one selected test.
        binaries: &'a [std::sync::Arc<TestBinary>],
        /// How many tests will be executed.
        tests: usize,
        /// How many at once.
        jobs: usize,
    },
    /// An attempt has started.
    AttemptStarted {
        /// Of this test.
        test: &'a TestCase,
    },
    /// An attempt has ended.
    AttemptFinished {
        /// Of this test.
        test: &'a TestCase,
        /// The first attempt is 1.
        attempt: u32,
        /// Its report.
        record: &'a Record,
    },
    /// Nothing more will happen.
    RunFinished {
        /// The counts and peaks.
        summary: &'a Summary,
    },
}
