//! Executes the selected tests and tells the reporters.

pub(crate) mod events;
pub(crate) mod interrupt;
pub(crate) mod listing;
pub(crate) mod slot_environment;
pub(crate) mod slots;
pub(crate) mod summary;

use crate::harness::libtest::{self, Announced};
use crate::harness::together::{self, Unit};
use crate::sandboxes::Sandboxes;
use crate::sandboxes::missing_paths;
use crate::schedule::events::{Event, Reporter};
use crate::schedule::slots::{Flow, Job, News, Workers};
use crate::schedule::summary::{Cancellation, Selection, Summary};
use crate::select;
use crate::settings::{Execution, Process};
use crate::testcase::TestCase;
use crate::verdict::{Effect, Rules, Testimony, Verdict, judge};
use isotest_core::limits::Limits;
use isotest_core::outcome::Outcome;
use isotest_core::plan::{SandboxPlan, Workload};
use isotest_core::record::{Captured, Record};
use memchr::memmem;
use std::io;
use std::time::Instant;

/// What is kept of the beginning, and as much of the end, of each stream of a test.
const OUTPUT_BYTES: usize = 512 << 10;

/// The tests of a run and how they are executed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule<'run> {
    /// The tests, in order, as they are executed.
    pub(crate) units: &'run [Unit<'run>],
    /// By what they were selected.
    pub(crate) wish: &'run select::Selection,
    /// How.
    pub(crate) execution: &'run Execution,
    /// In what.
    pub(crate) sandboxes: &'run Sandboxes,
}

/// How a run went.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The counts.
    pub(crate) summary: Summary,
    /// The first failure to write a report; nothing was executed after it.
    pub(crate) unwritten: Option<io::Error>,
}

impl Schedule<'_> {
    fn job(&self, n: usize) -> Job {
        let unit = self.units[n];
        let template = self.sandboxes.template_for(unit.binary());
        let plan = plan_of(unit, self.execution, self.wish, &self.sandboxes.limits);
        Job { template, plan, is_test: self.execution.process == Process::Test }
    }

    /// Executes the tests until the last, the first failure if that is to end it, or a signal.
    pub(crate) fn execute(
        self,
        workers: &Workers<'_>,
        selection: Selection,
        reporters: &mut dyn Reporter,
    ) -> Finished {
        let started = Instant::now();
        let summary = Summary::new(selection);
        let mut run = Run { schedule: self, reporters, summary, unwritten: None };
        // An order for each slot, so that none waits for the next plan, but none that a failure would have prevented.
        let ahead = if self.execution.fail_fast.value { 0 } else { workers.jobs() };
        workers.execute_all(self.units.len(), ahead, |n| self.job(n), |news| run.hear(news));
        let Run { mut summary, mut unwritten, reporters, .. } = run;
        summary.wall = started.elapsed();
        if unwritten.is_none() {
            unwritten = reporters.event(&Event::RunFinished { summary: &summary }).err();
        }
        Finished { summary, unwritten }
    }
}

/// How a test is executed by itself.
pub(crate) fn plan(test: &TestCase, execution: &Execution, limits: &Limits) -> SandboxPlan {
    let mut environment = test.binary.environment.clone();
    if execution.process == Process::Test {
        slot_environment::tell(&mut environment, slot_environment::of_test(test, execution.jobs.value.get()));
    }
    let (program, arguments) = libtest::command(&test.binary, libtest::arguments(test));
    SandboxPlan {
        workload: Workload {
            program: program.to_owned(),
            arguments,
            environment,
            directory: test.binary.directory.clone(),
        },
        timeout: execution.timeout.value,
        limits: limits.clone(),
        measured: true,
        inherit_stdio: !execution.capture.value,
        attended: None,
        output_bytes: OUTPUT_BYTES,
    }
}

/// How the tests of a unit are executed. What those write that share a process is always read, for it tells of each.
fn plan_of(unit: Unit<'_>, execution: &Execution, wish: &select::Selection, limits: &Limits) -> SandboxPlan {
    let title = unit.title();
    let plan = plan(&title, execution, limits);
    let Process::Binary { threads } = execution.process else { return plan };
    if unit.is_one_test() {
        return plan;
    }
    let arguments = together::arguments(wish, threads, execution.capture.value);
    let (_, arguments) = libtest::command(&title.binary, arguments);
    SandboxPlan {
        workload: Workload { arguments, ..plan.workload },
        inherit_stdio: false,
        output_bytes: together::OUTPUT_BYTES,
        ..plan
    }
}

struct Run<'run> {
    schedule: Schedule<'run>,
    reporters: &'run mut dyn Reporter,
    summary: Summary,
    unwritten: Option<io::Error>,
}

impl<'run> Run<'run> {
    fn hear(&mut self, news: Option<News>) -> Flow {
        let told = match news {
            None => self.reporters.tick().map(|()| Flow::On),
            Some(News::Ready(_) | News::Finished(_, None) | News::Panicked) => Ok(Flow::On),
            Some(News::Started(n)) => self.of_each(n, |test| Event::AttemptStarted { test }),
            Some(News::Finished(n, Some(record))) => self.finished(n, *record),
            Some(News::Killed(n)) => {
                self.summary.interrupted.extend(self.unit(n).tests().iter().cloned());
                self.of_each(n, |test| Event::AttemptInterrupted { test })
            }
            Some(News::Interrupted(signal)) => self.cancelled(Cancellation::Signal(signal)),
        };
        told.unwrap_or_else(|error| {
            self.unwritten.get_or_insert(error);
            Flow::End
        })
    }

    fn unit(&self, n: usize) -> Unit<'run> {
        self.schedule.units[n]
    }

    fn of_each(&mut self, n: usize, event: impl Fn(&'run TestCase) -> Event<'run>) -> io::Result<Flow> {
        self.unit(n).tests().iter().try_for_each(|test| self.reporters.event(&event(test)))?;
        Ok(Flow::On)
    }

    fn finished(&mut self, n: usize, mut record: Record) -> io::Result<Flow> {
        let unit = self.unit(n);
        let captured = self.schedule.execution.capture.value;
        let rules = Rules::from(self.schedule.execution);
        let fails = |verdict: &Verdict| verdict.effect() == Effect::Fails;
        let failed = if let [test] = unit.tests() {
            let testimony = testimony(test, captured, &mut record);
            missing_paths::remark(&mut record);
            let verdict = judge(&record.outcome, testimony, rules);
            self.ended(test, &verdict, &mut record)?;
            fails(&verdict)
        } else {
            missing_paths::remark(&mut record);
            let records = together::records(unit.tests(), &record);
            let of_test = |record: &Record| judge(&record.outcome, Testimony::Agrees, rules);
            let verdicts: Vec<_> = records.iter().map(of_test).collect();
            let explained = verdicts.iter().any(fails);
            for ((test, verdict), mut record) in unit.tests().iter().zip(&verdicts).zip(records) {
                self.ended(test, verdict, &mut record)?;
            }
            let verdict = judge(&record.outcome, Testimony::Agrees, rules);
            let process = unit.title();
            self.summary.add_process(&process, &record, !explained && fails(&verdict));
            self.reporters.event(&Event::ProcessFinished {
                process: &process,
                tests: unit.tests().len(),
                verdict: &verdict,
                record: &record,
                shows_output: !captured || !explained,
            })?;
            explained || fails(&verdict)
        };
        if failed && self.schedule.execution.fail_fast.value && self.summary.cancelled.is_none() {
            return self.cancelled(Cancellation::FailFast);
        }
        Ok(Flow::On)
    }

    fn ended(&mut self, test: &TestCase, verdict: &Verdict, record: &mut Record) -> io::Result<()> {
        explain(verdict, record);
        self.summary.add(test, verdict, record);
        self.reporters.event(&Event::AttemptFinished { test, attempt: 1, verdict, record })
    }

    fn cancelled(&mut self, by: Cancellation) -> io::Result<Flow> {
        self.summary.cancelled = Some(by);
        self.reporters.event(&Event::Cancelled { by })?;
        Ok(Flow::NoMore)
    }
}

/// What the harness said of its only test, with a remark on the record where that is not what its exit says.
fn testimony(test: &TestCase, captured: bool, record: &mut Record) -> Testimony {
    let passed = matches!(record.outcome, Outcome::Passed | Outcome::Leaked);
    if !passed || !captured || test.whole {
        return Testimony::Agrees;
    }
    let (testimony, remark) = match libtest::announced(&test.binary, &record.stdout.head) {
        Announced::Nothing => (Testimony::NoTest, "the harness exited with 0 but executed no test"),
        // Cargo would let it pass, too; but the standard harness always says it.
        Announced::Unsaid if test.binary.harness => {
            (Testimony::Agrees, "the harness exited with 0 but did not say that it executed a test")
        }
        Announced::Tests | Announced::Unsaid => return Testimony::Agrees,
    };
    record.remarks.push(remark.to_owned());
    testimony
}

/// What the user should know of a test that says that something of the sandbox kept it from passing.
fn explain(verdict: &Verdict, record: &mut Record) {
    if !matches!(verdict, Verdict::Passed | Verdict::Leaked { .. }) {
        let outputs = [&record.stdout, &record.stderr];
        let told = TELLTALES.iter().filter(|(words, _)| words.iter().any(|words| says(outputs, words)));
        record.remarks.extend(told.map(|(_, remark)| (*remark).to_owned()));
    }
}

/// What failed tests say when it is the sandbox that they fail of, and what the user should know then.
const TELLTALES: [(&[&str], &str); 3] = [
    (
        // The last are the words of the C library, for programs that a test starts.
        &["os error 75", "Os { code: 75,", "Value too large for defined data type"],
        "os error 75: what belongs to another user or group cannot be changed in a copy-on-write directory, nor \
         anything made in it; `--keep PATH` lets the test change it itself",
    ),
    (
        &["os error 5)", "Os { code: 5,"],
        "os error 5: before Linux 6.6 only root can remove a directory in a copy-on-write directory that is not new; \
         `--keep PATH` lets the test change the directory itself",
    ),
    (
        &["os error 101", "Os { code: 101,", "Temporary failure in name resolution"],
        "tests do not reach the host's network; `--network host` gives it to them",
    ),
];

fn says(outputs: [&Captured; 2], words: &str) -> bool {
    let holds = |text: &[u8]| memmem::find(text, words.as_bytes()).is_some();
    outputs.into_iter().any(|output| holds(&output.head) || holds(&output.tail))
}
