//! Memory peaks of tests over several runs.

use crate::budget::TestName;
use crate::schedule::events::{Event, Reporter};
use isotest_core::outcome::Outcome;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was seen of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Peak {
    /// The highest memory peak in bytes of the attempts that passed; `None` if none did.
    pub(crate) highest: Option<u64>,
    /// Whether each attempt passed, and its peak was measured.
    pub(crate) is_known: bool,
}

/// Peaks by the names of tests.
pub(crate) type Peaks = BTreeMap<TestName, Peak>;

/// A reporter that notes peaks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Peaks>>);

impl Notes {
    /// Returns what was noted.
    pub(crate) fn peaks(&self) -> MutexGuard<'_, Peaks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Notes {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let Event::AttemptFinished { test, record, is_last: true, .. } = event else { return Ok(()) };
        let reading = record.usage.memory_peak.filter(|reading| !reading.source.is_approximate());
        let peak = reading.map(|reading| reading.value).filter(|_| record.outcome == Outcome::Passed);
        let name = (test.binary.id.clone(), test.name.clone());
        self.peaks()
            .entry(name)
            .and_modify(|known| {
                known.highest = known.highest.max(peak);
                known.is_known &= peak.is_some();
            })
            .or_insert(Peak { highest: peak, is_known: peak.is_some() });
        Ok(())
    }
}
