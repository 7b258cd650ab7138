//! Waits of attempts although a thread of the run is free; pure.

use std::ops::AddAssign;
use std::sync::Arc;

/// Resource that an attempt waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Threads, as many as the attempt takes.
    Threads,
    /// Room in the test group of this name.
    Group(Arc<str>),
    /// Memory that the attempt is expected to use.
    Memory,
}

/// Numbers of attempts that have waited, by what they waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waited {
    /// Number of attempts that waited for as many threads as they take.
    pub(crate) threads: usize,
    /// Number of attempts that waited for room in their test groups.
    pub(crate) group: usize,
    /// Number of attempts that waited for memory that they are expected to use.
    pub(crate) memory: usize,
}

impl Waited {
    /// Counts one attempt with this wait.
    pub(super) fn one(wait: &Wait) -> Self {
        let mut waited = Self::default();
        match wait {
            Wait::Threads => waited.threads = 1,
            Wait::Group(_) => waited.group = 1,
            Wait::Memory => waited.memory = 1,
        }
        waited
    }
}

impl AddAssign for Waited {
    fn add_assign(&mut self, others: Self) {
        self.threads += others.threads;
        self.group += others.group;
        self.memory += others.memory;
    }
}
