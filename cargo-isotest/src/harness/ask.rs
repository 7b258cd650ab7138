//! Asks a test binary for its tests, inside a sandbox and with a time limit, and interprets its answers.

use crate::harness::error::ListingError;
use crate::harness::libtest::{self, Answer, Listing};
use crate::testcase::TestBinary;
use isotest_core::limits::Limits;
use isotest_core::outcome::Outcome;
use isotest_core::plan::{SandboxPlan, Timeout, Workload};
use isotest_core::record::{Captured, Record};
use isotest_core::step::{Step, StepError};
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

/// Limit of a list in bytes, enough for some 100,000 tests; a binary that prints without end must not cost more.
const OUTPUT_BYTES: usize = 8 << 20;

/// Returns the plan by which `binary` is asked with these arguments. What the answer takes is `measured` only on
/// demand: files that the process reads, such as the binary and libraries, are otherwise charged to no attempt.
pub(crate) fn question(
    binary: &TestBinary,
    arguments: &[&str],
    time_limit: Duration,
    measured: bool,
) -> SandboxPlan {
    let (program, arguments) = libtest::command(binary, arguments.iter().map(OsString::from));
    SandboxPlan {
        workload: Workload {
            program: program.to_owned(),
            arguments,
            environment: binary.environment.clone(),
            directory: binary.directory.clone(),
        },
        timeout: Some(Timeout::new(time_limit)),
        limits: Limits::default(),
        measured,
        inherit_stdio: false,
        interactive: None,
        leak_grace: SandboxPlan::LEAK_GRACE,
        output_bytes: OUTPUT_BYTES,
    }
}

/// Reason why a binary gave no list.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Failure of the binary: it cannot be executed, or gives no list.
    Binary(ListingError),
    /// Failure of the sandbox: the binary was not executed, or its sandbox was lost.
    NotIsolated(StepError),
}

impl From<ListingError> for Unanswered {
    fn from(error: ListingError) -> Self {
        Self::Binary(error)
    }
}

/// Returns the tests of `binary`, from the records of its questions.
///
/// # Errors
/// When a question was not answered, or by an error of the standard harness.
pub(crate) fn listing(
    binary: &Arc<TestBinary>,
    records: &[Option<Record>],
    time_limit: Duration,
) -> Result<Listing, Unanswered> {
    let [Some(all), Some(ignored)] = records else {
        return Err(failed(binary, "it was not asked".to_owned()).into());
    };
    let answers = [answer(binary, all, time_limit)?, answer(binary, ignored, time_limit)?];
    libtest::listing(binary, answers).map_err(|refusal| failed(binary, refusal.to_string()).into())
}

/// Returns the memory peak of a binary that starts and does nothing but answer, without page cache: the least of its
/// answers. `None` if a peak was not measured exactly.
pub(crate) fn memory_of_start(records: &[Option<Record>]) -> Option<u64> {
    let of_one = |record: &Option<Record>| {
        let usage = &record.as_ref()?.usage;
        let peak = usage.memory_peak.filter(|peak| !peak.source.is_approximate())?;
        // Page cache that the binary was the first to need is charged to no later attempt.
        Some(peak.value.saturating_sub(usage.memory_split?.value.file).get())
    };
    records.iter().map(of_one).collect::<Option<Vec<_>>>()?.into_iter().min()
}

fn answer<'record>(
    binary: &TestBinary,
    record: &'record Record,
    time_limit: Duration,
) -> Result<Answer<'record>, Unanswered> {
    let why = match &record.outcome {
        Outcome::NotIsolated(error) if matches!(error.step, Step::Exec | Step::ChangeDirectory) => {
            let (binary_id, why) = (binary.id.clone(), error.to_string());
            return Err(ListingError { binary_id, why, hint: Some(error.hint()) }.into());
        }
        Outcome::NotIsolated(error) => return Err(Unanswered::NotIsolated(error.clone())),
        Outcome::TimedOut => {
            let time_limit = humantime::format_duration(time_limit);
            format!("it did not end within {time_limit}, the time of `--list-timeout`")
        }
        Outcome::Signaled { signal } => {
            format!("it was ended by signal {}", crate::text::units::signal(*signal))
        }
        Outcome::OomKilled => "it was killed for want of memory".to_owned(),
        Outcome::Passed | Outcome::Failed { .. } | Outcome::Leaked if !record.stdout.tail.is_empty() => {
            "its list of tests is too long".to_owned()
        }
        Outcome::Passed | Outcome::Leaked => return Ok(said(record, 0)),
        Outcome::Failed { code } => return Ok(said(record, *code)),
    };
    Err(failed(binary, why).into())
}

fn said(record: &Record, code: i32) -> Answer<'_> {
    let Captured { head, tail, .. } = &record.stderr;
    Answer { stdout: &record.stdout.head, stderr: if tail.is_empty() { head } else { tail }, code }
}

fn failed(binary: &TestBinary, why: String) -> ListingError {
    ListingError { binary_id: binary.id.clone(), why, hint: None }
}
