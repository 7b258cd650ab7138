//! The counts and peaks of a run, accumulated attempt by attempt.

use crate::testcase::TestCase;
use isotest_core::outcome::Outcome;
use isotest_core::record::Record;
use std::time::Duration;

/// What was chosen before the first attempt started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Tests to execute.
    pub(crate) selected: usize,
    /// Tests the harness ignores and nobody asked for.
    pub(crate) ignored: usize,
    /// Tests the filters left out.
    pub(crate) filtered_out: usize,
}

/// How many attempts had each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// [`Outcome::Passed`].
    pub(crate) passed: usize,
    /// [`Outcome::Failed`].
    pub(crate) failed: usize,
    /// [`Outcome::Signaled`].
    pub(crate) signaled: usize,
    /// [`Outcome::TimedOut`].
    pub(crate) timed_out: usize,
    /// [`Outcome::OomKilled`].
    pub(crate) oom_killed: usize,
    /// [`Outcome::Leaked`].
    pub(crate) leaked: usize,
    /// [`Outcome::NotIsolated`].
    pub(crate) not_isolated: usize,
}

impl Counts {
    fn add(&mut self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Passed => &mut self.passed,
            Outcome::Failed { .. } => &mut self.failed,
            Outcome::Signaled { .. } => &mut self.signaled,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::OomKilled => &mut self.oom_killed,
            Outcome::Leaked => &mut self.leaked,
            Outcome::NotIsolated(_) => &mut self.not_isolated,
        };
        *count += 1;
    }

    /// All of them.
    pub(crate) const fn total(self) -> usize {
        self.passed
            + self.failed
            + self.signaled
            + self.timed_out
            + self.oom_killed
            + self.leaked
            + self.not_isolated
    }
}

/// The highest memory peak and whose it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HighestPeak {
    /// The peak.
    pub(crate) bytes: u64,
    /// Whether it is only about right.
    pub(crate) approximate: bool,
    /// The test's binary.
    pub(crate) binary_id: String,
    /// The test's name.
    pub(crate) name: String,
}

/// Why a run ended before all its tests had been executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancellation {
    /// The run was sent this signal.
    Signal(i32),
    /// A test failed, and the run stops at the first failure.
    FailFast,
}

/// The whole run in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// What was to be executed.
    pub(crate) selection: Selection,
    /// Whether a leak is a failure.
    pub(crate) leaks_fail: bool,
    /// What became of it.
    pub(crate) counts: Counts,
    /// How many processes that executed several tests have failed although none of the tests has.
    pub(crate) failed_processes: usize,
    /// The tests that were being executed when the run was cancelled, and were killed.
    pub(crate) interrupted: Vec<TestCase>,
    /// How many attempts have figures that are not to be trusted.
    pub(crate) suspect: usize,
    /// The highest memory peak; `None` if none was measured.
    pub(crate) peak: Option<HighestPeak>,
    /// How many attempts were executed without a memory peak being measured.
    pub(crate) peak_unmeasured: usize,
    /// Processor time of all attempts; `None` if none was measured.
    pub(crate) cpu: Option<Duration>,
    /// How many attempts were executed without their processor time being measured.
    pub(crate) cpu_unmeasured: usize,
    /// From the start of the first attempt to the end of the last.
    pub(crate) wall: Duration,
    /// Why the run ended early, if it did.
    pub(crate) cancelled: Option<Cancellation>,
}

impl Summary {
    /// The summary of a run in which nothing has happened yet.
    pub(crate) fn new(selection: Selection, leaks_fail: bool) -> Self {
        Self { selection, leaks_fail, ..Self::default() }
    }

    /// Takes a test's last attempt into account.
    pub(crate) fn add(&mut self, test: &TestCase, record: &Record) {
        self.counts.add(&record.outcome);
        self.suspect += usize::from(record.suspect.is_some());
        if record.ending.is_some() {
            self.add_peak(test, record);
            self.add_cpu(record);
        }
    }

    /// Takes the process into account that executed several tests, `explained` if one of these tells of its failure.
    pub(crate) fn add_process(&mut self, process: &TestCase, record: &Record, explained: bool) {
        self.failed_processes += usize::from(!explained && self.is_failure(&record.outcome));
        self.suspect += usize::from(record.suspect.is_some());
        if record.ending.is_some() {
            self.add_peak(process, record);
            self.add_cpu(record);
        }
    }

    fn add_peak(&mut self, test: &TestCase, record: &Record) {
        let Some(reading) = record.usage.memory_peak else {
            self.peak_unmeasured += 1;
            return;
        };
        if self.peak.as_ref().is_none_or(|peak| peak.bytes < reading.value) {
            self.peak = Some(HighestPeak {
                bytes: reading.value,
                approximate: reading.source.is_approximate(),
                binary_id: test.binary.id.clone(),
                name: test.name.clone(),
            });
        }
    }

    fn add_cpu(&mut self, record: &Record) {
        match record.usage.cpu {
            Some(cpu) => {
                *self.cpu.get_or_insert_default() += cpu.value.user + cpu.value.system;
            }
            None => self.cpu_unmeasured += 1,
        }
    }

    /// Whether this outcome counts as a failed test. One that could not be isolated has no verdict.
    pub(crate) const fn is_failure(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Passed | Outcome::NotIsolated(_) => false,
            Outcome::Leaked => self.leaks_fail,
            Outcome::Failed { .. } | Outcome::Signaled { .. } | Outcome::TimedOut | Outcome::OomKilled => {
                true
            }
        }
    }

    /// How many leaks count as failures.
    pub(crate) const fn failed_leaks(&self) -> usize {
        if self.leaks_fail { self.counts.leaked } else { 0 }
    }

    /// Whether any test failed.
    pub(crate) const fn any_failed(&self) -> bool {
        let counts = self.counts;
        let failed = counts.failed + counts.signaled + counts.timed_out + counts.oom_killed;
        0 < failed + self.failed_leaks() + self.failed_processes
    }

    /// Whether any test is without a verdict because its sandbox failed.
    pub(crate) const fn any_not_isolated(&self) -> bool {
        0 < self.counts.not_isolated
    }

    /// How many selected tests were never started.
    pub(crate) const fn not_run(&self) -> usize {
        self.selection.selected.saturating_sub(self.counts.total() + self.interrupted.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::usage::{Cpu, Reading, Source, Usage};

    fn of(outcomes: Vec<Outcome>, leaks_fail: bool) -> Summary {
        let selection = Selection { selected: 9, ignored: 2, filtered_out: 3 };
        let mut summary = Summary::new(selection, leaks_fail);
        for outcome in outcomes {
            summary.add(&builders::test("a", "b"), &builders::record(outcome));
        }
        summary
    }

    #[test]
    fn every_outcome_has_its_own_count() {
        let summary = of(builders::outcomes(), false);
        let each_once = Counts {
            passed: 1,
            failed: 1,
            signaled: 1,
            timed_out: 1,
            oom_killed: 1,
            leaked: 1,
            not_isolated: 1,
        };
        assert_eq!(summary.counts, each_once);
        assert_eq!(summary.not_run(), 2);
        assert!(summary.any_failed() && summary.any_not_isolated());
    }

    #[test]
    fn each_bad_outcome_alone_is_a_failure() {
        for outcome in builders::outcomes() {
            let alone = of(vec![outcome.clone()], false);
            assert_eq!(alone.any_failed(), alone.is_failure(&outcome), "{outcome:?}");
        }
    }

    #[test]
    fn a_leak_fails_only_when_told() {
        assert!(!of(vec![Outcome::Leaked], false).any_failed());
        let told = of(vec![Outcome::Leaked, Outcome::Leaked], true);
        assert!(told.any_failed());
        assert_eq!(told.failed_leaks(), 2);
    }

    #[test]
    fn a_process_gives_the_figures_and_fails_where_none_of_its_tests_has() {
        let process = TestCase::together(&builders::binary("a"), 3);
        let with = |outcome: Outcome, explained| {
            let mut summary = Summary::new(Selection::default(), false);
            summary.add_process(&process, &builders::record(outcome), explained);
            summary
        };
        let passed = with(Outcome::Passed, false);
        assert_eq!(passed.peak.as_ref().map(|peak| peak.name.as_str()), Some("3 tests in one process"));
        assert!(passed.cpu.is_some() && !passed.any_failed() && passed.counts.total() == 0);
        assert!(with(Outcome::Failed { code: 101 }, false).any_failed());
        assert!(!with(Outcome::Failed { code: 101 }, true).any_failed(), "its test is counted");
        assert!(!with(Outcome::Leaked, false).any_failed());
    }

    #[test]
    fn a_test_without_a_sandbox_has_no_verdict() {
        let summary = of(vec![builders::not_isolated()], true);
        assert!(!summary.any_failed());
        assert!(summary.any_not_isolated());
        assert_eq!((summary.peak_unmeasured, summary.cpu_unmeasured), (0, 0));
    }

    #[test]
    fn the_highest_peak_keeps_its_test_and_the_first_wins_a_tie() {
        let mut summary = Summary::default();
        for (name, value) in [("low", 1), ("high", 9), ("as high", 9), ("lower", 3)] {
            let mut record = builders::record(Outcome::Passed);
            record.usage.memory_peak = Some(Reading { value, source: Source::MemoryPeak });
            summary.add(&builders::test("bin", name), &record);
        }
        let expected =
            HighestPeak { bytes: 9, approximate: false, binary_id: "bin".into(), name: "high".into() };
        assert_eq!(summary.peak, Some(expected));
    }

    #[test]
    fn unmeasured_is_not_zero() {
        let mut summary = Summary::default();
        let mut record = builders::record(Outcome::Passed);
        record.usage = Usage::default();
        record.suspect = Some("it left its cgroup".to_owned());
        summary.add(&builders::test("a", "b"), &record);
        assert_eq!(summary.suspect, 1);
        assert_eq!((summary.cpu, &summary.peak), (None, &None));
        assert_eq!((summary.cpu_unmeasured, summary.peak_unmeasured), (1, 1));

        let cpu = Cpu { user: Duration::from_millis(2), system: Duration::from_millis(3) };
        record.usage.cpu = Some(Reading { value: cpu, source: Source::CpuStat });
        summary.add(&builders::test("a", "c"), &record);
        assert_eq!((summary.cpu, summary.cpu_unmeasured), (Some(Duration::from_millis(5)), 1));
    }
}
