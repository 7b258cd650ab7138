//! Events of a run, in the order in which they happen. Reporters turn events into text.

use crate::harness::libtest::WholeBinary;
use crate::registry::Live;
use crate::sandboxes::Sharing;
use crate::schedule::queue::{Launch, Nth};
use crate::schedule::summary::{Cancellation, Summary};
use crate::schedule::wait::Wait;
use crate::select::{Selected, Shard};
use crate::settings::TestGroups;
use crate::testcase::{TestBinary, TestCase};
use crate::verdict::Verdict;
use isotest_core::policy::Isolation;
use isotest_core::record::{PartialRecord, Record};
use std::io;
use std::time::Duration;

/// Event of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event<'a> {
    /// Start of the run: the first attempt is about to start.
    RunStarted {
        /// Isolation that is in force.
        isolation: &'a Isolation,
        /// Binaries with at least one selected test.
        binaries: &'a [std::sync::Arc<TestBinary>],
        /// Tests that will be executed, and those that are left out because they are ignored.
        selected: &'a Selected,
        /// Number of tests that are executed at once.
        jobs: usize,
        /// Number that gave the tests their random order, if they have one.
        shuffle_seed: Option<u64>,
        /// Test groups, and how many threads the tests of each may take.
        groups: &'a TestGroups,
        /// Packages whose doctests are not run.
        doctests_not_run: &'a [String],
        /// Binaries that do not speak the harness protocol and run whole.
        whole_binaries: &'a [WholeBinary],
        /// Part of all tests that the run executes, if it does not execute all.
        shard: Option<&'a Shard>,
        /// Groups of tests that have namespaces and files in common.
        sharing: &'a [Sharing],
    },
    /// Start of a setup script.
    SetupStarted {
        /// Setup script.
        script: &'a TestCase,
    },
    /// End of a setup script.
    SetupFinished {
        /// Setup script.
        script: &'a TestCase,
        /// Launch of the script: its slot, and when it started.
        launch: Launch,
        /// Verdict on the script.
        verdict: &'a Verdict,
        /// Record of the script.
        record: &'a Record,
    },
    /// End of a setup script that was killed because the run is to end.
    SetupInterrupted {
        /// Setup script.
        script: &'a TestCase,
        /// Launch of the script: its slot, and when it started.
        launch: Launch,
        /// Record of the script, as far as it is known.
        record: &'a PartialRecord,
    },
    /// Start of an attempt.
    AttemptStarted {
        /// Test that is attempted.
        test: &'a TestCase,
        /// Launch of the attempt: its number, its slot, and when it started.
        launch: Launch,
    },
    /// Change of what is waited for; it may be nothing any more.
    Waiting {
        /// Wait of the first attempt that could start, since a thread is free; `None` if none could.
        wait: Option<&'a Wait>,
    },
    /// Attempt that is running for longer than usual.
    AttemptSlow {
        /// Test, tests of one process as one, or setup script that is slow.
        test: &'a TestCase,
        /// Launch of the attempt: its number, its slot, and when it started.
        launch: Launch,
        /// Time for which the attempt has been running at least.
        time: Duration,
    },
    /// End of an attempt.
    AttemptFinished {
        /// Test that was attempted.
        test: &'a TestCase,
        /// Launch of the attempt: its number, its slot, and when it started.
        launch: Launch,
        /// Whether there will be no other attempt at the test.
        is_last: bool,
        /// Verdict on the attempt.
        verdict: &'a Verdict,
        /// Record of the attempt.
        record: &'a Record,
    },
    /// End of a process in which several tests of a binary were executed.
    ProcessFinished {
        /// Tests of the process as one, named by their number.
        process: &'a TestCase,
        /// Number of tests of the process.
        tests: usize,
        /// Launch of the attempt at the tests: its number, its slot, and when it started.
        launch: Launch,
        /// Verdict on the process.
        verdict: &'a Verdict,
        /// Record of the process. The figures are its own, and those of no test.
        record: &'a Record,
        /// Whether the output of the process is to be shown, since no test's report tells of it.
        shows_output: bool,
    },
    /// End of an attempt that was killed with the run, and has no verdict.
    AttemptInterrupted {
        /// Test that was attempted.
        test: &'a TestCase,
        /// Launch of the attempt: its number, its slot, and when it started.
        launch: Launch,
        /// Record of the attempt, as far as it is known.
        record: &'a PartialRecord,
    },
    /// Lack of further attempts at a test that has failed, although there could be one: the run has ended early.
    RetriesDropped {
        /// Test that has failed.
        test: &'a TestCase,
        /// Place of the last attempt at the test.
        nth: Nth,
    },
    /// Test that never began: the process that was to execute it, beside others of its binary, ended before.
    AttemptNotBegun {
        /// Test that did not begin.
        test: &'a TestCase,
    },
    /// Cancellation of the run: no further attempt will start, and those that run are told to end or, after a failure,
    /// awaited.
    Cancelled {
        /// Reason for the cancellation.
        by: Cancellation,
    },
    /// End of the run: nothing more will happen.
    RunFinished {
        /// Counts and peaks of the run.
        summary: &'a Summary,
    },
}

/// Occasion for output between events.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Between<'a> {
    /// Tick, several times a second.
    Tick,
    /// Question of somebody how the run stands, with the attempts that are running.
    Asked(&'a [RunningAttempt<'a>]),
    /// Warning that the run is about to be stopped for a while, and the screen is to be ready for others.
    Stopping,
}

/// Attempt that is running when somebody asks how the run stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunningAttempt<'a> {
    /// Test that is attempted, or several tests of one process as one.
    pub(crate) test: &'a TestCase,
    /// Time for which the attempt has been running.
    pub(crate) time: Duration,
    /// Figures of the attempt at this moment; `None` if it has just started.
    pub(crate) live: Option<Live>,
}

/// Writer of events in one format.
pub(crate) trait Reporter: Send {
    /// Writes what is to be said about an event.
    fn event(&mut self, event: &Event<'_>) -> io::Result<()>;

    /// Writes what is to be shown between events, where people watch.
    fn between(&mut self, _: Between<'_>) -> io::Result<()> {
        Ok(())
    }
}
