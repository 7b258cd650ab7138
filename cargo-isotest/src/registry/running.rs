//! Running attempts of this run.

use super::answer::{Answer, Present, SCHEMA};
use std::process;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Id of an attempt, unique among all attempts of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AttemptId(usize);

impl AttemptId {
    /// Id of a run's first attempt.
    pub(crate) const FIRST: Self = Self::nth(0);

    /// Returns the id of the attempt that follows `before` others.
    pub(crate) const fn nth(before: usize) -> Self {
        Self(before)
    }

    /// Returns the number of the attempt for people, counted from 1.
    const fn number(self) -> usize {
        self.0 + 1
    }
}

/// Started attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started {
    /// Id of the attempt.
    pub(crate) id: AttemptId,
    /// Index of the test among the expected ones.
    pub(crate) test: usize,
    /// Whether the attempt is the first at its test.
    pub(crate) is_first: bool,
    /// Process id of the zygote, the ancestor of the attempt's processes.
    pub(crate) zygote: i32,
}

/// Attempts of a run. An attempt takes two locks, which are uncontended unless a request is answered.
#[derive(Debug)]
pub(crate) struct Registry {
    /// Binary id and name of each test.
    tests: OnceLock<Vec<(String, String)>>,
    slots: Vec<Mutex<Option<Started>>>,
    /// Number of tests that have ended, less those that are executed again; below zero where they had not ended before.
    ended: AtomicIsize,
}

impl Registry {
    /// Creates the registry of a run with `jobs` slots.
    pub(crate) fn new(jobs: usize) -> Self {
        let slots = (0..jobs).map(|_| Mutex::new(None)).collect();
        Self { tests: OnceLock::new(), slots, ended: AtomicIsize::new(0) }
    }

    /// Returns the number of slots.
    pub(crate) const fn jobs(&self) -> usize {
        self.slots.len()
    }

    /// Sets the tests, by binaries and names, to whose indexes later attempts refer. Earlier attempts only prepared
    /// the run.
    pub(crate) fn expect<'a>(&self, tests: impl Iterator<Item = (&'a str, &'a str)>) {
        let tests = tests.map(|(binary_id, name)| (binary_id.to_owned(), name.to_owned()));
        // Fails if the cell is set already; a run selects its tests once.
        let _ = self.tests.set(tests.collect());
        self.ended.store(0, Ordering::Relaxed);
    }

    /// Notes that a slot executes an attempt. A test that is attempted again counts as not ended.
    pub(crate) fn started(&self, slot: usize, attempt: Started) {
        self.note(slot, Some(attempt));
        self.ended.fetch_sub(isize::from(!attempt.is_first), Ordering::Relaxed);
    }

    /// Notes that the slot's attempt has ended.
    pub(crate) fn ended(&self, slot: usize) {
        self.note(slot, None);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self, slot: usize, attempt: Option<Started>) {
        if let Some(noted) = self.slots.get(slot) {
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = attempt;
        }
    }

    /// Returns the running attempts, each with its slot.
    pub(super) fn running(&self) -> Vec<(usize, Started)> {
        let slots = self.slots.iter().enumerate();
        let running = slots.filter_map(|(slot, started)| {
            Some((slot, (*started.lock().unwrap_or_else(PoisonError::into_inner))?))
        });
        running.collect()
    }

    /// Returns the number of ended tests, at most `tests`.
    fn ended_of(&self, tests: usize) -> usize {
        usize::try_from(self.ended.load(Ordering::Relaxed)).unwrap_or(0).min(tests)
    }

    /// Returns the answer to a request at this moment.
    pub(super) fn answer(&self) -> Answer {
        let tests = self.tests.get();
        let started =
            self.slots.iter().filter_map(|slot| *slot.lock().unwrap_or_else(PoisonError::into_inner));
        let attempts = started.filter_map(|Started { id, test, zygote, .. }| {
            let (binary_id, name) = tests?.get(test)?.clone();
            Some(Present { number: id.number(), zygote, binary_id, name })
        });
        Answer {
            schema: SCHEMA,
            pid: process::id().cast_signed(),
            jobs: self.slots.len(),
            tests: tests.map_or(0, Vec::len),
            ended: tests.map_or(0, |tests| self.ended_of(tests.len())),
            attempts: attempts.collect(),
            more: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_executed_again_before_it_has_ended_counts_once() {
        let registry = Registry::new(2);
        registry.expect([("tour", "reads")].into_iter());
        let first = Started { id: AttemptId::FIRST, test: 0, is_first: true, zygote: 7 };
        registry.started(0, first);
        registry.started(1, Started { is_first: false, ..first });
        assert_eq!(registry.answer().ended, 0);
        registry.ended(0);
        registry.ended(1);
        assert_eq!(registry.answer().ended, 1);
    }

    #[test]
    fn only_attempts_of_tests_are_told_and_only_while_they_run() {
        let registry = Registry::new(2);
        let first = Started { id: AttemptId::FIRST, test: 0, is_first: true, zygote: 7 };
        registry.started(0, first);
        assert_eq!(registry.answer().attempts, [], "a binary that is asked for its tests is no attempt");
        registry.ended(0);
        registry.expect([("tour", "a"), ("tour::it", "b")].into_iter());
        assert_eq!((registry.answer().tests, registry.answer().ended), (2, 0));
        let second = Started { id: AttemptId::nth(1), test: 1, zygote: 8, ..first };
        registry.started(1, second);
        let present = Present { number: 2, zygote: 8, binary_id: "tour::it".into(), name: "b".into() };
        assert_eq!(registry.answer().attempts, std::slice::from_ref(&present));
        registry.ended(1);
        assert_eq!((registry.answer().attempts.len(), registry.answer().ended), (0, 1));
        registry.started(0, Started { id: AttemptId::nth(2), is_first: false, ..second });
        let present = Present { number: 3, ..present };
        assert_eq!(
            (registry.answer().attempts, registry.answer().ended),
            (vec![present], 0),
            "it is attempted again"
        );
        registry.ended(0);
        assert_eq!(registry.answer().ended, 1);
    }
}
