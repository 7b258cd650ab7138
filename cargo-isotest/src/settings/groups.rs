//! Test groups, which limit the number of threads of a run that their tests take together; pure.

use super::setting::Setting;
use crate::values::Jobs;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;

/// Limits of threads of test groups, by the names of the groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TestGroups(BTreeMap<String, Setting<Jobs>>);

impl TestGroups {
    /// Adds a group, unless there is a group of the same name.
    pub(super) fn add(&mut self, name: String, max_threads: Setting<Jobs>) {
        self.0.entry(name).or_insert(max_threads);
    }

    /// Returns these groups, and the lower groups that have other names.
    pub(super) fn or(mut self, lower: Self) -> Self {
        for (name, max_threads) in lower.0 {
            self.add(name, max_threads);
        }
        self
    }

    /// Returns the names of the groups.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the names of the groups with the limits of their threads.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &Setting<Jobs>)> {
        self.0.iter().map(|(name, max_threads)| (name.as_str(), max_threads))
    }

    /// Returns whether there is no group.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether there is a group of a name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the limits of threads on a host with `cpus` CPUs, in the order of the names of the groups.
    pub(crate) fn max_threads(&self, cpus: NonZeroUsize) -> impl Iterator<Item = (&str, NonZeroUsize)> {
        self.0.iter().map(move |(name, max_threads)| (name.as_str(), max_threads.value.on(cpus)))
    }
}
