//! Counts and peaks of a run, accumulated attempt by attempt.

use crate::schedule::wait::Waited;
use crate::testcase::TestCase;
use crate::verdict::{Counts, Effect, Kind, Verdict};
use isotest_core::record::Record;
use std::time::Duration;

/// Numbers of tests that were chosen or left out before the first attempt started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Number of tests to execute.
    pub(crate) selected: usize,
    /// Number of tests that the harness ignores and nobody asked for.
    pub(crate) ignored: usize,
    /// Number of tests that the filters left out.
    pub(crate) filtered_out: usize,
}

/// Highest memory peak and the test that had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HighestPeak {
    /// Peak in bytes.
    pub(crate) bytes: u64,
    /// Whether the peak is only about right.
    pub(crate) approximate: bool,
    /// Id of the test's binary.
    pub(crate) binary_id: String,
    /// Name of the test.
    pub(crate) name: String,
}

/// Reason why a run ended before all its tests had been executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancellation {
    /// Signal that was sent to the run.
    Signal(i32),
    /// Failure of as many tests as may fail.
    FailFast {
        /// Whether the tests that were running were killed.
        immediate: bool,
    },
    /// Failure of a setup script.
    SetupFailed {
        /// Whether nothing is known of the script, since its sandbox could not be set up or was lost.
        undecided: bool,
    },
    /// End of the run's time.
    GlobalTimeout,
}

/// Figures of the whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Numbers of tests to be executed and left out.
    pub(crate) selection: Selection,
    /// Numbers of tests by their verdicts.
    pub(crate) counts: Counts,
    /// Number of times that each test was to be executed, or has been if nothing said it; `None` for once.
    pub(crate) iterations: Option<u32>,
    /// Number of processes that executed several tests and have failed although none of the tests has.
    pub(crate) failed_processes: usize,
    /// Tests that were being executed when the run was cancelled, and were killed.
    pub(crate) interrupted: Vec<TestCase>,
    /// Number of attempts that have figures that are not to be trusted.
    pub(crate) suspect: usize,
    /// Highest memory peak; `None` if none was measured.
    pub(crate) peak: Option<HighestPeak>,
    /// Number of attempts that were executed without a memory peak being measured.
    pub(crate) peak_unmeasured: usize,
    /// Numbers of attempts that waited although a thread was free.
    pub(crate) waited: Waited,
    /// Number of attempts that were killed because the machine ran short of memory, and executed again.
    pub(crate) replaced: usize,
    /// Processor time of all attempts; `None` if none was measured.
    pub(crate) cpu: Option<Duration>,
    /// Number of attempts that were executed without their processor time being measured.
    pub(crate) cpu_unmeasured: usize,
    /// Time from the start of the first setup script or attempt to the end of the last.
    pub(crate) wall: Duration,
    /// Reason why the run ended early, if it did.
    pub(crate) cancelled: Option<Cancellation>,
}

impl Summary {
    /// Creates the summary of a run in which nothing has happened yet.
    pub(crate) fn new(selection: Selection) -> Self {
        Self { selection, ..Self::default() }
    }

    /// Takes an attempt into account. Each test is counted once: by [`Counts::retract`] an earlier verdict on it
    /// goes.
    pub(crate) fn add(&mut self, test: &TestCase, verdict: &Verdict, record: &Record) {
        self.counts.add(verdict);
        self.suspect += usize::from(record.suspect.is_some());
        if record.ending.is_some() {
            self.add_peak(test, record);
            self.add_cpu(record);
        }
    }

    /// Takes an attempt into account in whose place another is reported: only what it used of the machine.
    pub(crate) fn add_superseded(&mut self, record: &Record) {
        self.suspect += usize::from(record.suspect.is_some());
        if record.ending.is_some() {
            self.add_cpu(record);
        }
    }

    /// Takes the process into account that executed several tests, and failed although none of them did if `failed`.
    pub(crate) fn add_process(&mut self, process: &TestCase, record: &Record, failed: bool) {
        self.failed_processes += usize::from(failed);
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
        let bytes = reading.value.get();
        if self.peak.as_ref().is_none_or(|peak| peak.bytes < bytes) {
            self.peak = Some(HighestPeak {
                bytes,
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

    /// Returns the gravest effect of a verdict, or of the end of the run's time, on which the exit code depends.
    pub(crate) fn effect(&self) -> Effect {
        let of_processes = if self.failed_processes == 0 { Effect::Passes } else { Effect::Fails };
        // What was not executed has not passed.
        let of_time = match self.cancelled {
            Some(Cancellation::SetupFailed { undecided: true }) => Effect::Undecided,
            Some(Cancellation::GlobalTimeout | Cancellation::SetupFailed { .. }) => Effect::Fails,
            Some(Cancellation::Signal(_) | Cancellation::FailFast { .. }) | None => Effect::Passes,
        };
        self.counts.effect().max(of_processes).max(of_time)
    }

    /// Returns whether budgets are all that failed.
    pub(crate) fn is_over_budget_only(&self) -> bool {
        self.failed_processes == 0
            && self.cancelled != Some(Cancellation::GlobalTimeout)
            && self.counts.bad_is_only(Kind::OverBudget)
    }

    /// Returns how many executions of selected tests never started.
    pub(crate) fn not_run(&self) -> usize {
        let times = self.iterations.and_then(|iterations| usize::try_from(iterations).ok()).unwrap_or(1);
        let expected = self.selection.selected.saturating_mul(times);
        expected.saturating_sub(self.counts.total() + self.interrupted.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::Bytes;
    use isotest_core::outcome::Outcome;
    use isotest_core::usage::{Cpu, Reading, Source, Usage};

    fn added(summary: &mut Summary, name: &str, record: &Record) {
        summary.add(&builders::test("bin", name), &builders::verdict(record), record);
    }

    fn summary(outcomes: Vec<Outcome>) -> Summary {
        let mut summary = Summary::new(Selection { selected: 9, ignored: 2, filtered_out: 3 });
        for outcome in outcomes {
            added(&mut summary, "b", &builders::record(outcome));
        }
        summary
    }

    #[test]
    fn the_gravest_verdict_decides_and_what_has_none_was_not_run() {
        assert_eq!((summary(Vec::new()).effect(), summary(Vec::new()).not_run()), (Effect::Passes, 9));
        let mut outcomes = builders::outcomes();
        assert_eq!(
            (summary(outcomes.clone()).effect(), summary(outcomes.clone()).not_run()),
            (Effect::Undecided, 2)
        );
        outcomes.pop();
        assert_eq!(summary(outcomes).effect(), Effect::Fails);
    }

    #[test]
    fn a_process_gives_the_figures_and_fails_where_none_of_its_tests_has() {
        let process = TestCase::together(&builders::binary("a"), 3);
        let with = |failed| {
            let mut summary = Summary::new(Selection::default());
            summary.add_process(&process, &builders::record(Outcome::Failed { code: 101 }), failed);
            summary
        };
        let explained = with(false);
        assert_eq!(explained.peak.as_ref().map(|peak| peak.name.as_str()), Some("3 tests in one process"));
        assert!(explained.cpu.is_some() && explained.counts.total() == 0);
        assert_eq!((explained.effect(), with(true).effect()), (Effect::Passes, Effect::Fails));
    }

    #[test]
    fn a_test_without_a_sandbox_has_no_figures_to_miss() {
        let summary = summary(vec![builders::not_isolated()]);
        assert_eq!(summary.effect(), Effect::Undecided);
        assert_eq!((summary.peak_unmeasured, summary.cpu_unmeasured), (0, 0));
    }

    #[test]
    fn the_highest_peak_keeps_its_test_and_the_first_wins_a_tie() {
        let mut summary = Summary::default();
        for (name, value) in [("low", 1), ("high", 9), ("as high", 9), ("lower", 3)] {
            let mut record = builders::record(Outcome::Passed);
            record.usage.memory_peak = Some(Reading { value: Bytes::new(value), source: Source::MemoryPeak });
            added(&mut summary, name, &record);
        }
        let expected =
            HighestPeak { bytes: 9, approximate: false, binary_id: "bin".into(), name: "high".into() };
        assert_eq!(summary.peak, Some(expected));
    }

    #[test]
    fn an_attempt_in_whose_place_another_is_told_counts_by_its_processor_time_only() {
        let used = |seconds| {
            let mut record = builders::record(Outcome::Passed);
            let cpu = Cpu { user: Duration::from_secs(seconds), ..Cpu::default() };
            record.usage.cpu = Some(Reading { value: cpu, source: Source::CpuStat });
            record
        };
        let mut summary = Summary::default();
        summary.add_superseded(&used(2));
        added(&mut summary, "t", &used(3));
        assert_eq!((summary.cpu, summary.counts.total()), (Some(Duration::from_secs(5)), 1));
    }

    #[test]
    fn unmeasured_is_not_zero() {
        let mut summary = Summary::default();
        let mut record = builders::record(Outcome::Passed);
        record.usage = Usage::default();
        record.suspect = Some("it left its cgroup".to_owned());
        added(&mut summary, "b", &record);
        assert_eq!(summary.suspect, 1);
        assert_eq!((summary.cpu, &summary.peak), (None, &None));
        assert_eq!((summary.cpu_unmeasured, summary.peak_unmeasured), (1, 1));

        let cpu = Cpu { user: Duration::from_millis(2), system: Duration::from_millis(3) };
        record.usage.cpu = Some(Reading { value: cpu, source: Source::CpuStat });
        added(&mut summary, "c", &record);
        assert_eq!((summary.cpu, summary.cpu_unmeasured), (Some(Duration::from_millis(5)), 1));
    }
}
