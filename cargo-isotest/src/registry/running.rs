//! Running attempts of this run.

use super::answer::{Answer, Present, SCHEMA};
use std::process;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Id of an attempt in its run, which no other attempt has, also none at the same test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AttemptId(usize);

impl AttemptId {
    /// The id of a run's first attempt.
    pub(crate) const FIRST: Self = Self::nth(0);

    /// The id of an attempt before which there were so many.
    pub(crate) const fn nth(before: usize) -> Self {
        Self(before)
    }

    /// The number by which people know the attempt, counted from 1.
    const fn number(self) -> usize {
        self.0 + 1
    }
}

/// An attempt as the registry knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started {
    /// Its id.
    pub(crate) id: AttemptId,
    /// The place of its test among those expected.
    pub(crate) test: usize,
    /// Whether it is the first at the test.
    pub(crate) is_first: bool,
    /// The zygote below which it is found.
    pub(crate) zygote: i32,
}

/// The attempts of a run. An attempt costs two locks that nobody else holds, unless somebody asks.
#[derive(Debug)]
pub(crate) struct Registry {
    /// Binary and name of each.
    tests: OnceLock<Vec<(String, String)>>,
    slots: Vec<Mutex<Option<Started>>>,
    /// Number of tests that have ended, less those that are executed again; below zero where they had not ended before.
    ended: AtomicIsize,
}

impl Registry {
    /// Of a run with so many slots.
    pub(crate) fn new(jobs: usize) -> Self {
        let slots = (0..jobs).map(|_| Mutex::new(None)).collect();
        Self { tests: OnceLock::new(), slots, ended: AtomicIsize::new(0) }
    }

    /// How many slots there are.
    pub(crate) const fn jobs(&self) -> usize {
        self.slots.len()
    }

    /// From now on attempts are those of these tests, by their places: binaries and names. What ran before only prepared
    /// the run.
    pub(crate) fn expect<'a>(&self, tests: impl Iterator<Item = (&'a str, &'a str)>) {
        let tests = tests.map(|(binary_id, name)| (binary_id.to_owned(), name.to_owned()));
        // There is one selection to a run.
        let _ = self.tests.set(tests.collect());
        self.ended.store(0, Ordering::Relaxed);
    }

    /// A slot executes an attempt. A test that is attempted again has not ended after all.
    pub(crate) fn started(&self, slot: usize, attempt: Started) {
        self.note(slot, Some(attempt));
        self.ended.fetch_sub(isize::from(!attempt.is_first), Ordering::Relaxed);
    }

    /// Nothing of the slot's attempt is running any more.
    pub(crate) fn ended(&self, slot: usize) {
        self.note(slot, None);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self, slot: usize, attempt: Option<Started>) {
        if let Some(noted) = self.slots.get(slot) {
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = attempt;
        }
    }

    /// The attempts that are running, each with its slot.
    pub(super) fn running(&self) -> Vec<(usize, Started)> {
        let slots = self.slots.iter().enumerate();
        let running = slots.filter_map(|(slot, started)| {
            Some((slot, (*started.lock().unwrap_or_else(PoisonError::into_inner))?))
        });
        running.collect()
    }

    /// Returns how many of so many tests have ended.
    fn ended_of(&self, tests: usize) -> usize {
        usize::try_from(self.ended.load(Ordering::Relaxed)).unwrap_or(0).min(tests)
    }

    /// What is told to whoever asks now.
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
