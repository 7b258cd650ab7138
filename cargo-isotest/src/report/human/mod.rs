//! Events as text for people.

mod autopsy;
mod closing;
mod command;
pub(crate) mod line;
mod opening;
mod progress;
mod thrown_away;
mod waits;

pub(crate) use autopsy::gap;
pub(crate) use command::{
    after as after_command, before as before_command, doctests as doctests_summary, shell as before_shell,
};
pub(crate) use line::title;
pub(super) use progress::{Bar, Screen};
pub(crate) use waits::Words;

use crate::cli::{DisplayArgs, OutputTime, StatusLevel};
use crate::report::repeat::Again;
use crate::schedule::events::{Between, Event, Reporter, RunningAttempt};
use crate::schedule::queue::Nth;
use crate::testcase::{TestBinary, TestCase};
use crate::text::sanitize::word;
use crate::text::style::{NOTE, WARN, headed};
use crate::text::units::{memory, plural};
use crate::verdict::Kind;
use console::measure_text_width;
use isotest_core::sys::clock::Instant;
use line::{Attempt, Layout, interrupted};
use progress::Running;
use std::io;
use std::mem::take;
use std::path::PathBuf;
use std::sync::Arc;
use thrown_away::ThrownAway;

/// Longer binary ids do not widen the column for all others.
const WIDEST_ID: usize = 40;

/// How much to say.
#[derive(Debug, Clone, Default)]
pub(super) struct HumanSettings {
    /// Say which changed files were thrown away.
    pub(super) verbose: bool,
    /// Tests write straight to the terminal: announce each, so that its output has a heading.
    pub(super) no_capture: bool,
    /// What is shown of tests.
    pub(super) display: DisplayArgs,
    /// The arguments with which a failed test is executed again, beside its name.
    pub(super) again: Again,
    /// The lines of attempts are for a terminal with few columns.
    pub(super) narrow: bool,
    /// Where the reader stands.
    pub(super) here: PathBuf,
}

/// Writes one line for each attempt, and more for those that did not pass.
pub(super) struct Human {
    screen: Screen,
    settings: HumanSettings,
    running: Running,
    id_width: usize,
    /// The titles and lines of the tests that did not pass in their latest attempts, to be repeated at the end.
    bad_lines: Vec<(String, String)>,
    /// The lines of the tests that passed after they had failed.
    flaky_lines: Vec<String>,
    /// The lines of tests that passed and whose output is shown at the end, with that.
    passed_lines: Vec<String>,
    thrown_away: ThrownAway,
}

impl Human {
    pub(super) fn new(screen: Screen, settings: HumanSettings) -> Self {
        let running = Running::new(Instant::now());
        Self {
            screen,
            settings,
            running,
            id_width: 0,
            bad_lines: Vec::new(),
            flaky_lines: Vec::new(),
            passed_lines: Vec::new(),
            thrown_away: ThrownAway::default(),
        }
    }

    fn layout(&self) -> Layout {
        if self.settings.narrow { Layout::Narrow } else { Layout::Wide { id_width: self.id_width } }
    }

    /// What is to be written about an event.
    fn text(&mut self, event: &Event<'_>, now: Instant) -> String {
        match event {
            Event::RunStarted { binaries, tests, .. } => {
                self.id_width = id_width(binaries);
                self.running.expect(*tests, now);
                opening::lines(event)
            }
            Event::AttemptStarted { test, launch } => {
                self.running.start(test);
                let Nth { number, total } = launch.attempt.nth;
                let again =
                    if number > 1 { format!(" (attempt {number} of {total})") } else { String::new() };
                if self.settings.no_capture {
                    headed(NOTE, "Start", &(title(test) + &again))
                } else {
                    String::new()
                }
            }
            Event::Waiting { wait } => {
                self.running.wait(*wait);
                String::new()
            }
            Event::AttemptSlow { .. } if !self.shows(StatusLevel::Slow) => String::new(),
            Event::AttemptSlow { test, time, .. } => {
                headed(WARN, "Slow", &format!("[>{:>6.1}s] {}", time.as_secs_f64(), title(test)))
            }
            Event::AttemptFinished { test, launch, is_last, verdict, record } => {
                self.finished(&Attempt { test, nth: launch.attempt.nth, verdict, record, is_last: *is_last })
            }
            Event::ProcessFinished { process, launch, verdict, record, shows_output, .. } => {
                let nth = launch.attempt.nth;
                let attempt = Attempt { test: process, nth, verdict, record, is_last: true };
                self.process_finished(&attempt, *shows_output)
            }
            Event::AttemptInterrupted { test } => {
                self.running.finish(test, true, false);
                interrupted(test, self.layout())
            }
            Event::Cancelled { by } => closing::cancelling(*by),
            Event::RunFinished { summary } => {
                self.repeated() + &self.thrown_away.line(&self.settings.here) + &closing::lines(summary)
            }
        }
    }

    fn finished(&mut self, attempt: &Attempt<'_>) -> String {
        let is_bad = !attempt.verdict.passes();
        self.running.finish(attempt.test, attempt.is_last, is_bad);
        let line = attempt.line(self.layout());
        if !attempt.nth.is_first() {
            let title = title(attempt.test);
            self.bad_lines.retain(|(of, _)| *of != title);
        }
        let mut details = attempt.details(self.settings.verbose);
        if let Some(ending) = attempt.record.ending.as_ref() {
            if attempt.is_last {
                self.thrown_away.add(attempt.test, ending);
            }
            if is_bad {
                let lost = thrown_away::beside(attempt.test, ending, &self.settings.here);
                details.extend(lost.map(|line| line::indented(&line)));
            }
        }
        let DisplayArgs { success_output, failure_output, .. } = self.settings.display;
        let time = if is_bad {
            failure_output.unwrap_or(OutputTime::Immediate)
        } else {
            success_output.unwrap_or(OutputTime::Never)
        };
        let output = |is_due: bool| if is_due { attempt.output() } else { String::new() };
        let lasting = line.clone() + &output(time.is_final());
        if is_bad {
            self.bad_lines.push((title(attempt.test), lasting));
        } else if attempt.verdict.kind() == Kind::Flaky {
            self.flaky_lines.push(lasting);
        } else if time.is_final() {
            self.passed_lines.push(lasting);
        }
        let immediate = output(time.is_immediate());
        if !self.shows(level(attempt)) {
            return immediate;
        }
        let again = if is_bad && attempt.is_last { self.again(attempt.test) } else { String::new() };
        line + &details + &immediate + &again
    }

    /// Whether results of this level are shown while the run goes on.
    fn shows(&self, level: StatusLevel) -> bool {
        level <= self.settings.display.status_level.unwrap_or_default()
    }

    /// Returns the line with the command that executes just this test.
    fn again(&self, test: &TestCase) -> String {
        let command = self.settings.again.command(&test.title(), test.ignored);
        command.map(|command| headed(NOTE, "Repeat", &word(&command))).unwrap_or_default()
    }

    fn process_finished(&self, attempt: &Attempt<'_>, shows_output: bool) -> String {
        let HumanSettings { verbose, no_capture, .. } = self.settings;
        let text = attempt.line(self.layout()) + &attempt.details(verbose);
        let shows_output = shows_output && (no_capture || !attempt.verdict.passes());
        if shows_output { text + &attempt.output() } else { text }
    }

    fn repeated(&mut self) -> String {
        let bad = take(&mut self.bad_lines).into_iter().map(|(_, line)| line).collect::<Vec<_>>();
        list("Passed", &take(&mut self.passed_lines))
            + &list("Flaky", &take(&mut self.flaky_lines))
            + &list("Not passed", &bad)
    }
}

impl Reporter for Human {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let now = Instant::now();
        let text = self.text(event, now);
        match event {
            Event::RunFinished { .. } => self.screen.close(),
            Event::RunStarted { .. }
            | Event::AttemptStarted { .. }
            | Event::Waiting { .. }
            | Event::AttemptSlow { .. }
            | Event::AttemptFinished { .. }
            | Event::ProcessFinished { .. }
            | Event::AttemptInterrupted { .. }
            | Event::Cancelled { .. } => self.screen.show(&self.running, now),
        }
        self.screen.write(&text)
    }

    fn between(&mut self, what: Between<'_>) -> io::Result<()> {
        let now = Instant::now();
        match what {
            Between::Tick => self.screen.show(&self.running, now),
            Between::Stopping => self.screen.hide(),
            Between::Asked(attempts) => {
                let lines: String = attempts.iter().map(running).collect();
                self.screen.write(&(headed(NOTE, "Status", &self.running.status(now)) + &lines))?;
            }
        }
        Ok(())
    }
}

/// The line of an attempt that is running.
fn running(RunningAttempt { test, time, live }: &RunningAttempt<'_>) -> String {
    let memory = live.and_then(|live| live.memory_bytes).map_or_else(|| "-".to_owned(), memory);
    let tasks =
        live.and_then(|live| live.tasks).map_or_else(|| "-".to_owned(), |tasks| plural(tasks, "task"));
    let figures = format!("[{:>7.3}s] {memory:>10}  {tasks}  {}", time.as_secs_f64(), title(test));
    headed(NOTE, "Running", &figures)
}

/// The level from which on the result of an attempt is shown.
fn level(attempt: &Attempt<'_>) -> StatusLevel {
    match (attempt.verdict.passes(), attempt.verdict.kind()) {
        (false, _) if attempt.is_last => StatusLevel::Fail,
        (false, _) | (true, Kind::Flaky) => StatusLevel::Retry,
        (true, Kind::TimedOut) => StatusLevel::Slow,
        (true, Kind::Leaked) => StatusLevel::Leak,
        (true, _) => StatusLevel::Pass,
    }
}

/// The lines of some tests below a heading; nothing for none.
fn list(heading: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    headed(WARN, heading, &format!("{}:", plural(lines.len(), "test"))) + &lines.concat()
}

fn id_width(binaries: &[Arc<TestBinary>]) -> usize {
    let widths = binaries.iter().map(|binary| measure_text_width(&binary.id));
    widths.filter(|width| *width <= WIDEST_ID).max().unwrap_or(0)
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::schedule::summary::{Selection, Summary};
    use crate::testing::builders;
    use crate::verdict::{Rules, Testimony, judge};
    use isotest_core::outcome::Outcome;
    use snapbox::{assert_data_eq, str};
    use std::time::Duration;

    fn run(settings: HumanSettings, rules: Rules, colored: bool) -> String {
        let written = builders::Written::default();
        let mut human = Human::new(Screen::new(Box::new(written.clone()), colored, None), settings);
        let isolation = builders::isolation();
        let binaries =
            [builders::binary("tour"), builders::binary("tour::parser"), builders::binary(&"x".repeat(60))];
        let outcomes =
            [Outcome::Passed, Outcome::Failed { code: 101 }, Outcome::Leaked, builders::not_isolated()];
        let mut summary = Summary::new(Selection { selected: 4, ..Selection::default() });
        let mut tell = |event: Event<'_>| human.event(&event).unwrap();
        tell(Event::RunStarted {
            isolation: &isolation,
            binaries: &binaries,
            tests: 4,
            ignored: &[],
            jobs: 2,
            shuffle_seed: None,
            doctests_not_run: &[],
            whole_binaries: &[],
        });
        for (index, outcome) in outcomes.into_iter().enumerate() {
            let (test, record) =
                (builders::test("tour", &format!("test_{index}")), builders::record(outcome));
            let verdict = judge(&record.outcome, Testimony::Agrees, rules);
            let launch = builders::launch();
            tell(Event::AttemptStarted { test: &test, launch });
            tell(Event::AttemptFinished {
                test: &test,
                launch,
                is_last: true,
                verdict: &verdict,
                record: &record,
            });
            summary.add(&test, &verdict, &record);
        }
        summary.wall = Duration::from_millis(1_200);
        tell(Event::RunFinished { summary: &summary });
        written.text()
    }

    #[test]
    fn a_run_from_its_isolation_to_its_summary() {
        assert_data_eq!(
            run(HumanSettings::default(), Rules::default(), false),
            str![[r#"
   Isolation user pid mount net ipc uts cgroup · rootfs tmpfs, copy-on-write · cgroup v1 memory cpu pids disk · 2 jobs
     Missing io: no io controller
         Off pressure
        Note `/home/a/nfs` is read-only
        PASS [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_0
        FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_1
  --- stderr of tour test_1 ---
    panicked at 'no'
      Repeat cargo isotest 'tour test_1'
        LEAK [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_2
             left running, and killed: sleep 30 (pid 7)
NOT-ISOLATED [       -]          -       - cpu   - task   tour          test_3
             no verdict: could not execute the program (`/t/bin`): No such file or directory (os error 2) [step Exec]
  --- stderr of tour test_3 ---
    panicked at 'no'
      Repeat cargo isotest 'tour test_3'
  Not passed 2 tests:
        FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_1
NOT-ISOLATED [       -]          -       - cpu   - task   tour          test_3
     Summary [  1.2s] 4 run: 2 passed (1 leaked), 1 failed, 1 not isolated · peak 0.7 MiB (tour test_0) · cpu 7 ms

"#]]
        );
    }

    #[test]
    fn told_to_say_more_it_announces_tests_and_lists_changed_files() {
        let settings = HumanSettings {
            here: PathBuf::new(),
            verbose: true,
            no_capture: true,
            display: DisplayArgs::default(),
            narrow: false,
            again: Again { arguments: vec!["--release".to_owned()], ..Again::default() },
        };
        assert_data_eq!(
            run(settings, Rules { leaks_fail: true, ..Rules::default() }, false),
            str![[r#"
   Isolation user pid mount net ipc uts cgroup · rootfs tmpfs, copy-on-write · cgroup v1 memory cpu pids disk · 2 jobs
     Missing io: no io controller
         Off pressure
        Note `/home/a/nfs` is read-only
       Start tour test_0
        PASS [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_0
             disk: 0.0 MiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
       Start tour test_1
        FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_1
             disk: 0.0 MiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
  --- stderr of tour test_1 ---
    panicked at 'no'
      Repeat cargo isotest --release 'tour test_1'
       Start tour test_2
   LEAK-FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_2
             left running, and killed: sleep 30 (pid 7)
             disk: 0.0 MiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
  --- stderr of tour test_2 ---
    panicked at 'no'
      Repeat cargo isotest --release 'tour test_2'
       Start tour test_3
NOT-ISOLATED [       -]          -       - cpu   - task   tour          test_3
             no verdict: could not execute the program (`/t/bin`): No such file or directory (os error 2) [step Exec]
  --- stderr of tour test_3 ---
    panicked at 'no'
      Repeat cargo isotest --release 'tour test_3'
  Not passed 3 tests:
        FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_1
   LEAK-FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_2
NOT-ISOLATED [       -]          -       - cpu   - task   tour          test_3
     Summary [  1.2s] 4 run: 1 passed, 2 failed (1 leaked), 1 not isolated · peak 0.7 MiB (tour test_0) · cpu 7 ms

"#]]
        );
    }

    #[test]
    fn only_the_latest_attempt_at_a_test_is_repeated_at_the_end() {
        let written = builders::Written::default();
        let mut human =
            Human::new(Screen::new(Box::new(written.clone()), false, None), HumanSettings::default());
        for (name, number, outcome) in [
            ("flaky", 1, Outcome::Failed { code: 101 }),
            ("fails", 1, Outcome::TimedOut),
            ("flaky", 2, Outcome::Passed),
            ("fails", 2, Outcome::OomKilled),
        ] {
            let (test, mut record) = (builders::test("tour", name), builders::record(outcome));
            record.stderr.head.clear();
            let mut launch = builders::launch();
            launch.attempt.nth = Nth { number, total: 2 };
            let mut verdict = builders::verdict(&record);
            if number == 2 {
                verdict = verdict.after_a_failure(Rules::default());
            }
            human
                .event(&Event::AttemptFinished {
                    test: &test,
                    launch,
                    is_last: number == 2,
                    verdict: &verdict,
                    record: &record,
                })
                .unwrap();
        }
        assert_data_eq!(
            written.text() + &anstream::adapter::strip_str(&human.repeated()).to_string(),
            str![[r#"
        FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour  flaky (attempt 1 of 2)
     TIMEOUT [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour  fails (attempt 1 of 2)
             its time ran out, and it was killed
       FLAKY [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour  flaky (attempt 2 of 2)
             it passed after it had failed
         OOM [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour  fails (attempt 2 of 2)
             it reached its memory limit, and the kernel killed 1 process
      Repeat cargo isotest 'tour fails'
       Flaky 1 test:
       FLAKY [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour  flaky (attempt 2 of 2)
  Not passed 1 test:
         OOM [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour  fails (attempt 2 of 2)

"#]]
        );
    }

    #[test]
    fn what_is_killed_with_the_run_is_named() {
        let written = builders::Written::default();
        let mut human =
            Human::new(Screen::new(Box::new(written.clone()), false, None), HumanSettings::default());
        let test = builders::test("tour", "slow");
        human.event(&Event::AttemptStarted { test: &test, launch: builders::launch() }).unwrap();
        human.event(&Event::AttemptInterrupted { test: &test }).unwrap();
        assert_data_eq!(
            written.text(),
            str![[r#"
 INTERRUPTED [       -]          -       - cpu   - task   tour  slow

"#]]
        );
    }

    #[test]
    fn colour_changes_no_character() {
        let [plain, colored] =
            [false, true].map(|colored| run(HumanSettings::default(), Rules::default(), colored));
        assert!(!plain.contains('\x1b') && colored.contains('\x1b'));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
    }
}
