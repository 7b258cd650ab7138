//! What attempts wait for although a thread of the run is free; pure.

use std::ops::AddAssign;
use std::sync::Arc;

/// What an attempt waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait {
    /// As many threads as it takes.
    Threads,
    /// Room in the test group of this name.
    Group(Arc<str>),
    /// Memory that it is expected to use.
    Memory,
}

/// How many attempts have waited for what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waited {
    /// For as many threads as they take.
    pub(crate) threads: usize,
    /// For room in their test groups.
    pub(crate) group: usize,
    /// For memory that they are expected to use.
    pub(crate) memory: usize,
}

impl Waited {
    /// One attempt.
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
