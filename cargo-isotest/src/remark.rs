//! Remarks: what a run tells of itself before its first test, except the isolation in force. Pure.

use crate::text::units::plural;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Remark on a run, told before its first test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Remark {
    /// Remark of the library, on the sandbox.
    #[error("{0}")]
    Sandbox(String),
    /// Remark that holds for some tests only.
    #[error("for {}{}: {remark}", plural(*.tests, "test"), set_in(.origin.as_ref()))]
    Some {
        /// Number of tests.
        tests: usize,
        /// Place of the setting that these tests have.
        origin: Option<String>,
        /// Remark.
        remark: Box<Self>,
    },
    /// Capability that some tests have and the others have not.
    #[error("`{capability}` is in force for {}{}", plural(*.tests, "test"), set_in(.origin.as_ref()))]
    InForce {
        /// Name of the capability.
        capability: &'static str,
        /// Number of tests.
        tests: usize,
        /// Place of the setting that these tests have.
        origin: Option<String>,
    },
    /// Capability that some tests lack.
    #[error("no `{capability}` for {} ({reason}){}", plural(*.tests, "test"), set_in(.origin.as_ref()))]
    Missing {
        /// Name of the capability.
        capability: &'static str,
        /// Number of tests.
        tests: usize,
        /// Reason why it is missing.
        reason: String,
        /// Place of the setting that these tests have.
        origin: Option<String>,
    },
    /// Capability that is switched off for some tests.
    #[error("`{capability}` is off for {}{}", plural(*.tests, "test"), set_in(.origin.as_ref()))]
    Off {
        /// Name of the capability.
        capability: &'static str,
        /// Number of tests.
        tests: usize,
        /// Place of the setting that these tests have.
        origin: Option<String>,
    },
    /// Tests of one binary that share network and files.
    #[error("`per-binary`: the {} of {binary} share network and files, and run one after another", plural(*.tests, "test"))]
    OneShares {
        /// Number of tests.
        tests: usize,
        /// Id of the binary.
        binary: String,
    },
    /// Tests of a binary or several that share network and files in groups.
    #[error("`per-binary`: {tests} tests of {} share network and files with {}, and run one after another there", owners(.binaries), sharers(.binaries.len(), *.groups))]
    SeveralShare {
        /// Number of tests.
        tests: usize,
        /// Ids of the binaries.
        binaries: Vec<String>,
        /// Number of groups.
        groups: usize,
    },
    /// Tests that update files, whose changes are kept.
    #[error(
        "{variable} asks tests to update files: changes to the workspace are kept, and the tests of a binary share one process, \
         as with `cargo test`; use `--discard-updates` to prevent both{}", lost(*.retries, *.max_fail)
    )]
    Updates {
        /// Environment variable by which tests are asked to update files.
        variable: &'static str,
        /// Whether retries were asked for, which there are none of.
        retries: bool,
        /// Whether an end after some failures was asked for, which holds between binaries only.
        max_fail: bool,
    },
    /// Tests that update files, whose changes are discarded.
    #[error("{0} asks tests to update files, but their changes are discarded")]
    UpdatesDiscarded(&'static str),
    /// Tests that update files, whose changes are discarded except in kept directories.
    #[error(
        "{0} asks tests to update files, and changes to kept directories persist: tests in several processes may update the \
         wrong places of a file"
    )]
    UpdatesKeptInPart(&'static str),
    /// Root file system that is the host's for some tests.
    #[error("the root file system is the host's")]
    HostRoot,
    /// Root file system that is a directory.
    #[error("the root file system is `{}`, not the host's", .0.display())]
    OtherRoot(PathBuf),
    /// Number of device nodes and named pipes that were not unpacked.
    #[error("device nodes and named pipes of the archive were skipped: {0} in all")]
    NodesSkipped(u64),
    /// Environment variables that a container image sets.
    #[error("the image sets {}; except for `PATH`, variables that tests already have take precedence", .0.join(", "))]
    ImageSets(Vec<String>),
    /// User and directory of a container image, which are not used.
    #[error("the image's {} {} not used: tests keep their own", .0.join(" and "), if .0.len() == 1 { "is" } else { "are" })]
    ImageUnused(Vec<String>),
    /// Root file system of the program and its libraries.
    #[error("of the host, only the program, its libraries and bound paths are visible")]
    MinimalRoot,
    /// Number of jobs that is lower than requested.
    #[error(
        "{most} of {jobs} jobs are executed at once: all of them need {needed} open files, and no more than {allowed} are \
         allowed (`ulimit -Hn`)"
    )]
    FewerJobs {
        /// Number of jobs.
        most: NonZeroUsize,
        /// Requested number of jobs.
        jobs: NonZeroUsize,
        /// Number of open files that the requested jobs need.
        needed: usize,
        /// Allowed number of open files.
        allowed: usize,
    },
    /// Reason why other processes cannot ask for the attempts that are running.
    #[error("`cargo isotest ps` cannot show this run: {0}")]
    NotShown(String),
    /// Budget without a test.
    #[error("the budget at {place} holds for no test: `{binary}` has none named `{test}`")]
    UnusedBudget {
        /// File and line of the budget.
        place: String,
        /// Id of the binary.
        binary: String,
        /// Name of the missing test.
        test: String,
    },
    /// Budgets that fail no test of a binary.
    #[error("budgets of `{binary}` are reported and fail no test: it is {what}")]
    UnenforcedBudgets {
        /// Id of the binary.
        binary: String,
        /// Reason why the figures of the binary are not those of its tests.
        what: String,
    },
    /// Override without a test.
    #[error("the override in {place} holds for no test: `{filter}`")]
    UnusedOverride {
        /// Place of the override.
        place: String,
        /// Filter of the override.
        filter: String,
    },
    /// Number of tests that share a process and whose overrides do not hold.
    #[error("overrides are not applied to tests that share a process: {} would have had some", plural(*.0, "test"))]
    UnheldOverrides(usize),
    /// Configuration of cargo-nextest that is not read.
    #[error(
        "`.config/nextest.toml` is not read; `--nextest-config` takes its settings over, and lists those that it cannot"
    )]
    NextestConfig,
    /// Baseline of other conditions.
    #[error(
        "nothing is compared with the baseline `{baseline}`, which is of other conditions: {}{}",
        .differences.join("; "), if *.is_enforced { "; so no test fails for growth" } else { "" }
    )]
    NotCompared {
        /// Name of the baseline.
        baseline: String,
        /// Conditions that differ.
        differences: Vec<String>,
        /// Whether growth was to fail tests.
        is_enforced: bool,
    },
    /// Tests without a peak in the baseline.
    #[error("the baseline `{baseline}` knows nothing of {}", plural(*.tests, "test"))]
    NotInBaseline {
        /// Name of the baseline.
        baseline: String,
        /// Number of tests.
        tests: usize,
    },
    /// Environment variable whose value is too short to be removed from reports.
    #[error("`redact` leaves the value of `{0}` in reports: it has fewer than 4 characters")]
    NotRedacted(String),
    /// Filter that selects no test.
    #[error("the filter `{0}` is in no test's name")]
    UnmatchedFilter(String),
    /// Number of times that Slurm has started a shard before.
    #[error("Slurm has started this shard before ({}): some of its tests are executed again", plural(*.0, "time"))]
    Requeued(usize),
    /// Tests that the default filter leaves out.
    #[error("{} left out by {origin}; `--ignore-default-filter` runs them, too", plural(*.tests, "test"))]
    LeftOut {
        /// Number of tests.
        tests: usize,
        /// Place of the filter.
        origin: String,
    },
    /// Seed of a random order.
    #[error("tests start in random order; `--shuffle={0}` repeats it")]
    Shuffled(u64),
    /// Packages whose doctests are not executed.
    #[error("doctests are run by `--doc`, not here: {}", .0.join(", "))]
    NoDoctests(Vec<String>),
    /// Binary that is executed as one test.
    #[error("{binary} does not speak the test harness protocol and runs whole, as one test: {reason}")]
    Whole {
        /// Id of the binary.
        binary: String,
        /// Reason.
        reason: String,
    },
}

/// Says where the setting is that makes some tests differ.
fn set_in(origin: Option<&String>) -> String {
    origin.map_or_else(String::new, |origin| format!(", {origin}"))
}

/// Names the binary of tests that share network and files, or counts the binaries.
fn owners(binaries: &[String]) -> String {
    match binaries {
        [one] => one.clone(),
        several => format!("{} binaries", several.len()),
    }
}

/// Says with which tests a test shares network and files.
fn sharers(binaries: usize, groups: usize) -> String {
    if groups == binaries {
        "the others of their binary".to_owned()
    } else {
        format!("those of their binary that see the same, in {groups} groups")
    }
}

/// Says what is lost where tests of a binary share one process.
const fn lost(retries: bool, max_fail: bool) -> &'static str {
    match (retries, max_fail) {
        (false, false) => "",
        (true, false) => ". Tests are not retried",
        (false, true) => ". After a failure, only tests of other binaries are prevented from starting",
        (true, true) => {
            ". Tests are not retried and, after a failure, only tests of other binaries are prevented from starting"
        }
    }
}

impl Remark {
    /// Returns the remark for some tests only.
    pub(crate) fn for_some(self, tests: usize, origin: Option<String>) -> Self {
        Self::Some { tests, origin, remark: Box::new(self) }
    }
}
