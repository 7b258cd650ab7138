//! What happens in a run, in the order in which it happens. Reporters turn events into text.

use crate::harness::libtest::WholeBinary;
use crate::registry::Live;
use crate::sandboxes::Sharing;
use crate::schedule::queue::{Launch, Nth};
use crate::schedule::summary::{Cancellation, Summary};
use crate::schedule::wait::Wait;
use crate::select::Shard;
use crate::settings::TestGroups;
use crate::testcase::{TestBinary, TestCase};
use crate::verdict::Verdict;
use isotest_core::policy::Isolation;
use isotest_core::record::{PartialRecord, Record};
use std::io;
use std::time::Duration;

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
        /// The tests that are left out because they are ignored.
        ignored: &'a [TestCase],
        /// How many at once.
        jobs: usize,
        /// The number that gave the tests their random order, if they have one.
        shuffle_seed: Option<u64>,
        /// The test groups, and how many threads the tests of each may take.
        groups: &'a TestGroups,
        /// The packages whose doctests are not run.
        doctests_not_run: &'a [String],
        /// The binaries that do not speak the harness protocol and run whole.
        whole_binaries: &'a [WholeBinary],
        /// Which part of all tests they are, if they are one.
        shard: Option<&'a Shard>,
        /// Which tests have namespaces and files in common.
        sharing: &'a [Sharing],
    },
    /// A setup script has started.
    SetupStarted {
        /// The script.
        script: &'a TestCase,
    },
    /// A setup script has ended.
    SetupFinished {
        /// The script.
        script: &'a TestCase,
        /// In which slot, and when it started.
        launch: Launch,
        /// What its end means.
        verdict: &'a Verdict,
        /// Its report.
        record: &'a Record,
    },
    /// A setup script was killed because the run is to end.
    SetupInterrupted {
        /// The script.
        script: &'a TestCase,
        /// In which slot, and when it started.
        launch: Launch,
        /// What is known of it.
        record: &'a PartialRecord,
    },
    /// An attempt has started.
    AttemptStarted {
        /// Of this test.
        test: &'a TestCase,
        /// Which, in which slot, and when.
        launch: Launch,
    },
    /// Something else is waited for, or nothing any more.
    Waiting {
        /// What the first of those waits for that could start, since a thread is free; nothing if none could.
        wait: Option<&'a Wait>,
    },
    /// An attempt is running for longer than usual.
    AttemptSlow {
        /// Of this test, of several in one process, or of this setup script.
        test: &'a TestCase,
        /// Which, in which slot, and when it started.
        launch: Launch,
        /// For how long it has been running at least.
        time: Duration,
    },
    /// An attempt has ended.
    AttemptFinished {
        /// Of this test.
        test: &'a TestCase,
        /// Which, in which slot, and when it started.
        launch: Launch,
        /// Whether there will be no other at the test.
        is_last: bool,
        /// What its end means.
        verdict: &'a Verdict,
        /// Its report.
        record: &'a Record,
    },
    /// A process has ended in which several tests of a binary were executed.
    ProcessFinished {
        /// Its tests as one, named by their number.
        process: &'a TestCase,
        /// How many there were.
        tests: usize,
        /// Which attempt at them it was, in which slot, and when it started.
        launch: Launch,
        /// What its end means.
        verdict: &'a Verdict,
        /// Its report. The figures are its own, and those of no test.
        record: &'a Record,
        /// Whether what it wrote is to be shown, since no test's report tells of it.
        shows_output: bool,
    },
    /// An attempt was killed with the run, and has no verdict.
    AttemptInterrupted {
        /// Of this test.
        test: &'a TestCase,
        /// Which, in which slot, and when it started.
        launch: Launch,
        /// What is known of it.
        record: &'a PartialRecord,
    },
    /// No further attempt will be made at a test that has failed, although there could be one: the run has ended early.
    RetriesDropped {
        /// The test.
        test: &'a TestCase,
        /// Its last attempt.
        nth: Nth,
    },
    /// The process that was to execute a test, beside others of its binary, ended before the test began.
    AttemptNotBegun {
        /// The test.
        test: &'a TestCase,
    },
    /// No further attempt will start, and those that run are killed or, after a failure, awaited.
    Cancelled {
        /// Why.
        by: Cancellation,
    },
    /// Nothing more will happen.
    RunFinished {
        /// The counts and peaks.
        summary: &'a Summary,
    },
}

/// What happens between events.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Between<'a> {
    /// Nothing; heard several times a second.
    Tick,
    /// Somebody asks how the run stands: these attempts are running.
    Asked(&'a [RunningAttempt<'a>]),
    /// The run is about to be stopped for a while, and the screen is to be ready for others.
    Stopping,
}

/// An attempt that is running when somebody asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunningAttempt<'a> {
    /// At this test, or at several in one process.
    pub(crate) test: &'a TestCase,
    /// For how long.
    pub(crate) time: Duration,
    /// What it has at this moment; `None` if it has just started.
    pub(crate) live: Option<Live>,
}

/// Writes events in one format.
pub(crate) trait Reporter: Send {
    /// Writes what is to be said about an event.
    fn event(&mut self, event: &Event<'_>) -> io::Result<()>;

    /// Does what is to be done between events, where people watch.
    fn between(&mut self, _: Between<'_>) -> io::Result<()> {
        Ok(())
    }
}
