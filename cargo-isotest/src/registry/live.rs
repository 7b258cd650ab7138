//! Inspects the running attempts of this run itself.

use super::running::{Registry, Started};
use isotest_core::snapshot::{self, Extent, ProcessTable, Snapshot};

/// Running attempt with its present use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Live {
    /// Job slot that executes the attempt.
    pub(crate) slot: usize,
    /// Resident memory of the attempt's processes in bytes; `None` if they cannot be inspected.
    pub(crate) memory_bytes: Option<u64>,
    /// Number of processes and threads of the attempt.
    pub(crate) tasks: Option<usize>,
}

impl Registry {
    /// Inspects the running attempts.
    pub(crate) fn live(&self) -> Vec<Live> {
        let table = ProcessTable::read().ok();
        let look = |(slot, Started { zygote, .. })| {
            let init = table.as_ref().and_then(|table| table.init_below(zygote));
            let picture = init.and_then(|init| snapshot::capture(init, Extent::Tree).ok());
            // Process 1 of the pid namespace is init, not the test's.
            let own = |picture: Snapshot| picture.processes.into_iter().filter(|one| one.inside != Some(1));
            let processes: Option<Vec<_>> = picture.map(|picture| own(picture).collect());
            let memory_bytes =
                processes.as_ref().map(|processes| processes.iter().filter_map(|one| one.memory_bytes).sum());
            let tasks = processes.map(|processes| processes.iter().map(|one| one.threads.len()).sum());
            Live { slot, memory_bytes, tasks }
        };
        self.running().into_iter().map(look).collect()
    }
}
