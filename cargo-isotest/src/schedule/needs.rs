//! Needs of attempts before they start in a run: threads, a place in their test group, memory; pure.

use crate::schedule::peaks::Expected;
use crate::settings::{TestGroups, TestSettings};
use isotest_core::plan::Template;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Needs of each unit, and the test groups in which they count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    /// Needs of each unit.
    pub(super) of_each: Vec<Need>,
    /// Test groups, by their numbers.
    pub(super) groups: Vec<Group>,
}

/// Needs of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    /// Number of threads of the run.
    pub(super) threads: usize,
    /// Number of the unit's test group, if it is in one.
    pub(super) group: Option<usize>,
    /// Number of the sandbox that the unit shares with others, if it does.
    pub(super) sharing: Option<usize>,
    /// Expected peak of memory.
    pub(super) memory: Expected,
}

/// Test group and the limit of its threads.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Name of the group.
    pub(super) name: Arc<str>,
    /// Number of threads that the tests of the group may take together.
    pub(super) max_threads: usize,
}

impl Default for Need {
    fn default() -> Self {
        Self { threads: 1, group: None, sharing: None, memory: Expected::default() }
    }
}

impl Needs {
    /// Creates the needs of units by their settings, in a run with so many threads, on a host with so many CPUs.
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
            memory: Expected::default(),
        };
        Self { of_each: of_each.iter().map(need).collect(), groups }
    }

    /// Returns the needs with these peaks of memory, one for each unit.
    pub(crate) fn with_memory(mut self, expected: &[Expected]) -> Self {
        for (need, memory) in self.of_each.iter_mut().zip(expected) {
            need.memory = *memory;
        }
        self
    }

    /// Returns the needs with the templates of the sandboxes, one for each unit: units that have one in common start
    /// one after another.
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
