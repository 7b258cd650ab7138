//! One run from what was built to how the process ends.

use crate::app::budgets::{self, Budgets};
use crate::app::list;
use crate::app::session::Session;
use crate::cargo::build::Build;
use crate::cargo::page_cache;
use crate::cli::{NoTests, Seed, meant_subcommand};
use crate::error::Error;
use crate::exit::{End, Exit};
use crate::harness::libtest::WholeBinary;
use crate::harness::together::{self, Unit};
use crate::invocation::Invocation;
use crate::registry::{Listener, Registry};
use crate::report::{OutputError, ReportSettings, Reporters};
use crate::sandboxes::Sandboxes;
use crate::schedule::events::{Event, Reporter};
use crate::schedule::listing::{self, Listed};
use crate::schedule::slots::Workers;
use crate::schedule::summary::{Cancellation, Selection};
use crate::schedule::{Finished, Schedule};
use crate::select::{Selected, SelectionError};
use crate::settings::{Execution, Said, Setting, Settings, Task};
use crate::testcase::TestBinary;
use crate::text::style;
use fastrand::Rng;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;

/// Builds, prepares the sandboxes, does what is asked in them, and leaves the host as it was.
///
/// # Errors
/// What stops the run.
pub(crate) fn execute(said: Said, invocation: &Invocation) -> Result<End, Error> {
    let session = Session::of_tests(said, invocation)?;
    let Session { build, settings, budgets, .. } = &session;
    if settings.course.no_run {
        return Ok(End::Exit(Exit::Ok));
    }
    session.with(invocation, |sandboxes| {
        session.in_slots(sandboxes, |workers, registry| {
            thread::scope(|scope| {
                // Last, so that its thread is none that the slots are then refused.
                let listener = &Listener::open(scope, registry);
                Run { settings, build, budgets, sandboxes, workers, registry, listener }.execute()
            })
        })
    })
}

/// Seeds that are drawn stay short enough to be typed.
const MAX_DRAWN_SEED: u64 = 999_999;

fn warn(error: &Error) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(anstream::stderr(), "{}warning{}: {}", style::WARNING, anstyle::Reset, error.chain());
}

struct Run<'run> {
    settings: &'run Settings,
    build: &'run Build,
    budgets: &'run Budgets,
    sandboxes: &'run Sandboxes,
    workers: &'run Workers<'run>,
    registry: &'run Registry,
    listener: &'run io::Result<Listener>,
}

impl Run<'_> {
    fn execute(&self) -> Result<End, Error> {
        page_cache::page_cache(self.build);
        self.workers.ready()?;
        let Listed { mut tests, whole } =
            listing::list(self.workers, self.sandboxes, &self.build.binaries, &self.settings.execution)?;
        let remarks = self.budgets.assign(&mut tests, self.settings.test.limits.limits().memory);
        let selected = self.settings.selection.choose(tests);
        if selected.tests.is_empty() {
            let error = Error::from(SelectionError::NoTests {
                filtered: selected.filtered,
                ignored: selected.ignored,
                doctests: self.build.untested_documentation.clone(),
                meant: self.settings.selection.filters.first().and_then(|filter| meant_subcommand(filter)),
            });
            match self.settings.course.no_tests.unwrap_or_default() {
                NoTests::Auto | NoTests::Fail => return Err(error),
                NoTests::Warn => warn(&error),
                NoTests::Pass => {}
            }
        }
        if self.settings.task == Task::List {
            let format = self.settings.message_format.value;
            list::write(&selected.tests, format, io::stdout().lock()).map_err(OutputError::Stream)?;
            return Ok(End::Exit(Exit::Ok));
        }
        budgets::check(&selected.tests, self.sandboxes, &self.settings.sandbox)?;
        self.execute_tests(&selected, &whole, remarks)
    }

    fn execute_tests(
        &self,
        selected: &Selected,
        whole: &[WholeBinary],
        remarks: Vec<String>,
    ) -> Result<End, Error> {
        let mut reporters = self.reporters()?;
        let binaries = binaries_of(selected);
        let is_selected = |whole: &&WholeBinary| binaries.iter().any(|binary| binary.id == whole.id);
        let whole: Vec<WholeBinary> = whole.iter().filter(is_selected).cloned().collect();
        let mut units = together::units(&selected.tests, self.settings.execution.process);
        let shuffle_seed = self.settings.course.shuffle.map(|seed| match seed {
            Seed::Number(seed) => seed,
            Seed::Drawn => fastrand::u64(..=MAX_DRAWN_SEED),
        });
        if let Some(seed) = shuffle_seed {
            Rng::with_seed(seed).shuffle(&mut units);
        }
        let titles: Vec<_> = units.iter().map(Unit::title).collect();
        self.registry.expect(titles.iter().map(|test| (test.binary.id.as_str(), test.name.as_str())));
        let mut isolation = self.sandboxes.isolation.clone();
        isolation.remarks.extend(Listener::remark(self.listener));
        isolation.remarks.extend(remarks);
        let unmatched = selected.unmatched.iter();
        isolation
            .remarks
            .extend(unmatched.map(|filter| format!("the filter `{filter}` is in no test's name")));
        let started = reporters.event(&Event::RunStarted {
            isolation: &isolation,
            binaries: &binaries,
            tests: selected.tests.len(),
            jobs: self.sandboxes.jobs.get(),
            shuffle_seed,
            doctests_not_run: &self.build.untested_documentation,
            whole_binaries: &whole,
        });
        started.map_err(OutputError::Stream)?;
        let jobs = Setting { value: self.sandboxes.jobs, ..self.settings.execution.jobs };
        let execution = Execution { jobs, ..self.settings.execution.clone() };
        let of_each: Vec<_> = units.iter().map(|_| &self.settings.test).collect();
        let schedule = Schedule {
            units: &units,
            of_each: &of_each,
            wish: selected.is_of_harness.then_some(&self.settings.selection),
            execution: &execution,
            sandboxes: self.sandboxes,
        };
        let selection = Selection {
            selected: selected.tests.len(),
            ignored: selected.ignored,
            filtered_out: selected.filtered,
        };
        let finished = schedule.execute(self.workers, selection, &mut reporters);
        end_of(finished, reporters.lost())
    }

    fn reporters(&self) -> Result<Reporters, OutputError> {
        let cargo = &self.settings.cargo.output;
        let files = self.settings.reports.iter().map(|file| &file.value);
        Reporters::open(
            files,
            &ReportSettings {
                format: self.settings.message_format.value,
                color: self.settings.color.value,
                verbose: cargo.verbose > 0,
                no_capture: !self.settings.execution.capture.value,
                again: self.settings.again.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            },
        )
    }
}

fn binaries_of(selected: &Selected) -> Vec<Arc<TestBinary>> {
    let mut binaries: Vec<Arc<TestBinary>> = Vec::new();
    for test in &selected.tests {
        // Tests of one binary stand together.
        if binaries.last().is_none_or(|last| !Arc::ptr_eq(last, &test.binary)) {
            binaries.push(Arc::clone(&test.binary));
        }
    }
    binaries
}

/// How we end after a run; `lost` is a report that could not be written to its end, while others tell of the run.
fn end_of(Finished { summary, unwritten }: Finished, lost: Option<OutputError>) -> Result<End, Error> {
    if let Some(Cancellation::Signal(signal)) = summary.cancelled {
        return Ok(End::Interrupted(signal));
    }
    if let Some(error) = unwritten.map(OutputError::Stream).or(lost) {
        return Err(error.into());
    }
    if summary.is_over_budget_only() {
        return Ok(End::Exit(Exit::OverBudget));
    }
    Ok(End::Exit(Exit::from(summary.effect())))
}
