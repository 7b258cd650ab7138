//! Maximum use of tests over several runs.

use crate::budget::{Metric, TestName};
use crate::schedule::events::{Event, Reporter};
use isotest_core::outcome::Outcome;
use isotest_core::record::Record;
use isotest_core::step::Step;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum use of one test over its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Peak {
    /// Maximum of each metric over the attempts that passed, by the metric's place; `None` if it was not measured in
    /// any.
    highest: [Option<u64>; Metric::ALL.len()],
    /// Number of attempts that passed with a measured figure, for each metric.
    known: [usize; Metric::ALL.len()],
    /// Outcome of the last attempt.
    pub(crate) last: Last,
}

impl Peak {
    /// Returns the highest memory peak of the attempts that passed.
    pub(crate) const fn memory(&self) -> Option<u64> {
        self.highest[Metric::Memory.place()]
    }

    /// Returns the maximum of a metric, if at least `runs` attempts passed with a measured figure.
    pub(crate) fn highest(&self, metric: Metric, runs: usize) -> Option<u64> {
        self.highest[metric.place()].filter(|_| self.known[metric.place()] >= runs)
    }

    /// Takes an attempt into account.
    pub(crate) fn add(&mut self, record: &Record) {
        let wall = record.ending.as_ref().map(|ending| ending.wall).unwrap_or_default();
        for metric in Metric::ALL {
            let used = metric.used(&record.usage, wall);
            // Files of a test mostly stay until its end, when they are looked at, too.
            let used = used.filter(|(_, is_approximate)| !is_approximate || metric == Metric::Disk);
            let used = used.map(|(value, _)| value).filter(|_| record.outcome == Outcome::Passed);
            let place = metric.place();
            self.highest[place] = self.highest[place].max(used);
            self.known[place] += usize::from(used.is_some());
        }
        self.last = Last::from(&record.outcome);
    }
}

/// Outcome of the last attempt at a test.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Last {
    /// No attempt was made.
    #[default]
    None,
    Passed,
    /// Attempt failed, or had too little memory to begin.
    Failed,
    /// Attempt whose outcome says nothing about memory, with the reason.
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

/// Reporter that notes peaks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Peaks>>);

impl Notes {
    /// Returns the peaks noted so far.
    pub(crate) fn peaks(&self) -> MutexGuard<'_, Peaks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Notes {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let Event::AttemptFinished { test, record, is_last: true, .. } = event else { return Ok(()) };
        let name = (test.binary.id.clone(), test.name.clone());
        self.peaks().entry(name).or_default().add(record);
        Ok(())
    }
}
