//! Hears what becomes of the attempts of a run, judges it, and tells the reporters.

use crate::harness::together::{self, Cut, Unit};
use crate::registry::Live;
use crate::sandboxes::hints::{self, Ground};
use crate::sandboxes::missing_paths;
use crate::schedule::doubt::{Answer, Doubt, Ended};
use crate::schedule::events::{Between, Event, Reporter, RunningAttempt};
use crate::schedule::executing::Executing;
use crate::schedule::queue::{Attempt, Iteration, Launch, Nth, Purpose, Queue};
use crate::schedule::slots::{Flow, News};
use crate::schedule::summary::{Cancellation, Summary};
use crate::schedule::testimony::testimony;
use crate::settings::{Execution, Process, TestSettings};
use crate::testcase::TestCase;
use crate::values::{MaxFail, Stress};
use crate::verdict::{Effect, Rules, Testimony, Verdict, judge};
use isotest_core::plan::Template;
use isotest_core::record::{PartialRecord, Record};
use isotest_core::sys::clock::Instant;
use isotest_core::usage::Usage;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// Time that is longer than any run.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// Subject of a run: its tests and how they are executed.
#[derive(Clone, Copy)]
pub(super) struct Subject<'run> {
    pub(super) units: &'run [Unit<'run>],
    pub(super) of_each: &'run [Arc<TestSettings>],
    pub(super) templates: &'run [Arc<Template>],
    pub(super) execution: &'run Execution,
    pub(super) stress: Option<Stress>,
    /// Moment at which the time of the run is over.
    pub(super) deadline: Option<Instant>,
    pub(super) ground: &'run Ground,
}

/// State of a run: what is known of its attempts, and what was told of them.
pub(super) struct Run<'run> {
    subject: Subject<'run>,
    pub(super) reporters: &'run mut dyn Reporter,
    pub(super) summary: Summary,
    /// Verdicts that hold until a further attempt at the same unit has ended, and on which attempts they are.
    standing: HashMap<(usize, u32), (Nth, Verdict)>,
    /// Attempts that are in doubt until second attempts say what they are worth.
    doubts: BTreeMap<(usize, u32), Doubt>,
    /// First failure to write a report.
    pub(super) unwritten: Option<io::Error>,
    /// Time at which the run began.
    began: Instant,
    executing: Executing,
    /// Number of iterations that have begun.
    iterations: u32,
    /// Number of tests that have failed for good.
    failures: usize,
}

impl<'run> Run<'run> {
    pub(super) fn new(subject: Subject<'run>, summary: Summary, reporters: &'run mut dyn Reporter) -> Self {
        Self {
            subject,
            reporters,
            summary,
            standing: HashMap::new(),
            doubts: BTreeMap::new(),
            unwritten: None,
            began: Instant::now(),
            executing: Executing::default(),
            iterations: 1,
            failures: 0,
        }
    }

    pub(super) fn hear(&mut self, news: Option<News>, queue: &mut Queue) -> Flow {
        let told = match news {
            None => self.tick(),
            Some(News::Ready(_) | News::NotStarted | News::Panicked) => Ok(Flow::On),
            // A second attempt for a diagnosis is reported with the attempt that it examines.
            Some(News::Started(launch)) if launch.attempt.purpose.is_second() => {
                self.note(launch);
                Ok(Flow::On)
            }
            Some(News::Started(launch)) => {
                self.note(launch);
                self.tell_each(launch, |test| Event::AttemptStarted { test, launch })
            }
            Some(News::Finished(launch, record)) => self.finished(launch, *record, queue),
            // The test itself is reported when the examination has ended.
            Some(News::Killed(launch, _)) if launch.attempt.purpose.is_second() => {
                self.executing.end(launch.attempt);
                Ok(Flow::On)
            }
            Some(News::Killed(launch, record)) => self.killed(launch, *record),
            Some(News::Asked(live)) => self.status(&live).map(|()| Flow::On),
            Some(News::Stopping) => self.reporters.between(Between::Stopping).map(|()| Flow::On),
            Some(News::Waiting(wait, waited)) => {
                self.summary.waited += waited;
                self.reporters.event(&Event::Waiting { wait: wait.as_ref() }).map(|()| Flow::On)
            }
            Some(News::Interrupted(signal)) => self.cancelled(Cancellation::Signal(signal)),
        };
        let flow = told.unwrap_or_else(|error| {
            self.unwritten.get_or_insert(error);
            Flow::End
        });
        if flow == Flow::On {
            self.iterate(queue);
        }
        flow
    }

    /// Has all tests executed once more, if they are to be, no attempt waits any more, and none is to be executed
    /// alone.
    fn iterate(&mut self, queue: &mut Queue) {
        let is_done = queue.is_empty() && self.doubts.is_empty();
        let Some(stress) = self.subject.stress.filter(|_| is_done) else { return };
        let elapsed = Instant::now().saturating_duration_since(self.began);
        if stress.goes_on(self.iterations, elapsed) {
            let (number, total) = (self.iterations.saturating_add(1), stress.iterations());
            self.iterations += u32::from(queue.iterate(Iteration { number, total }));
        }
    }

    /// Returns how often each test was to be executed, or how often it has been if nothing said it; `None` for once.
    pub(super) fn iterations(&self) -> Option<u32> {
        self.subject.stress.map(|stress| stress.iterations().unwrap_or(self.iterations))
    }

    fn note(&mut self, launch: Launch) {
        let period = self.subject.of_each[launch.attempt.unit].slow_timeout.value.period;
        self.executing.begin(launch, period);
    }

    /// Tells how the run stands.
    fn status(&mut self, live: &[Live]) -> io::Result<()> {
        let now = Instant::now();
        let titles: Vec<_> =
            self.executing.launches().map(|launch| (launch, self.unit(launch).title())).collect();
        let attempts: Vec<_> = titles
            .iter()
            .map(|(launch, test)| RunningAttempt {
                test,
                time: now.saturating_duration_since(launch.at),
                live: live.iter().find(|live| live.slot == launch.slot).copied(),
            })
            .collect();
        self.reporters.between(Between::Asked(&attempts))
    }

    /// Tells which attempts are slow, and ends the run when its time is over.
    fn tick(&mut self) -> io::Result<Flow> {
        self.reporters.between(Between::Tick)?;
        let now = Instant::now();
        for (launch, time) in self.executing.slow(now) {
            let test = &self.unit(launch).title();
            self.reporters.event(&Event::AttemptSlow { test, launch, time })?;
        }
        let may_end =
            matches!(self.summary.cancelled, None | Some(Cancellation::FailFast { immediate: false }));
        if may_end && self.subject.deadline.is_some_and(|deadline| deadline <= now) {
            return self.cancelled(Cancellation::GlobalTimeout);
        }
        Ok(Flow::On)
    }

    fn unit(&self, launch: Launch) -> Unit<'run> {
        self.subject.units[launch.attempt.unit]
    }

    fn tell_each(
        &mut self,
        launch: Launch,
        event: impl Fn(&'run TestCase) -> Event<'run>,
    ) -> io::Result<Flow> {
        self.unit(launch).tests().iter().try_for_each(|test| self.reporters.event(&event(test)))?;
        Ok(Flow::On)
    }

    /// Takes back the verdict on an earlier attempt, and returns it.
    fn forget(&mut self, attempt: Attempt) -> Option<Verdict> {
        let (_, verdict) = self.standing.remove(&attempt.place())?;
        self.summary.counts.retract(&verdict);
        Some(verdict)
    }

    fn rules(&self, launch: Launch) -> Rules {
        Rules::from(&*self.subject.of_each[launch.attempt.unit])
    }

    /// Returns when another attempt may start.
    fn next_attempt(&self, launch: Launch) -> Instant {
        let retries = self.subject.of_each[launch.attempt.unit].retries.value;
        let now = Instant::now();
        let delay = retries.delay_after(launch.attempt.nth.number, fastrand::f64());
        // A delay that overflows the clock is replaced by one that never ends.
        now.checked_add(delay).unwrap_or_else(|| now + FOR_EVER)
    }

    fn finished(&mut self, launch: Launch, record: Record, queue: &mut Queue) -> io::Result<Flow> {
        self.executing.end(launch.attempt);
        let earlier = self.forget(launch.attempt);
        let failed = match self.unit(launch).tests() {
            [_] => usize::from(match launch.attempt.purpose {
                Purpose::Verdict => self.test_finished(launch, earlier, record, queue)?,
                _ => self.second_finished(launch, record, queue)?,
            }),
            tests => self.process_finished(tests, launch, record)?,
        };
        self.failures += failed;
        let MaxFail { failures, immediate } = self.subject.execution.max_fail.value;
        let is_enough = failures.is_some_and(|most| most.get() <= self.failures);
        if failed > 0 && is_enough && self.summary.cancelled.is_none() {
            return self.cancelled(Cancellation::FailFast { immediate });
        }
        Ok(Flow::On)
    }

    /// Judges an attempt at a test, and settles it unless it is in doubt. Returns whether the test has failed, for
    /// good.
    fn test_finished(
        &mut self,
        launch: Launch,
        earlier: Option<Verdict>,
        mut record: Record,
        queue: &mut Queue,
    ) -> io::Result<bool> {
        let test = &self.unit(launch).tests()[0];
        let testimony = self.testimony(launch, &mut record);
        missing_paths::remark(&mut record);
        let rules = self.rules(launch);
        let verdict = judge(&record.outcome, testimony, rules);
        let verdict = verdict.held_to(&test.budget, &test.budget.checks(&record));
        let ended = Ended { launch, earlier, record, verdict };
        let purpose = ended.doubt(&test.budget);
        if let Some(purpose) = purpose.filter(|purpose| queue.second(launch.attempt, *purpose)) {
            self.doubts.insert(launch.attempt.place(), Doubt::new(ended, purpose));
            return Ok(false);
        }
        self.settle(ended, queue)
    }

    /// Returns what the harness said of the test of an attempt.
    fn testimony(&self, launch: Launch, record: &mut Record) -> Testimony {
        let test = &self.unit(launch).tests()[0];
        let is_wrapped = self.subject.of_each[launch.attempt.unit].wrapper.is_some();
        testimony(test, self.subject.execution.capture.value, is_wrapped, record)
    }

    /// Takes what becomes of a test by a second attempt at it. Returns whether it has failed, for good.
    fn second_finished(&mut self, launch: Launch, mut record: Record, queue: &mut Queue) -> io::Result<bool> {
        let Some(doubt) = self.doubts.remove(&launch.attempt.place()) else { return Ok(false) };
        let budget = &self.unit(launch).tests()[0].budget;
        let (answer, superseded) = if launch.attempt.purpose == Purpose::Replacement {
            self.summary.replaced += 1;
            doubt.replaced(record)
        } else {
            let testimony = self.testimony(launch, &mut record);
            missing_paths::remark(&mut record);
            let verdict = judge(&record.outcome, testimony, self.rules(launch));
            doubt.answered(Ended { launch, earlier: None, record, verdict }, budget)
        };
        self.summary.add_superseded(&superseded);
        match answer {
            Answer::Settled(ended) => self.settle(ended, queue),
            Answer::Replaced { earlier, record } => self.test_finished(launch, earlier, record, queue),
            Answer::Open(doubt) if queue.second(launch.attempt, doubt.purpose()) => {
                self.doubts.insert(launch.attempt.place(), doubt);
                Ok(false)
            }
            Answer::Open(doubt) => self.settle(doubt.compared_enough(budget), queue),
        }
    }

    /// Settles doubts about tests that will not be executed again, since the run has ended early.
    pub(super) fn give_up_doubt(&mut self) {
        for (_, doubt) in mem::take(&mut self.doubts) {
            if let Err(error) = self.settle(doubt.given_up(), &mut Queue::closed()) {
                self.unwritten.get_or_insert(error);
            }
        }
    }

    /// Counts and reports what an attempt came to. Returns whether the test has failed, for good.
    fn settle(
        &mut self,
        Ended { launch, earlier, mut record, mut verdict }: Ended,
        queue: &mut Queue,
    ) -> io::Result<bool> {
        let (test, rules) = (&self.unit(launch).tests()[0], self.rules(launch));
        let earlier = earlier.as_ref();
        if earlier.is_some_and(Verdict::may_be_retried) {
            verdict = verdict.after_a_failure(rules);
        }
        let is_last = !(verdict.may_be_retried() && queue.again(launch.attempt, self.next_attempt(launch)));
        if !is_last {
            self.standing.insert(launch.attempt.place(), (launch.attempt.nth, verdict.clone()));
        }
        self.explain(launch, &verdict, &mut record);
        self.summary.add(test, &verdict, &record);
        let record = &record;
        self.reporters.event(&Event::AttemptFinished { test, launch, is_last, verdict: &verdict, record })?;
        Ok(is_last && verdict.effect() == Effect::Fails)
    }

    /// Remarks on what of its sandbox may have kept a test from passing.
    fn explain(&self, launch: Launch, verdict: &Verdict, record: &mut Record) {
        if matches!(verdict, Verdict::Passed | Verdict::Leaked { .. } | Verdict::Flaky { .. }) {
            return;
        }
        match self.subject.templates.get(launch.attempt.unit) {
            Some(template) => hints::remark(record, &self.subject.ground.with(template)),
            None => hints::remark(record, self.subject.ground),
        }
    }

    /// Judges a process of several tests, and each test. Returns how many tests have failed; one if only the process
    /// has.
    fn process_finished(
        &mut self,
        tests: &'run [TestCase],
        launch: Launch,
        mut record: Record,
    ) -> io::Result<usize> {
        // With a common process, a timeout may have come before a test began: it never counts as a pass.
        let rules = Rules { timeouts_pass: false, ..self.rules(launch) };
        let judged = |record: &Record| judge(&record.outcome, Testimony::Agrees, rules);
        let fails = |verdict: &Verdict| verdict.effect() == Effect::Fails;
        missing_paths::remark(&mut record);
        let verdict = judged(&record);
        let (mut failed, mut not_begun) = (0, Vec::new());
        for (test, of_test) in tests.iter().zip(together::records(tests, &record, self.threads())) {
            let Some(mut record) = of_test else {
                not_begun.push(test.name.as_str());
                self.reporters.event(&Event::AttemptNotBegun { test })?;
                continue;
            };
            let verdict = &judged(&record);
            failed += usize::from(fails(verdict));
            self.explain(launch, verdict, &mut record);
            self.summary.add(test, verdict, &record);
            let record = &record;
            self.reporters.event(&Event::AttemptFinished { test, launch, is_last: true, verdict, record })?;
        }
        if !not_begun.is_empty() {
            record.remarks.push(together::not_begun(&not_begun));
        }
        let explained = failed > 0;
        let process = self.unit(launch).title();
        self.summary.add_process(&process, &record, !explained && fails(&verdict));
        self.reporters.event(&Event::ProcessFinished {
            process: &process,
            tests: tests.len(),
            launch,
            verdict: &verdict,
            record: &record,
            shows_output: !self.subject.execution.capture.value || !explained,
        })?;
        Ok(failed.max(usize::from(fails(&verdict))))
    }

    /// Takes what is known of an attempt that was killed with the run. Of several tests in one process some may have
    /// ended.
    fn killed(&mut self, launch: Launch, record: PartialRecord) -> io::Result<Flow> {
        self.executing.end(launch.attempt);
        self.forget(launch.attempt);
        let tests = self.unit(launch).tests();
        if let [test] = tests {
            return self.interrupted(test, launch, &record);
        }
        let rules = self.rules(launch);
        let cuts = together::cut(tests, &record, self.threads());
        // Wall time and usage belong to the whole process, whose output is shown once.
        let mut shown = PartialRecord { wall: None, usage: Usage::default(), ..record };
        for (test, cut) in tests.iter().zip(cuts) {
            let record = match cut {
                Cut::Ended(record) => record,
                Cut::Begun => {
                    self.interrupted(test, launch, &mem::take(&mut shown))?;
                    continue;
                }
                Cut::NotBegun => {
                    self.reporters.event(&Event::AttemptNotBegun { test })?;
                    continue;
                }
            };
            let verdict = judge(&record.outcome, Testimony::Agrees, rules);
            self.summary.add(test, &verdict, &record);
            let (verdict, record) = (&verdict, &*record);
            self.reporters.event(&Event::AttemptFinished { test, launch, is_last: true, verdict, record })?;
        }
        Ok(Flow::On)
    }

    /// Returns how many threads a process has in which tests are executed together, if that is said.
    fn threads(&self) -> Option<NonZeroUsize> {
        match self.subject.execution.process {
            Process::Binary { threads } => threads,
            Process::Test => None,
        }
    }

    fn interrupted(&mut self, test: &TestCase, launch: Launch, record: &PartialRecord) -> io::Result<Flow> {
        self.summary.interrupted.push(test.clone());
        self.reporters.event(&Event::AttemptInterrupted { test, launch, record })?;
        Ok(Flow::On)
    }

    /// Says of tests that have failed that no attempt will follow, since the run has ended early.
    pub(super) fn drop_retries(&mut self) {
        let mut standing: Vec<_> = self.standing.iter().map(|(place, (nth, _))| (*place, *nth)).collect();
        standing.sort_unstable_by_key(|(place, _)| *place);
        for ((unit, _), nth) in standing {
            let event = Event::RetriesDropped { test: &self.subject.units[unit].tests()[0], nth };
            if let Err(error) = self.reporters.event(&event) {
                self.unwritten.get_or_insert(error);
            }
        }
    }

    fn cancelled(&mut self, by: Cancellation) -> io::Result<Flow> {
        self.summary.cancelled = Some(by);
        self.reporters.event(&Event::Cancelled { by })?;
        Ok(match by {
            // Attempts in progress have been killed by the signal already.
            Cancellation::Signal(_)
            | Cancellation::SetupFailed { .. }
            | Cancellation::FailFast { immediate: false } => Flow::NoMore,
            Cancellation::FailFast { immediate: true } | Cancellation::GlobalTimeout => Flow::End,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::queue::Answer;
    use crate::schedule::summary::Selection;
    use crate::settings::Setting;
    use crate::testing::builders;
    use crate::values::FlakyResult;
    use crate::verdict::Kind;
    use isotest_core::outcome::Outcome;
    use std::time::Duration;

    /// Reporter that notes what it is told of attempts, in words.
    #[derive(Default)]
    struct Notes(Vec<String>);

    impl Reporter for Notes {
        fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
            let note = match event {
                Event::AttemptStarted { test, launch } => {
                    format!("{} {:?} starts in slot {}", test.name, launch.attempt.nth, launch.slot)
                }
                Event::AttemptFinished { test, launch, is_last, verdict, .. } => {
                    let last = if *is_last { ", its last" } else { "" };
                    let Nth { number, total, .. } = launch.attempt.nth;
                    format!("{} {number} of {total}: {}{last}", test.name, verdict.kind().as_str())
                }
                Event::AttemptInterrupted { test, .. } => format!("{} interrupted", test.name),
                Event::RetriesDropped { test, nth: Nth { number, total, .. } } => {
                    format!("{} ends with {number} of {total}", test.name)
                }
                Event::Cancelled { by } => format!("{by:?}"),
                _ => "other".to_owned(),
            };
            self.0.push(note);
            Ok(())
        }
    }

    fn execution(fail_fast: bool) -> Execution {
        Execution {
            jobs: Setting::default(NonZeroUsize::MIN),
            max_fail: Setting::default(MaxFail::fail_fast(fail_fast)),
            global_timeout: Setting::default(None),
            capture: Setting::default(true),
            list_timeout: Setting::default(Duration::from_mins(1)),
            process: Process::Test,
        }
    }

    /// Has two tests, each with three attempts, end as `end` says of name and number, one after the other. Without a
    /// record an attempt was killed by a signal.
    fn run(fail_fast: bool, end: impl Fn(&str, u32) -> Option<Outcome>) -> (Vec<String>, Summary) {
        run_with(fail_fast, &TestSettings::default(), end)
    }

    fn run_with(
        fail_fast: bool,
        settings: &TestSettings,
        end: impl Fn(&str, u32) -> Option<Outcome>,
    ) -> (Vec<String>, Summary) {
        let tests = ["a", "b"].map(|name| builders::test("tour", name));
        let (units, execution) = (together::units(&tests, Process::Test), execution(fail_fast));
        let summary = Summary::new(Selection { selected: 2, ..Selection::default() });
        let mut notes = Notes::default();
        let of_each = [1, 2].map(|_| Arc::new(settings.clone()));
        let ground = Ground::default();
        let mut run = Run::new(
            Subject {
                units: &units,
                of_each: &of_each,
                templates: &[],
                execution: &execution,
                stress: None,
                deadline: None,
                ground: &ground,
            },
            summary,
            &mut notes,
        );
        let mut queue = Queue::new([3; 2]);
        let mut flow = Flow::On;
        while flow == Flow::On
            && let Some(attempt) = queue.pop(Instant::now(), |_| Answer::Starts)
        {
            let launch = Launch { attempt, slot: 7, at: Instant::now() };
            let outcome = end(&tests[attempt.unit].name, attempt.nth.number);
            flow = if let Some(outcome) = outcome {
                let mut record = builders::record(outcome);
                record.stdout.head = b"running 1 test\n".to_vec();
                run.hear(Some(News::Finished(launch, Box::new(record))), &mut queue)
            } else {
                run.hear(Some(News::Interrupted(2)), &mut queue);
                run.hear(Some(News::Killed(launch, Box::default())), &mut queue);
                Flow::NoMore
            };
        }
        run.drop_retries();
        let summary = run.summary;
        (notes.0, summary)
    }

    const FAILED: Option<Outcome> = Some(Outcome::Failed { code: 101 });

    #[test]
    fn a_test_is_attempted_until_it_passes_and_counted_once() {
        let (notes, summary) = run(false, |name, number| match (name, number) {
            ("a", 1) => FAILED,
            ("a", _) => Some(Outcome::Passed),
            _ => Some(Outcome::TimedOut),
        });
        assert_eq!(
            notes,
            [
                "a 1 of 3: failed",
                "b 1 of 3: timed-out",
                "a 2 of 3: flaky, its last",
                "b 2 of 3: timed-out",
                "b 3 of 3: timed-out, its last"
            ]
        );
        let counts = [Kind::Passed, Kind::Failed, Kind::TimedOut, Kind::Flaky]
            .map(|kind| summary.counts[kind].total());
        assert_eq!((counts, summary.counts.total(), summary.not_run()), ([0, 0, 1, 1], 2, 0));
        assert_eq!(summary.effect(), Effect::Fails);
        assert_eq!(summary.cpu, Some(Duration::from_millis(11)), "each attempt costs");
    }

    #[test]
    fn a_flaky_test_fails_if_it_is_to_and_ends_the_run() {
        let settings =
            TestSettings { flaky_result: Setting::default(FlakyResult::Fail), ..TestSettings::default() };
        let (notes, summary) =
            run_with(true, &settings, |_, number| if number == 1 { FAILED } else { Some(Outcome::Passed) });
        let expected = [
            "a 1 of 3: failed",
            "b 1 of 3: failed",
            "a 2 of 3: flaky, its last",
            "FailFast { immediate: false }",
            "b ends with 1 of 3",
        ];
        assert_eq!((notes.as_slice(), summary.effect()), (&expected.map(str::to_owned)[..], Effect::Fails));
    }

    #[test]
    fn a_test_that_was_not_isolated_is_not_attempted_again() {
        let (notes, summary) = run(false, |_, _| Some(builders::not_isolated()));
        assert_eq!(notes, ["a 1 of 3: not-isolated, its last", "b 1 of 3: not-isolated, its last"]);
        assert_eq!(summary.effect(), Effect::Undecided);
        let (notes, _) =
            run(false, |_, number| if number == 1 { FAILED } else { Some(builders::not_isolated()) });
        assert_eq!(notes[2..], ["a 2 of 3: not-isolated, its last", "b 2 of 3: not-isolated, its last"]);
    }

    #[test]
    fn only_a_failure_for_good_ends_the_run() {
        let (notes, _) = run(true, |_, _| FAILED);
        let last = ["a 3 of 3: failed, its last", "FailFast { immediate: false }", "b ends with 2 of 3"];
        assert_eq!(notes[notes.len() - 3..], last, "{notes:?}");
        assert_eq!(notes.len(), 7, "the third attempt at b does not start: {notes:?}");
    }

    #[test]
    fn a_verdict_stands_until_another_attempt_has_ended() {
        // The second attempt at b never starts.
        let (notes, summary) =
            run(false, |name, number| if (name, number) == ("a", 2) { None } else { FAILED });
        assert_eq!(summary.interrupted.len(), 1);
        assert_eq!((summary.counts[Kind::Failed].total(), summary.not_run()), (1, 0));
        assert_eq!(notes.last().map(String::as_str), Some("b ends with 1 of 3"), "{notes:?}");
    }
}
