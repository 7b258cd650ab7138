//! Test groups: how many of the threads of a run the tests of each may take together; pure.

use super::setting::Setting;
use crate::values::Jobs;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;

/// Test groups by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TestGroups(BTreeMap<String, Setting<Jobs>>);

impl TestGroups {
    /// Adds a group, unless there is one of the name.
    pub(super) fn add(&mut self, name: String, max_threads: Setting<Jobs>) {
        self.0.entry(name).or_insert(max_threads);
    }

    /// Returns these, and the lower ones that have other names.
    pub(super) fn or(mut self, lower: Self) -> Self {
        for (name, max_threads) in lower.0 {
            self.add(name, max_threads);
        }
        self
    }

    /// Returns the names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the names with how many threads the tests of each may take.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &Setting<Jobs>)> {
        self.0.iter().map(|(name, max_threads)| (name.as_str(), max_threads))
    }

    /// Returns whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether there is a group of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns how many threads the tests of each group may take on a host with `cpus` CPUs, in the order of the names.
    pub(crate) fn max_threads(&self, cpus: NonZeroUsize) -> impl Iterator<Item = (&str, NonZeroUsize)> {
        self.0.iter().map(move |(name, max_threads)| (name.as_str(), max_threads.value.on(cpus)))
    }
}
