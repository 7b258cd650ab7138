//! Asks every test binary for its tests, in the slots of the run.

use crate::error::Error;
use crate::harness::ask;
use crate::harness::libtest::{LIST_ARGUMENTS, Listing, WholeBinary};
use crate::sandboxes::Sandboxes;
use crate::schedule::queue::{Attempt, Launch, Queue};
use crate::schedule::slot_environment;
use crate::schedule::slots::{Flow, Job, News, Workers};
use crate::settings::{Execution, Process};
use crate::testcase::{TestBinary, TestCase};
use crate::update;
use isotest_core::record::Record;
use std::sync::Arc;

/// The tests of all binaries, and which binaries have no list.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// The tests, in the order of the binaries.
    pub(crate) tests: Vec<TestCase>,
    /// The binaries that run whole.
    pub(crate) whole: Vec<WholeBinary>,
}

/// Asks all of them, each twice. An answer may take as long as the time limit.
///
/// # Errors
/// The first binary that could not be asked, or what stopped the asking.
pub(crate) fn list(
    workers: &Workers<'_>,
    sandboxes: &Sandboxes,
    binaries: &[Arc<TestBinary>],
    execution: &Execution,
) -> Result<Listed, Error> {
    let time_limit = execution.list_timeout.value;
    let questions = LIST_ARGUMENTS.len();
    let mut records: Vec<Option<Record>> = vec![None; binaries.len() * questions];
    let mut interrupted = None;
    let plan = |attempt: Attempt| {
        let binary = &binaries[attempt.unit / questions];
        let mut plan = ask::question(binary, LIST_ARGUMENTS[attempt.unit % questions], time_limit);
        let environment = &mut plan.workload.environment;
        match execution.process {
            Process::Test => slot_environment::tell(environment, slot_environment::of_listing(binary)),
            // A binary that takes the question for an order to run writes no sources.
            Process::Binary { .. } => environment.retain(|(name, _)| !update::is_wish(name)),
        }
        Job { template: sandboxes.template_for(binary), plan, is_test: false }
    };
    let queue = Queue::new(records.iter().map(|_| 1));
    workers.execute_all(queue, workers.jobs(), plan, |news, _| match news {
        Some(News::Finished(Launch { attempt, .. }, record)) => {
            records[attempt.unit] = Some(*record);
            Flow::On
        }
        Some(News::Interrupted(signal)) => {
            interrupted = Some(signal);
            Flow::NoMore
        }
        Some(News::Ready(_) | News::Started(_) | News::Killed(_) | News::NotStarted | News::Panicked)
        | None => Flow::On,
    });
    if let Some(signal) = interrupted {
        return Err(Error::Interrupted(signal));
    }
    let mut listed = Listed::default();
    for (binary, records) in binaries.iter().zip(records.chunks(questions)) {
        match ask::listing(binary, sandboxes.template_for(binary), records, time_limit)? {
            Listing::Tests(tests) => listed.tests.extend(tests),
            Listing::Whole(test, reason) => {
                listed.whole.push(WholeBinary { id: binary.id.clone(), reason });
                listed.tests.push(test);
            }
        }
    }
    Ok(listed)
}
