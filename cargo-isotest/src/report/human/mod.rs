//! Events as text for people.

mod autopsy;
mod closing;
mod command;
pub(crate) mod line;
mod lists;
mod opening;
mod progress;
#[cfg(test)]
mod remarks;
mod stress;
mod thrown_away;
mod top;
mod waits;
#[cfg(test)]
mod whole_run;

pub(crate) use autopsy::gap;
pub(crate) use command::{
    after as after_command, before as before_command, doctests as doctests_summary, shell as before_shell,
    tool as before_tool,
};
pub(crate) use line::title;
pub(super) use progress::{Bar, Screen};
pub(crate) use waits::Words;

use crate::cli::{FinalStatusLevel, ShowProgress, StatusLevel};
use crate::report::executions::Stressed;
use crate::report::repeat::Again;
use crate::schedule::events::{Between, Event, Reporter, RunningAttempt};
use crate::schedule::queue::{Iteration, Launch, Nth};
use crate::settings::DisplaySettings;
use crate::testcase::{TestBinary, TestCase};
use crate::text::sanitize::word;
use crate::text::style::{HINT, NOTE, WARN, headed};
use crate::text::units::{memory, plural};
use crate::verdict::Kind;
use console::measure_text_width;
use isotest_core::sys::clock::Instant;
use line::{Attempt, Interrupted, Layout};
use lists::Lists;
use progress::Running;
use std::collections::HashSet;
use std::io;
use std::mem::{replace, take};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use textwrap::{Options, WordSplitter, fill};
use thrown_away::ThrownAway;
use top::Top;

/// Greatest width of the column of binary ids; longer ids do not widen it.
const WIDEST_ID: usize = 40;

/// Columns from which on a terminal has room for the name of a test beside all figures, which take 58.
const WIDE_COLUMNS: usize = 100;

/// Settings of the text for people.
#[derive(Debug, Clone, Default)]
pub(super) struct HumanSettings {
    /// Whether to say which changed files were thrown away.
    pub(super) verbose: bool,
    /// Whether tests write straight to the terminal: each is announced then, so that its output has a heading.
    pub(super) no_capture: bool,
    /// Settings on which results and outputs are shown.
    pub(super) display: DisplaySettings,
    /// Arguments with which a failed test is executed again, beside its name.
    pub(super) again: Again,
    /// Number of columns of the terminal, if there is one.
    pub(super) columns: Option<usize>,
    /// Working directory of the reader.
    pub(super) here: PathBuf,
}

/// Reporter that writes one line for each attempt, and more for those that did not pass.
pub(super) struct Human {
    screen: Screen,
    settings: HumanSettings,
    running: Running,
    id_width: usize,
    /// Titles of the tests that run for long.
    slow: HashSet<String>,
    /// Whether it was said how to look at a slow test.
    has_told_of_slow: bool,
    /// Results that are repeated at the end.
    lists: Lists,
    top: Top,
    stressed: Stressed,
    thrown_away: ThrownAway,
}

impl Human {
    pub(super) fn new(screen: Screen, settings: HumanSettings) -> Self {
        let DisplaySettings { final_status_level, top, .. } = settings.display;
        Self {
            screen,
            settings,
            running: Running::new(Instant::now()),
            id_width: 0,
            slow: HashSet::new(),
            has_told_of_slow: false,
            lists: Lists::of(final_status_level.value),
            top: Top::of(top.value),
            stressed: Stressed::default(),
            thrown_away: ThrownAway::default(),
        }
    }

    fn layout(&self) -> Layout {
        match self.settings.columns {
            Some(..WIDE_COLUMNS) => Layout::Narrow,
            Some(_) | None => Layout::Wide { id_width: self.id_width },
        }
    }

    /// Breaks sentences between words, where a terminal would break them anywhere. Commands and output, which
    /// somebody may copy, stay as they are.
    fn fitted(&self, text: String) -> String {
        match self.settings.columns {
            Some(columns) => text.lines().map(|line| fit(line, columns)).collect(),
            None => text,
        }
    }

    /// Returns the text that is written about an event.
    fn text(&mut self, event: &Event<'_>, now: Instant) -> String {
        match event {
            Event::RunStarted { binaries, selected, .. } => {
                self.id_width = id_width(binaries);
                self.running.expect(selected.tests.len(), now);
                for test in &selected.ignored {
                    self.lists.add(FinalStatusLevel::Skip, title(test), line::indented(&title(test)), false);
                }
                self.fitted(opening::lines(event))
            }
            Event::SetupStarted { script } => self.heading(script, Nth::ONLY),
            Event::SetupFinished { script: test, verdict, record, .. } => {
                self.setup_finished(&Attempt { test, nth: Nth::ONLY, verdict, record, is_last: true })
            }
            Event::SetupInterrupted { script: test, record, .. } => {
                self.interrupted(Interrupted { test, nth: Nth::ONLY, record })
            }
            Event::AttemptStarted { test, launch } => self.started(test, *launch),
            Event::Waiting { wait } => {
                self.running.wait(*wait);
                String::new()
            }
            Event::AttemptSlow { test, launch, time } => self.slow(test, launch.attempt.nth, *time),
            Event::AttemptFinished { test, launch, is_last, verdict, record } => {
                let nth = launch.attempt.nth;
                self.running.finish(test, Some(*launch), *is_last, !verdict.passes());
                self.finished(&Attempt { test, nth, verdict, record, is_last: *is_last })
            }
            Event::ProcessFinished { process: test, launch, verdict, record, shows_output, .. } => {
                let nth = launch.attempt.nth;
                self.process_finished(&Attempt { test, nth, verdict, record, is_last: true }, *shows_output)
            }
            Event::AttemptInterrupted { test, launch, record } => {
                self.running.finish(test, Some(*launch), true, false);
                self.interrupted(Interrupted { test, nth: launch.attempt.nth, record })
            }
            Event::RetriesDropped { test, nth } => self.retries_dropped(test, *nth),
            Event::AttemptNotBegun { test } => {
                self.running.finish(test, None, true, false);
                String::new()
            }
            Event::Cancelled { by } => self.fitted(closing::cancelling(*by)),
            Event::RunFinished { summary } => {
                let lists = self.lists.take()
                    + &take(&mut self.top).lines()
                    + &stress::lines(take(&mut self.stressed));
                let thrown_away = self.thrown_away.lines(&self.settings.here);
                lists + &self.fitted(thrown_away) + &self.fitted(closing::lines(summary))
            }
        }
    }

    /// Describes a test that is running for long; for the first, also how to look at it.
    fn slow(&mut self, test: &TestCase, nth: Nth, time: Duration) -> String {
        self.slow.insert(execution(test, nth));
        if !self.shows(StatusLevel::Slow) {
            return String::new();
        }
        let line = headed(WARN, "Slow", &format!("[>{:>6.1}s] {}", time.as_secs_f64(), title(test)));
        if replace(&mut self.has_told_of_slow, true) {
            return line;
        }
        let hint =
            "`cargo isotest ps --full` shows what it does; `terminate-after` of `--slow-timeout` ends it";
        line + &self.fitted(headed(HINT, "Hint", hint))
    }

    /// Returns the heading of the output of a test that starts.
    fn started(&mut self, test: &TestCase, launch: Launch) -> String {
        self.running.start(test, launch);
        let nth = launch.attempt.nth;
        if let Some(Iteration { number, total }) = nth.iteration {
            self.running.iterate(usize::try_from(total.unwrap_or(number)).unwrap_or(usize::MAX));
        }
        self.heading(test, nth)
    }

    fn heading(&self, test: &TestCase, nth: Nth) -> String {
        let again = if nth.is_first() { String::new() } else { line::attempt(nth) };
        if self.settings.no_capture {
            headed(NOTE, "Start", &(execution(test, nth) + &again))
        } else {
            String::new()
        }
    }

    fn finished(&mut self, attempt: &Attempt<'_>) -> String {
        let is_bad = !attempt.verdict.passes();
        if !attempt.nth.is_first() {
            self.lists.remove(&execution(attempt.test, attempt.nth));
        }
        if attempt.is_last && attempt.nth.iteration.is_some() {
            stress::add(&mut self.stressed, attempt.test, attempt.verdict, attempt.record);
        }
        let mut details = attempt.details(self.settings.verbose);
        if let Some(ending) = attempt.record.ending.as_ref() {
            if attempt.is_last {
                self.thrown_away.add(attempt.test, ending, &attempt.record.evidence);
                self.top.add(attempt.test, attempt.record);
            }
            if is_bad {
                let evidence = &attempt.record.evidence;
                let said = thrown_away::beside(attempt.test, ending, evidence, &self.settings.here);
                details.extend(said.iter().map(|line| line::indented(line)));
            }
        }
        let DisplaySettings { success_output, failure_output, .. } = self.settings.display;
        let time = if is_bad { failure_output.value } else { success_output.value };
        let output = |is_due: bool| if is_due { attempt.output() } else { String::new() };
        let lasting = attempt.line(self.layout(), "") + &output(time.is_final());
        let has_output = time.is_final() && !is_bad;
        self.lists.add(self.final_level(attempt), execution(attempt.test, attempt.nth), lasting, has_output);
        let immediate = output(time.is_immediate());
        if !self.shows(level(attempt)) {
            return immediate;
        }
        let again = if is_bad && attempt.is_last { self.again(attempt.test) } else { String::new() };
        attempt.line(self.layout(), &self.counter()) + &self.fitted(details) + &immediate + &again
    }

    /// Describes a test that was killed with the run. Its output may tell why it had not ended.
    fn interrupted(&mut self, attempt: Interrupted<'_>) -> String {
        let line = attempt.line(self.layout(), "");
        let time = self.settings.display.failure_output.value;
        if time.is_final() {
            self.lists.add_interrupted(line.clone() + &attempt.output());
        }
        let immediate = if time.is_immediate() { attempt.output() } else { String::new() };
        line + &self.fitted(attempt.details()) + &immediate
    }

    /// Describes a test that has failed and will not be attempted again.
    fn retries_dropped(&mut self, test: &TestCase, nth: Nth) -> String {
        self.running.settle();
        if !self.shows(StatusLevel::Fail) {
            return String::new();
        }
        let Nth { number, total, .. } = nth;
        let said = format!("{}: the run ends after attempt {number} of {total}", execution(test, nth));
        headed(WARN, "Not retried", &said) + &self.again(test)
    }

    /// Returns whether results of this level are shown while the run goes on.
    fn shows(&self, level: StatusLevel) -> bool {
        level <= self.settings.display.status_level.value
    }

    /// Returns the count before a name, if it is wanted.
    fn counter(&self) -> String {
        let is_wanted = self.settings.display.show_progress.value == ShowProgress::Counter;
        if is_wanted { self.running.counter() } else { String::new() }
    }

    /// Returns the level from which on the result of an attempt is repeated at the end.
    fn final_level(&self, attempt: &Attempt<'_>) -> FinalStatusLevel {
        match (attempt.verdict.passes(), attempt.verdict.kind()) {
            (false, _) => FinalStatusLevel::Fail,
            (true, Kind::Flaky) => FinalStatusLevel::Flaky,
            (true, Kind::TimedOut) => FinalStatusLevel::Slow,
            (true, _) if self.slow.contains(&execution(attempt.test, attempt.nth)) => FinalStatusLevel::Slow,
            (true, Kind::Leaked) => FinalStatusLevel::Leak,
            (true, _) => FinalStatusLevel::Pass,
        }
    }

    /// Returns the line with the command that executes just this test.
    fn again(&self, test: &TestCase) -> String {
        let command = self.settings.again.command(&test.title(), test.ignored);
        command.map(|command| headed(NOTE, "Repeat", &word(&command))).unwrap_or_default()
    }

    fn setup_finished(&self, attempt: &Attempt<'_>) -> String {
        let details = self.fitted(attempt.details(self.settings.verbose));
        let text = attempt.line(self.layout(), "") + &details;
        match attempt.verdict.passes() {
            true if !self.shows(level(attempt)) => String::new(),
            true => text,
            false => text + &attempt.output(),
        }
    }

    fn process_finished(&self, attempt: &Attempt<'_>, shows_output: bool) -> String {
        let HumanSettings { verbose, no_capture, .. } = self.settings;
        let text = attempt.line(self.layout(), "") + &self.fitted(attempt.details(verbose));
        let shows_output = shows_output && (no_capture || !attempt.verdict.passes());
        if shows_output { text + &attempt.output() } else { text }
    }
}

impl Reporter for Human {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let now = Instant::now();
        let text = self.text(event, now);
        if matches!(event, Event::RunFinished { .. }) {
            self.screen.close();
        } else if text.is_empty() {
            self.screen.show(&self.running, now);
        } else {
            self.screen.update(&self.running, now);
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
                self.screen.update(&self.running, now);
                self.screen.write(&(headed(NOTE, "Status", &self.running.status(now)) + &lines))?;
            }
        }
        Ok(())
    }
}

/// Breaks a line between words, and begins further lines below the first one's text.
fn fit(line: &str, columns: usize) -> String {
    let indent = line.len() - line.trim_start().len();
    let below = " ".repeat(indent.max(line::INDENT.len()));
    let options = Options::new(columns).subsequent_indent(&below).break_words(false);
    fill(line, options.word_splitter(WordSplitter::NoHyphenation)) + "\n"
}

/// Returns the name of an execution of a test.
fn execution(test: &TestCase, nth: Nth) -> String {
    title(test) + &line::iteration(nth)
}

/// Returns the line of an attempt that is running.
fn running(RunningAttempt { test, time, live }: &RunningAttempt<'_>) -> String {
    let memory = live.and_then(|live| live.memory_bytes).map_or_else(|| "-".to_owned(), memory);
    let tasks =
        live.and_then(|live| live.tasks).map_or_else(|| "-".to_owned(), |tasks| plural(tasks, "task"));
    let figures = format!("[{:>7.3}s] {memory:>10}  {tasks}  {}", time.as_secs_f64(), title(test));
    headed(NOTE, "Running", &figures)
}

/// Returns the level from which on the result of an attempt is shown.
fn level(attempt: &Attempt<'_>) -> StatusLevel {
    match (attempt.verdict.passes(), attempt.verdict.kind()) {
        (false, _) if attempt.is_last => StatusLevel::Fail,
        (false, _) | (true, Kind::Flaky) => StatusLevel::Retry,
        (true, Kind::TimedOut) => StatusLevel::Slow,
        (true, Kind::Leaked) => StatusLevel::Leak,
        (true, _) => StatusLevel::Pass,
    }
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
    use crate::select::Selected;
    use crate::settings::TestGroups;
    use crate::testing::builders;
    use crate::verdict::{Rules, Testimony, judge};
    use isotest_core::outcome::Outcome;
    use isotest_core::record::PartialRecord;
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
            selected: &Selected { tests: vec![builders::test("tour", "t"); 4], ..Selected::default() },
            jobs: 2,
            shuffle_seed: None,
            groups: &TestGroups::default(),
            doctests_not_run: &[],
            whole_binaries: &[],
            shard: None,
            sharing: &[],
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
        Note 3 tests wrote the same files in the target directory, each anew: with `--keep /` they share them
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
            display: DisplaySettings::default(),
            columns: None,
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
             disk: 4 KiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
       Start tour test_1
        FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_1
             disk: 4 KiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
  --- stderr of tour test_1 ---
    panicked at 'no'
      Repeat cargo isotest --release 'tour test_1'
       Start tour test_2
   LEAK-FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour          test_2
             left running, and killed: sleep 30 (pid 7)
             disk: 4 KiB, 2 files at the end; ~3.0 MiB, ~5 files at most
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
        Note 3 tests wrote the same files in the target directory, each anew: with `--keep /` they share them
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
            launch.attempt.nth = Nth { number, total: 2, iteration: None };
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
            written.text() + &anstream::adapter::strip_str(&human.lists.take()).to_string(),
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
        let launch = builders::launch();
        human.event(&Event::AttemptStarted { test: &test, launch }).unwrap();
        let whole = builders::record(Outcome::Passed);
        let record = PartialRecord {
            wall: Some(Duration::from_millis(3_200)),
            usage: whole.usage,
            stderr: whole.stderr,
            ..PartialRecord::default()
        };
        human.event(&Event::AttemptInterrupted { test: &test, launch, record: &record }).unwrap();
        assert_data_eq!(
            written.text(),
            str![[r#"
 INTERRUPTED [  3.200s]    0.7 MiB    2 ms cpu   1 task   tour  slow
  --- stderr of tour slow ---
    panicked at 'no'

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
