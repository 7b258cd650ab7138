//! Executes the selected tests and tells the reporters.

pub(crate) mod admission;
mod common_slots;
mod doubt;
pub(crate) mod error;
pub(crate) mod events;
mod executing;
mod groups;
pub(crate) mod interrupt;
pub(crate) mod keyboard;
pub(crate) mod listing;
pub(crate) mod needs;
pub(crate) mod order;
pub(crate) mod peaks;
mod plan;
pub(crate) mod queue;
pub(crate) mod replay;
mod run;
pub(crate) mod setup;
pub(crate) mod slot_environment;
pub(crate) mod slots;
pub(crate) mod summary;
mod testimony;
pub(crate) mod wait;

pub(crate) use plan::{OUTPUT_BYTES, plan};

use crate::evidence::{Keeper, Store};
use crate::harness::together::Unit;
use crate::phases;
use crate::sandboxes::{ForTests, Sandboxes};
use crate::schedule::admission::{Admission, Threads};
use crate::schedule::events::{Event, Reporter};
use crate::schedule::groups::Place;
use crate::schedule::needs::Needs;
use crate::schedule::plan::plan_of;
use crate::schedule::queue::{Attempt, Iteration, Purpose, Queue};
use crate::schedule::run::{Run, Subject};
use crate::schedule::setup::Variables;
use crate::schedule::slots::{Job, Workers};
use crate::schedule::summary::{Selection, Summary};
use crate::select;
use crate::settings::{Execution, Process, TestSettings};
use crate::values::Stress;
use isotest_core::Bytes;
use isotest_core::sys::clock::Instant;
use std::io;
use std::sync::Arc;

/// Tests of a run and how they are executed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule<'run> {
    /// Units of tests, in the order in which they are executed.
    pub(crate) units: &'run [Unit<'run>],
    /// Settings of each unit.
    pub(crate) of_each: &'run [Arc<TestSettings>],
    /// Template of the sandbox of each unit, and the configuration of the container image of its root.
    pub(crate) shown: &'run ForTests,
    /// Needs of the units before they start.
    pub(crate) needs: &'run Needs,
    /// Variables that setup scripts tell each unit.
    pub(crate) variables: &'run [Variables],
    /// Selection of the tests, if the harness can be told of it.
    pub(crate) wish: Option<&'run select::Selection>,
    /// Settings of the execution.
    pub(crate) execution: &'run Execution,
    /// Repetition of the tests, if they are executed more than once.
    pub(crate) stress: Option<Stress>,
    /// Start of the run: that of its first setup script, or else of its first attempt.
    pub(crate) began: Instant,
    /// Sandboxes in which the tests are executed.
    pub(crate) sandboxes: &'run Sandboxes,
    /// Store of evidence; `None` if evidence is thrown away.
    pub(crate) evidence: Option<&'run Arc<Store>>,
}

/// Result of a run.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Counts and peaks of the run.
    pub(crate) summary: Summary,
    /// First failure to write a report; nothing was executed after it.
    pub(crate) unwritten: Option<io::Error>,
}

impl Schedule<'_> {
    fn job(&self, attempt: Attempt, place: Option<Place>) -> Job {
        let unit = self.units[attempt.unit];
        let (template, image) = (&self.shown.templates[attempt.unit], &self.shown.images[attempt.unit]);
        let (template, image) = (Arc::clone(template), Arc::clone(image));
        let mut plan = plan_of(unit, attempt.nth, self.execution, &self.of_each[attempt.unit], self.wish);
        if let (true, Some(place)) = (unit.is_one_test(), place) {
            slot_environment::tell(&mut plan.workload.environment, slot_environment::of_place(place.slot));
        }
        for (name, value) in self.variables.get(attempt.unit).into_iter().flatten() {
            setup::set(&mut plan.workload.environment, name, value);
        }
        if attempt.purpose == Purpose::Confirmation {
            let budget = unit.tests()[0].budget.memory().map(Bytes::new);
            plan.limits.memory = plan.limits.memory.into_iter().chain(budget).min();
            // With swap, memory would move there instead of being taken from the page cache.
            plan.limits.swap = None;
        }
        let title = unit.title();
        let keeper = |store: &Arc<Store>| Keeper::new(store, &title.binary.id, &title.name);
        let is_test = self.execution.process == Process::Test;
        Job { template, image, plan, is_test, evidence: self.evidence.map(keeper) }
    }

    /// Executes the tests until the last, the first failure if that is to end it, or a signal.
    pub(crate) fn execute(
        self,
        workers: &Workers<'_>,
        selection: Selection,
        reporters: &mut dyn Reporter,
    ) -> Finished {
        phases::begin("tests");
        let summary = Summary::new(selection);
        let ground = &self.sandboxes.ground;
        let mut run = Run::new(
            Subject {
                units: self.units,
                of_each: self.of_each,
                templates: &self.shown.templates,
                execution: self.execution,
                stress: self.stress,
                deadline: workers.deadline(),
                ground,
            },
            summary,
            reporters,
        );
        // One order ahead for each slot, so that none waits for its next plan; none with `--max-fail`, as a failure
        // could cancel the order.
        let ahead = if self.execution.max_fail.value.failures.is_some() { 0 } else { workers.jobs() };
        // Tests that share a process are not retried: those that passed would be executed again, too.
        let attempts = |(place, (unit, settings)): (usize, (&Unit<'_>, &Arc<TestSettings>))| {
            let retries = if unit.is_one_test() { settings.retries.value.count } else { 0 };
            (retries.saturating_add(1), self.needs.lane(place))
        };
        let first = self.stress.map(|stress| Iteration { number: 1, total: stress.iterations() });
        let units = self.units.iter().zip(self.of_each).enumerate().map(attempts);
        let queue = Queue::with_groups(units, first);
        let room = || self.sandboxes.free_memory.read();
        let admission = Admission::new(Threads { jobs: workers.jobs(), ahead }, self.needs, &room);
        workers.execute_all(
            queue,
            admission,
            |attempt, place| self.job(attempt, place),
            |news, queue| run.hear(news, queue),
        );
        phases::begin("end");
        run.give_up_doubt();
        run.drop_retries();
        let iterations = run.iterations();
        let Run { mut summary, mut unwritten, reporters, .. } = run;
        summary.iterations = iterations;
        summary.wall = self.began.elapsed();
        if unwritten.is_none() {
            unwritten = reporters.event(&Event::RunFinished { summary: &summary }).err();
        }
        Finished { summary, unwritten }
    }
}
