//! What attempts need of a run before they start: threads, a place in their test group, memory; pure.

use crate::settings::{TestGroups, TestSettings};
use isotest_core::plan::Template;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// What each unit needs, and the test groups in which that counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    /// What each unit needs.
    pub(super) of_each: Vec<Need>,
    /// The test groups.
    pub(super) groups: Vec<Group>,
}

/// What a unit needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    /// Threads of the run.
    pub(super) threads: usize,
    /// The number of its test group, if it is in one.
    pub(super) group: Option<usize>,
    /// The number of the sandbox that it shares with others, if it does.
    pub(super) sharing: Option<usize>,
    /// Expected peak of memory in bytes; 0 if nothing is known of it.
    pub(super) memory: u64,
}

/// A test group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Its name.
    pub(super) name: Arc<str>,
    /// The threads that its tests may take together.
    pub(super) max_threads: usize,
}

impl Default for Need {
    fn default() -> Self {
        Self { threads: 1, group: None, sharing: None, memory: 0 }
    }
}

impl Needs {
    /// What units need by their settings in a run with so many threads, on a host with so many CPUs.
    pub(crate) fn new(
        of_each: &[Arc<TestSettings>],
        groups: &TestGroups,
        [threads, cpus]: [NonZeroUsize; 2],
    ) -> Self {
        let groups: Vec<_> = groups
            .max_threads(cpus)
            .map(|(name, max_threads)| Group { name: name.into(), max_threads: max_threads.get() })
            .collect();
        let numbers: HashMap<_, _> =
            groups.iter().enumerate().map(|(number, group)| (&*group.name, number)).collect();
        let need = |own: &Arc<TestSettings>| Need {
            threads: own.threads_required.value.of(threads, cpus).get(),
            group: own.test_group.value.as_ref().and_then(|name| numbers.get(&**name).copied()),
            sharing: None,
            memory: 0,
        };
        Self { of_each: of_each.iter().map(need).collect(), groups }
    }

    /// The same with these peaks of memory, one for each unit.
    pub(crate) fn with_memory(mut self, expected: &[u64]) -> Self {
        for (need, memory) in self.of_each.iter_mut().zip(expected) {
            need.memory = *memory;
        }
        self
    }

    /// The same with the templates of the sandboxes, one for each unit: those that have one in common start one after another.
    pub(crate) fn in_sandboxes(mut self, templates: &[Arc<Template>]) -> Self {
        let mut numbers = HashMap::new();
        for (need, template) in self.of_each.iter_mut().zip(templates).filter(|(_, one)| one.common) {
            let next = numbers.len();
            need.sharing = Some(*numbers.entry(Arc::as_ptr(template)).or_insert(next));
        }
        self
    }

    /// Returns the lane in which a unit waits, if it waits for others than those that need nothing in particular.
    pub(super) fn lane(&self, unit: usize) -> Option<usize> {
        let Need { group, sharing, .. } = self.of(unit);
        sharing.map(|number| self.groups.len() + number).or(group)
    }

    /// Returns what a unit needs; a thread, if nothing was said of it.
    pub(super) fn of(&self, unit: usize) -> Need {
        self.of_each.get(unit).copied().unwrap_or_default()
    }
}
