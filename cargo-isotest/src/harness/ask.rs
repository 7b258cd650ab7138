//! How a test binary is asked for its tests, inside a sandbox and with a time limit, and what its answers mean.

use crate::error::Error;
use crate::harness::libtest::{self, Answer, Listing};
use crate::testcase::TestBinary;
use isotest_core::limits::Limits;
use isotest_core::outcome::Outcome;
use isotest_core::plan::{SandboxPlan, Workload};
use isotest_core::record::{Captured, Record};
use isotest_core::step::Step;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

/// The longest list, of some 100,000 tests; a binary that prints without end must not cost more.
const OUTPUT_BYTES: usize = 8 << 20;

/// The attempt in which `binary` is asked with these arguments.
pub(crate) fn question(binary: &TestBinary, arguments: &[&str], time_limit: Duration) -> SandboxPlan {
    let (program, arguments) = libtest::command(binary, arguments.iter().map(OsString::from));
    SandboxPlan {
        workload: Workload {
            program: program.to_owned(),
            arguments,
            environment: binary.environment.clone(),
            directory: binary.directory.clone(),
        },
        timeout: Some(time_limit),
        limits: Limits::default(),
        // What it reads of binary and libraries is then charged to nobody's test.
        measured: false,
        inherit_stdio: false,
        interactive: None,
        output_bytes: OUTPUT_BYTES,
    }
}

/// The tests of `binary`, from the records of its questions, which were asked in sandboxes of the template `template`.
///
/// # Errors
/// When a question was not answered, or by an error of the standard harness.
pub(crate) fn listing(
    binary: &Arc<TestBinary>,
    template: usize,
    records: &[Option<Record>],
    time_limit: Duration,
) -> Result<Listing, Error> {
    let [Some(all), Some(ignored)] = records else {
        return Err(failed(binary, "it was not asked".to_owned()));
    };
    let answers =
        [answer(binary, template, all, time_limit)?, answer(binary, template, ignored, time_limit)?];
    libtest::listing(binary, answers).map_err(|refusal| failed(binary, refusal.to_string()))
}

fn answer<'record>(
    binary: &TestBinary,
    template: usize,
    record: &'record Record,
    time_limit: Duration,
) -> Result<Answer<'record>, Error> {
    let why = match &record.outcome {
        Outcome::NotIsolated(error) if matches!(error.step, Step::Exec | Step::ChangeDirectory) => {
            return Err(Error::Listing {
                binary_id: binary.id.clone(),
                why: error.to_string(),
                hint: Some(error.hint()),
            });
        }
        // The host could, until something was killed.
        Outcome::NotIsolated(error) if error.step == Step::Supervise => {
            return Err(Error::Execute(error.clone()));
        }
        Outcome::NotIsolated(error) => return Err(Error::Sandbox { template, source: error.clone() }),
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
    Err(failed(binary, why))
}

fn said(record: &Record, code: i32) -> Answer<'_> {
    let Captured { head, tail, .. } = &record.stderr;
    Answer { stdout: &record.stdout.head, stderr: if tail.is_empty() { head } else { tail }, code }
}

fn failed(binary: &TestBinary, why: String) -> Error {
    Error::Listing { binary_id: binary.id.clone(), why, hint: None }
}
