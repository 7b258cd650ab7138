//! Memory peaks of tests over several runs.

use crate::budget::TestName;
use crate::schedule::events::{Event, Reporter};
use isotest_core::outcome::Outcome;
use isotest_core::step::Step;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was seen of one test.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Peak {
    /// The highest memory peak in bytes of the attempts that passed; `None` if none did.
    pub(crate) highest: Option<u64>,
    /// How many attempts passed with a peak that was measured.
    pub(crate) known: usize,
    /// How the last attempt ended.
    pub(crate) last: Last,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Last {
    /// There was none.
    #[default]
    None,
    Passed,
    /// It failed, or had too little memory to begin.
    Failed,
    /// It says nothing of memory.
    Undecided(String),
}

impl From<&Outcome> for Last {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Passed,
            Outcome::NotIsolated(error) if error.step == Step::Exec => Self::Failed,
            Outcome::NotIsolated(error) => Self::Undecided(error.to_string()),
            Outcome::Leaked => {
                Self::Undecided("it leaves processes running, whose memory is in its peak".to_owned())
            }
            Outcome::TimedOut => Self::Undecided("its time ran out".to_owned()),
            _ => Self::Failed,
        }
    }
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
        let mut peaks = self.peaks();
        let noted = peaks.entry(name).or_default();
        noted.highest = noted.highest.max(peak);
        noted.known += usize::from(peak.is_some());
        noted.last = Last::from(&record.outcome);
        Ok(())
    }
}
