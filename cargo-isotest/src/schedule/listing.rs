//! Asks every test binary for its tests, in the slots of the run.

use crate::error::Error;
use crate::harness::ask::{self, Unanswered};
use crate::harness::libtest::{LIST_ARGUMENTS, Listing, WholeBinary};
use crate::sandboxes::Sandboxes;
use crate::sandboxes::error::SandboxError;
use crate::schedule::admission::{Admission, Threads};
use crate::schedule::error::Interrupted;
use crate::schedule::needs::Needs;
use crate::schedule::queue::{Attempt, Launch, Queue};
use crate::schedule::slot_environment;
use crate::schedule::slots::{Flow, Job, News, Workers};
use crate::settings::{Execution, Process};
use crate::testcase::{TestBinary, TestCase};
use crate::update;
use isotest_core::plan::Template;
use isotest_core::record::Record;
use isotest_core::step::Step;
use std::collections::HashMap;
use std::sync::Arc;

/// Tests of all binaries, and the binaries that gave no list.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Tests in the order of the binaries.
    pub(crate) tests: Vec<TestCase>,
    /// Binaries that run whole.
    pub(crate) whole: Vec<WholeBinary>,
    /// Memory peak of each binary that starts and does nothing but answer, by id, where it was measured.
    pub(crate) memory_of_start: HashMap<String, u64>,
}

/// Asks all binaries for their tests, each twice, and measures what that takes if `measured`. An answer may take as long
/// as the time limit.
///
/// # Errors
/// Error of the first binary that could not be asked, or of what stopped the asking.
pub(crate) fn list(
    workers: &Workers<'_>,
    sandboxes: &Sandboxes,
    binaries: &[Arc<TestBinary>],
    execution: &Execution,
    measured: bool,
) -> Result<Listed, Error> {
    let time_limit = execution.list_timeout.value;
    let questions = LIST_ARGUMENTS.len();
    let mut records: Vec<Option<Record>> = vec![None; binaries.len() * questions];
    let mut interrupted = None;
    let plan = |attempt: Attempt| {
        let binary = &binaries[attempt.unit / questions];
        let mut plan = ask::question(binary, LIST_ARGUMENTS[attempt.unit % questions], time_limit, measured);
        let environment = &mut plan.workload.environment;
        match execution.process {
            Process::Test => slot_environment::tell(environment, slot_environment::of_listing(binary)),
            // A binary that executes its tests when it is asked for their names must not update sources.
            Process::Binary { .. } => environment.retain(|(name, _)| !update::is_wish(name)),
        }
        let (template, image) = sandboxes.to_ask(binary);
        Job { template, image, plan, is_test: false, evidence: None }
    };
    let queue = Queue::new(records.iter().map(|_| 1));
    let (jobs, needs) = (workers.jobs(), Needs::default());
    let admission = Admission::new(Threads { jobs, ahead: jobs }, &needs, &|| None);
    workers.execute_all(
        queue,
        admission,
        |attempt, _| plan(attempt),
        |news, _| match news {
            Some(News::Finished(Launch { attempt, .. }, record)) => {
                records[attempt.unit] = Some(*record);
                Flow::On
            }
            Some(News::Interrupted(signal)) => {
                interrupted = Some(signal);
                Flow::NoMore
            }
            // Other messages do not concern a list.
            Some(_) | None => Flow::On,
        },
    );
    if let Some(signal) = interrupted {
        return Err(Interrupted(signal).into());
    }
    let mut listed = Listed::default();
    for (binary, records) in binaries.iter().zip(records.chunks(questions)) {
        let listing = ask::listing(binary, records, time_limit);
        match listing.map_err(|why| error(why, &sandboxes.to_ask(binary).0))? {
            Listing::Tests(tests) => listed.tests.extend(tests),
            Listing::Whole(test, reason) => {
                listed.whole.push(WholeBinary { id: binary.id.clone(), reason });
                listed.tests.push(test);
            }
        }
        listed.memory_of_start.extend(ask::memory_of_start(records).map(|bytes| (binary.id.clone(), bytes)));
    }
    Ok(listed)
}

/// Returns the error of a binary that gave no list, which was asked in a sandbox of this template.
fn error(why: Unanswered, template: &Arc<Template>) -> Error {
    match why {
        Unanswered::Binary(error) => error.into(),
        // Sandboxes can be set up on this host: a process of the sandbox was killed later.
        Unanswered::NotIsolated(error) if error.step == Step::Supervise => {
            SandboxError::Execute(error).into()
        }
        Unanswered::NotIsolated(source) => {
            SandboxError::Setup { template: Some(Arc::clone(template)), source }.into()
        }
    }
}
