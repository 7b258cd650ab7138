//! History of a run's tests: read before the run and continued after it. Failures are warnings.

use crate::app::warning::{Warning, warn};
use crate::history::{HistoryError, Past, Place, Store, TestResult};
use crate::invocation::Invocation;
use crate::phases::timed;
use crate::schedule::events::{Between, Event, Reporter};
use crate::schedule::queue::Nth;
use crate::testcase::TestCase;
use crate::verdict::Verdict;
use isotest_core::record::Record;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Record of earlier runs, and the place where this one is added.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Results of earlier runs.
    pub(super) past: Past,
    /// Database to add results to; `None` if none are added.
    store: Option<Store>,
}

impl History {
    /// Reads the history of a workspace. A file that cannot be read is set aside.
    pub(super) fn open(workspace: &Path, invocation: &Invocation) -> Self {
        let [state_home, home] =
            ["XDG_STATE_HOME", "HOME"].map(|name| invocation.variable(name).map(Path::new));
        let Some(place) = Place::of_workspace(workspace, state_home, home) else { return Self::default() };
        let store = Store::new(place);
        match store.read() {
            Ok(past) => Self { past, store: Some(store) },
            // The process that holds the lock now may have released it at the end of the run.
            Err(error @ HistoryError::Locked { .. }) => {
                warn(Warning::HistoryLocked(error));
                Self { past: Past::default(), store: Some(store) }
            }
            Err(error) => {
                let aside = store.set_aside().ok();
                let store = aside.is_some().then_some(store);
                warn(Warning::HistoryUnread { aside, error });
                Self { past: Past::default(), store }
            }
        }
    }

    /// Creates a history of known results, to which none are added.
    pub(super) fn known(past: Past) -> Self {
        Self { past, store: None }
    }

    /// Returns whether the history is empty and results can be added.
    pub(super) fn is_new(&self) -> bool {
        self.store.is_some() && self.past.is_empty()
    }

    /// Turns the history into one to which no results are added.
    pub(super) fn unchanged(self) -> Self {
        Self { store: None, ..self }
    }

    /// Adds the results of tests.
    pub(super) fn add(&self, results: &[(String, String, TestResult)]) {
        let Some(store) = self.store.as_ref().filter(|_| !results.is_empty()) else { return };
        if let Err(error) = timed("- history", || store.add(results)) {
            warn(Warning::HistoryUnwritten(error));
        }
    }
}

/// Reporter that notes the results of tests, and passes events on to another reporter.
pub(super) struct Recorder<'run> {
    reporter: &'run mut dyn Reporter,
    results: Vec<(String, String, TestResult)>,
    /// Results, by binary and name, of attempts after which another attempt was announced.
    standing: HashMap<(String, String), TestResult>,
    /// Results, by binary and name, of tests that are executed several times: that of a failure, or else the latest.
    iterated: HashMap<(String, String), TestResult>,
}

impl<'run> Recorder<'run> {
    /// Creates a recorder that passes events on to `reporter`.
    pub(super) fn before(reporter: &'run mut dyn Reporter) -> Self {
        Self { reporter, results: Vec::new(), standing: HashMap::new(), iterated: HashMap::new() }
    }

    /// Returns the results of tests.
    pub(super) fn results(self) -> Vec<(String, String, TestResult)> {
        let Self { mut results, iterated, .. } = self;
        results.extend(iterated.into_iter().map(|((binary_id, name), result)| (binary_id, name, result)));
        results
    }

    fn note(&mut self, test: &TestCase, nth: Nth, is_last: bool, result: TestResult) {
        let key = (test.binary.id.clone(), test.name.clone());
        if !is_last {
            self.standing.insert(key, result);
        } else if nth.iteration.is_none() {
            self.results.push((key.0, key.1, result));
        } else if !result.passes || self.iterated.get(&key).is_none_or(|known| known.passes) {
            self.iterated.insert(key, result);
        }
    }

    /// Makes the noted attempt the last one, as the announced attempt is not made.
    fn settle(&mut self, test: &TestCase, nth: Nth) {
        let key = (test.binary.id.clone(), test.name.clone());
        if let Some(result) = self.standing.remove(&key) {
            self.note(test, nth, true, result);
        }
    }
}

/// Returns the result of an attempt for the history.
fn result(verdict: &Verdict, record: &Record) -> TestResult {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (usage, is_trusted) = (&record.usage, record.suspect.is_none());
    let cpu = usage.cpu.filter(|_| is_trusted).map(|cpu| cpu.value.user + cpu.value.system);
    TestResult {
        at: now.as_secs(),
        verdict: verdict.kind().as_str().to_owned(),
        passes: verdict.passes(),
        wall_us: record.ending.as_ref().map(|ending| microseconds(ending.wall)),
        cpu_us: cpu.map(microseconds),
        memory_peak: usage.memory_peak.filter(|_| is_trusted).map(|peak| peak.value.get()),
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Reporter for Recorder<'_> {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::AttemptFinished { test, launch, is_last, verdict, record } => {
                self.note(test, launch.attempt.nth, *is_last, result(verdict, record));
            }
            Event::RetriesDropped { test, nth } => self.settle(test, *nth),
            _ => {}
        }
        self.reporter.event(event)
    }

    fn between(&mut self, what: Between<'_>) -> io::Result<()> {
        self.reporter.between(what)
    }
}
