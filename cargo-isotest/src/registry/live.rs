//! What is running at this moment, looked at by the run itself.

use super::running::{Registry, Started};
use isotest_core::snapshot::{self, Extent, ProcessTable, Snapshot};

/// A running attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Live {
    /// The job slot that executes it.
    pub(crate) slot: usize,
    /// Bytes that its processes have in memory; `None` if they cannot be looked at.
    pub(crate) memory_bytes: Option<u64>,
    /// How many processes and threads it has.
    pub(crate) tasks: Option<usize>,
}

impl Registry {
    /// Looks at the attempts that are running.
    pub(crate) fn live(&self) -> Vec<Live> {
        let table = ProcessTable::read().ok();
        let look = |(slot, Started { zygote, .. })| {
            let init = table.as_ref().and_then(|table| table.init_below(zygote));
            let picture = init.and_then(|init| snapshot::capture(init, Extent::Tree).ok());
            // Process 1 is no part of the test.
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
