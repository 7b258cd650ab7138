//! Which attempts of this run are running now.

use super::answer::{Answer, Present, SCHEMA};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The attempts of a run. An attempt costs two locks that nobody else holds, unless somebody asks.
#[derive(Debug)]
pub(crate) struct Roster {
    /// Binary and name of each.
    tests: OnceLock<Vec<(String, String)>>,
    slots: Vec<Mutex<Option<Entry>>>,
    ended: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    test: usize,
    zygote: i32,
}

impl Roster {
    /// Of a run with so many slots.
    pub(crate) fn new(jobs: usize) -> Self {
        let slots = (0..jobs).map(|_| Mutex::new(None)).collect();
        Self { tests: OnceLock::new(), slots, ended: AtomicUsize::new(0) }
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

    /// A slot executes an attempt, which is found below this zygote.
    pub(crate) fn started(&self, slot: usize, test: usize, zygote: i32) {
        self.note(slot, Some(Entry { test, zygote }));
    }

    /// Nothing of the slot's attempt is running any more.
    pub(crate) fn ended(&self, slot: usize) {
        self.note(slot, None);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self, slot: usize, entry: Option<Entry>) {
        if let Some(noted) = self.slots.get(slot) {
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = entry;
        }
    }

    /// What is told to whoever asks now.
    pub(super) fn answer(&self) -> Answer {
        let tests = self.tests.get();
        let entries =
            self.slots.iter().filter_map(|slot| *slot.lock().unwrap_or_else(PoisonError::into_inner));
        let attempts = entries.filter_map(|Entry { test, zygote }| {
            let (binary_id, name) = tests?.get(test)?.clone();
            Some(Present { number: test + 1, zygote, binary_id, name })
        });
        Answer {
            schema: SCHEMA,
            pid: process::id().cast_signed(),
            jobs: self.slots.len(),
            tests: tests.map_or(0, Vec::len),
            ended: tests.map_or(0, |_| self.ended.load(Ordering::Relaxed)),
            attempts: attempts.collect(),
            more: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_attempts_of_tests_are_told_and_only_while_they_run() {
        let roster = Roster::new(2);
        roster.started(0, 0, 7);
        assert_eq!(roster.answer().attempts, [], "a binary that is asked for its tests is no attempt");
        roster.ended(0);
        roster.expect([("tour", "a"), ("tour::it", "b")].into_iter());
        assert_eq!((roster.answer().tests, roster.answer().ended), (2, 0));
        roster.started(1, 1, 8);
        let present = Present { number: 2, zygote: 8, binary_id: "tour::it".into(), name: "b".into() };
        assert_eq!(roster.answer().attempts, [present]);
        roster.ended(1);
        assert_eq!((roster.answer().attempts.len(), roster.answer().ended), (0, 1));
    }
}
