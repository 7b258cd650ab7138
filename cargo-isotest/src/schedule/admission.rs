//! Admission of attempts by memory: none starts while those that run are expected to need, together with it, more than is free.

use crate::harness::together::Unit;
use crate::history::Past;
use crate::registry::AttemptId;
use crate::schedule::queue::Attempt;
use crate::settings::TestSettings;
use isotest_core::sys::clock::Instant;
use std::collections::{HashMap, HashSet};
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

/// Time for which a reading of free memory holds.
const FRESH: Duration = Duration::from_millis(100);

/// Expected peaks of attempts that run, held against what is free.
pub(crate) struct Admission<'run> {
    /// How many attempts are ordered beyond those that can be running: they start whatever is still to be heard of earlier ones.
    pub(super) ahead: usize,
    /// Expected peak of each unit in bytes; 0 if nothing is known of it.
    expected: &'run [u64],
    /// Reads how much all attempts can have together.
    free: &'run dyn Fn() -> Option<u64>,
    reading: Option<(Instant, Option<u64>)>,
    running: HashMap<AttemptId, u64>,
    /// Attempts that had to wait.
    refused: HashSet<AttemptId>,
    /// Number of them that nobody was told of.
    untold: usize,
    /// Whether the latest answer was a refusal.
    is_waited_for: bool,
}

impl<'run> Admission<'run> {
    /// Creates an admission to a run without attempts.
    pub(crate) fn new(ahead: usize, expected: &'run [u64], free: &'run dyn Fn() -> Option<u64>) -> Self {
        Self {
            ahead,
            expected,
            free,
            reading: None,
            running: HashMap::new(),
            refused: HashSet::new(),
            untold: 0,
            is_waited_for: false,
        }
    }

    /// Creates an admission that refuses nothing.
    pub(crate) fn open(ahead: usize) -> Self {
        Self::new(ahead, &[], &|| None)
    }

    /// Returns whether an attempt may start: if no other runs, if there is memory for it, or if nothing is known of it or of
    /// the memory. A refusal is told only if there is a slot for it.
    pub(super) fn admits(&mut self, attempt: Attempt, has_slot: bool) -> bool {
        let needed = self.needed(attempt);
        let taken: u64 = self.running.values().sum();
        let is_admitted = self.running.is_empty()
            || needed == 0
            || self.free().is_none_or(|free| taken.saturating_add(needed) <= free);
        if !is_admitted && has_slot && self.refused.insert(attempt.id) {
            self.untold += 1;
        }
        self.is_waited_for = !is_admitted;
        is_admitted
    }

    /// Takes note of an attempt that starts.
    pub(super) fn start(&mut self, attempt: Attempt) {
        self.running.insert(attempt.id, self.needed(attempt));
    }

    /// Takes note of an attempt that has ended.
    pub(super) fn end(&mut self, attempt: Attempt) {
        self.running.remove(&attempt.id);
    }

    /// Returns how many more attempts have had to wait, once.
    pub(super) fn take_untold(&mut self) -> usize {
        take(&mut self.untold)
    }

    /// Returns whether an attempt waits that was asked for last.
    pub(super) const fn is_waited_for(&self) -> bool {
        self.is_waited_for
    }

    fn needed(&self, attempt: Attempt) -> u64 {
        self.expected.get(attempt.unit).copied().unwrap_or(0)
    }

    fn free(&mut self) -> Option<u64> {
        let now = Instant::now();
        match self.reading {
            Some((at, free)) if now.saturating_duration_since(at) < FRESH => free,
            _ => {
                let free = (self.free)();
                self.reading = Some((now, free));
                free
            }
        }
    }
}

/// Returns the peak that is expected of each unit: the highest of its latest runs, else its budget, else the median of its
/// binary, and no more than its limit; 0 for several tests in one process.
pub(crate) fn expected<'a>(units: &[Unit<'a>], of_each: &[Arc<TestSettings>], past: &Past) -> Vec<u64> {
    let mut medians = HashMap::new();
    let of_unit = |(unit, settings): (&Unit<'a>, &Arc<TestSettings>)| {
        let [test] = unit.tests() else { return 0 };
        let binary_id = test.binary.id.as_str();
        let median = *medians.entry(binary_id).or_insert_with(|| past.median_peak(binary_id));
        let peak = past.expected_peak(binary_id, &test.name).or_else(|| test.budget.memory()).or(median);
        let limit = settings.limits.limits().memory.unwrap_or(u64::MAX);
        peak.unwrap_or(0).min(limit)
    };
    units.iter().zip(of_each).map(of_unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::together::units;
    use crate::history::TestResult;
    use crate::schedule::queue::Queue;
    use crate::settings::Process;
    use crate::testing::builders;
    use std::cell::Cell;

    #[test]
    fn attempts_wait_for_the_memory_that_others_are_expected_to_need() {
        let free = Cell::new(Some(10));
        let read = || free.get();
        let mut admission = Admission::new(0, &[20, 4, 4, 4, 0], &read);
        let mut queue = Queue::new([1; 5]);
        let now = Instant::now();
        let mut attempts = Vec::new();
        while let Some(attempt) = queue.pop(now, |_| true) {
            attempts.push(attempt);
        }
        assert!(admission.admits(attempts[0], true), "one always runs");
        admission.start(attempts[0]);
        assert!(!admission.admits(attempts[1], false) && admission.take_untold() == 0);
        assert!(!admission.admits(attempts[1], true) && admission.is_waited_for());
        assert_eq!(admission.take_untold(), 1);
        assert!(!admission.admits(attempts[1], true) && admission.take_untold() == 0, "told once");
        assert!(admission.admits(attempts[4], true), "nothing is known of it");
        admission.end(attempts[0]);
        for at in [1, 2] {
            assert!(admission.admits(attempts[at], true) && !admission.is_waited_for());
            admission.start(attempts[at]);
        }
        assert!(!admission.admits(attempts[3], true));
        admission.reading = None;
        free.set(None);
        assert!(admission.admits(attempts[3], true), "nothing is known of the memory");
    }

    #[test]
    fn a_peak_is_expected_by_runs_then_by_the_binary() {
        let result = |memory_peak| TestResult {
            at: 0,
            verdict: String::new(),
            passes: true,
            wall_us: None,
            cpu_us: None,
            memory_peak,
        };
        let past = Past::of([
            ("tour", "small", result(Some(1))),
            ("tour", "large", result(Some(100))),
            ("tour", "middle", result(Some(10))),
            ("tour", "unmeasured", result(None)),
        ]);
        let names = ["small", "large", "unmeasured", "new"];
        let mut tests = names.map(|name| builders::test("tour", name)).to_vec();
        tests.push(builders::test("other", "new"));
        let of_each: Vec<_> = tests.iter().map(|_| Arc::new(TestSettings::default())).collect();
        let units = units(&tests, Process::Test);
        assert_eq!(expected(&units, &of_each, &past), [1, 100, 10, 10, 0]);
    }
}
