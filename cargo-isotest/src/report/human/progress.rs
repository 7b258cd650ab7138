//! Shows what is running: the bar below the lines of a terminal, and the notice when a test takes long.

use super::line::title;
use crate::registry::AttemptId;
use crate::schedule::queue::Launch;
use crate::schedule::wait::Wait;
use crate::testcase::TestCase;
use crate::text::sanitize::word;
use anstream::adapter::strip_str;
use console::{Term, measure_text_width, truncate_str};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressState, ProgressStyle, TermLike};
use isotest_core::sys::clock::Instant;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Shortest time between two drawings of the bar: more often nobody can read it.
const REFRESH: Duration = Duration::from_millis(40);

/// Sequences for synchronized output: terminals that know them show what stands between them at once; others ignore
/// them.
const BEGIN_UPDATE: &[u8] = b"\x1b[?2026h";
const END_UPDATE: &[u8] = b"\x1b[?2026l";

const INDENT: usize = 13;

/// Tests that run now, and progress of the run.
#[derive(Debug)]
pub(crate) struct Running {
    began: Instant,
    tests: Vec<RunningTest>,
    total: usize,
    /// Number of executions of each test, as far as is known.
    iterations: usize,
    done: usize,
    failures: usize,
    /// Reason why the next test waits although a thread is free.
    wait: Option<Wait>,
}

#[derive(Debug)]
struct RunningTest {
    title: String,
    /// Attempt at the test, and the job slot that executes it.
    attempt: AttemptId,
    slot: usize,
}

impl Running {
    pub(crate) fn new(now: Instant) -> Self {
        Self { began: now, tests: Vec::new(), total: 0, iterations: 1, done: 0, failures: 0, wait: None }
    }

    /// Sets the number of tests that are to be executed from now on.
    pub(crate) fn expect(&mut self, total: usize, now: Instant) {
        (self.total, self.began) = (total, now);
    }

    /// Sets the least number of executions of each test.
    pub(crate) fn iterate(&mut self, iterations: usize) {
        self.iterations = self.iterations.max(iterations);
    }

    /// Returns the number of executions.
    const fn total(&self) -> usize {
        self.total.saturating_mul(self.iterations)
    }

    /// Sets the reason why the next test waits although a thread is free; `None` if it does not wait any more.
    pub(crate) fn wait(&mut self, wait: Option<&Wait>) {
        self.wait = wait.cloned();
    }

    fn waiting(&self) -> String {
        match &self.wait {
            None => String::new(),
            Some(Wait::Memory) => ", waiting for memory".to_owned(),
            Some(Wait::Threads) => ", waiting for threads".to_owned(),
            Some(Wait::Group(name)) => format!(", waiting for test group {}", word(name)),
        }
    }

    /// Takes a start into account. What its slot executed before has ended, though its figures are still being read.
    pub(crate) fn start(&mut self, test: &TestCase, launch: Launch) {
        let (attempt, slot) = (launch.attempt.id, launch.slot);
        self.tests.retain(|running| running.slot != slot || running.attempt == attempt);
        self.tests.push(RunningTest { title: title(test), attempt, slot });
    }

    /// Takes the end of an attempt into account; the test is done with its last attempt.
    /// Without a launch of it, it is any attempt at the test.
    pub(crate) fn finish(&mut self, test: &TestCase, launch: Option<Launch>, is_last: bool, failed: bool) {
        let title = title(test);
        let attempt = launch.map(|launch| launch.attempt.id);
        let of_test = self.tests.iter().enumerate().filter(|(_, running)| running.title == title);
        // If an attempt is in doubt, what is told of it is the end of another one.
        let ended = of_test.min_by_key(|(_, running)| Some(running.attempt) != attempt);
        if let Some((index, _)) = ended {
            self.tests.remove(index);
        }
        self.done += usize::from(is_last);
        self.failures += usize::from(is_last && failed);
    }

    /// Takes into account that a test is done that was to be attempted again.
    pub(crate) const fn settle(&mut self) {
        self.done += 1;
        self.failures += 1;
    }

    /// Returns the number of tests that are done and of all tests, before the name of a test.
    pub(crate) fn counter(&self) -> String {
        let total = self.total().to_string();
        format!("({:>width$}/{total}) ", self.done, width = total.len())
    }

    /// Returns the progress of the run, in words.
    pub(crate) fn status(&self, now: Instant) -> String {
        let seconds = now.saturating_duration_since(self.began).as_secs_f64();
        let (Self { done, failures, .. }, total) = (self, self.total());
        let waiting = self.waiting();
        format!("{done} of {total} tests done, {failures} failed, after {seconds:.1}s{waiting}")
    }

    fn standing(&self, now: Instant) -> String {
        let failures = if self.failures == 0 { String::new() } else { format!(", {} failed", self.failures) };
        let elapsed = now.saturating_duration_since(self.began).as_secs_f64();
        let waiting = self.waiting();
        format!("{:>12} [{elapsed:>5.1}s] {}/{}{failures}{waiting}", "Running", self.done, self.total())
    }

    /// Returns the progress of the run, in words and as a bar.
    fn bar(&self, width: usize, now: Instant) -> String {
        let standing = truncate_str(&self.standing(now), width, "…").into_owned();
        let room = width.saturating_sub(measure_text_width(&standing) + 1);
        let full = self.done.saturating_mul(room).checked_div(self.total()).unwrap_or(0).min(room);
        let head = if 0 < self.done && full < room { "╸" } else { "" };
        format!("{standing} {}{head}", "━".repeat(full))
    }

    /// Returns as many titles as fit on one line, and how many more there are.
    fn titles(&self, width: usize) -> String {
        // No title with its separator is shorter than this, so more cannot fit.
        let most = self.tests.len().min(width / 5).max(1);
        let mut fewer = (1..=most).rev().map(|shown| self.first_titles(shown));
        let fitting = fewer.find(|text| measure_text_width(text) <= width);
        let text = fitting.unwrap_or_else(|| self.first_titles(1));
        truncate_str(&text, width, "…").into_owned()
    }

    fn first_titles(&self, shown: usize) -> String {
        let titles: Vec<_> = self.tests.iter().take(shown).map(|test| test.title.as_str()).collect();
        let left = self.tests.len() - titles.len();
        let more = if left == 0 { String::new() } else { format!(", {left} more") };
        format!("{:INDENT$}{}{more}", "", titles.join(", "))
    }
}

/// Terminal of which the bar leaves the last columns free: a key such as Ctrl-Z is shown behind the bar as two
/// characters, after which the cursor must still be in its line.
#[derive(Debug)]
struct WithRoomForKey(Term);

impl TermLike for WithRoomForKey {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(2).max(1)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Bar on the progress of the run, and below it the tests that are running.
pub(crate) struct Bar {
    lines: ProgressBar,
    /// Text of both lines. It changes before it is drawn, or while lines are written above it.
    text: Arc<Mutex<String>>,
    width: Box<dyn Fn() -> usize + Send>,
    shown: Option<Instant>,
    is_hidden: bool,
}

impl Bar {
    /// Creates a bar on this terminal.
    pub(crate) fn on(term: Term) -> Self {
        let size = WithRoomForKey(term.clone());
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(WithRoomForKey(term)), 20);
        Self::drawn_by(target, Box::new(move || usize::from(size.width())))
    }

    fn drawn_by(target: ProgressDrawTarget, width: Box<dyn Fn() -> usize + Send>) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let drawn = Arc::clone(&text);
        let write = move |_: &ProgressState, line: &mut dyn fmt::Write| {
            // Whoever draws takes what there is.
            let _ = line.write_str(&drawn.lock().unwrap_or_else(PoisonError::into_inner));
        };
        let style = ProgressStyle::with_template("{text}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("text", write);
        let lines = ProgressBar::with_draw_target(None, target)
            .with_style(style)
            // A run that ends by an error drops the bar; its message then stands alone.
            .with_finish(ProgressFinish::AndClear);
        Self { lines, text, width, shown: None, is_hidden: false }
    }

    /// Draws the bar anew, unless that has just been done.
    fn show(&mut self, running: &Running, now: Instant) {
        if self.shown.is_none_or(|shown| now.saturating_duration_since(shown) >= REFRESH) {
            self.set(running, now);
            self.lines.force_draw();
        }
    }

    /// Sets what the bar shows when it is next drawn.
    fn set(&mut self, running: &Running, now: Instant) {
        if self.is_hidden {
            self.lines.reset();
            self.is_hidden = false;
        }
        self.shown = Some(now);
        // A line that exactly fills the terminal would leave the cursor in doubt.
        let width = (self.width)().saturating_sub(1);
        let text = running.bar(width, now) + "\n" + &running.titles(width);
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn hide(&mut self) {
        self.lines.finish_and_clear();
        (self.shown, self.is_hidden) = (None, true);
    }
}

/// Destination of the text for people, with or without a bar below it.
pub(crate) struct Screen {
    writer: Box<dyn Write + Send>,
    colored: bool,
    bar: Option<Bar>,
}

impl Screen {
    pub(crate) fn new(writer: Box<dyn Write + Send>, colored: bool, bar: Option<Bar>) -> Self {
        Self { writer, colored, bar }
    }

    /// Writes lines above the bar.
    pub(crate) fn write(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let plain;
        let text = if self.colored {
            text
        } else {
            plain = strip_str(text).to_string();
            &plain
        };
        let writer = &mut self.writer;
        let Some(bar) = &self.bar else {
            return write_all(writer, &[text.as_bytes()]);
        };
        write_all(writer, &[BEGIN_UPDATE])?;
        let written = bar.lines.suspend(|| write_all(writer, &[text.as_bytes()]));
        written.and(write_all(writer, &[END_UPDATE]))
    }

    /// Draws the bar anew, unless that has just been done.
    pub(crate) fn show(&mut self, running: &Running, now: Instant) {
        if let Some(bar) = &mut self.bar {
            bar.show(running, now);
        }
    }

    /// Has the bar drawn anew as soon as the next lines stand above it, so that it agrees with them.
    pub(crate) fn update(&mut self, running: &Running, now: Instant) {
        if let Some(bar) = &mut self.bar {
            bar.set(running, now);
        }
    }

    /// Removes the bar until it is drawn anew.
    pub(crate) fn hide(&mut self) {
        if let Some(bar) = &mut self.bar {
            bar.hide();
        }
    }

    /// Removes the bar for good.
    pub(crate) fn close(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.lines.finish_and_clear();
        }
    }
}

fn write_all(writer: &mut dyn Write, parts: &[&[u8]]) -> io::Result<()> {
    parts.iter().try_for_each(|part| writer.write_all(part))?;
    writer.flush()
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::schedule::queue::Attempt;
    use crate::testing::builders;
    use indicatif::InMemoryTerm;
    use snapbox::{assert_data_eq, str};

    /// Terminal that also takes text, as the kernel's line discipline would pass it on.
    #[derive(Clone)]
    struct Terminal(InMemoryTerm);

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write_str(&String::from_utf8_lossy(bytes).replace('\n', "\r\n"))?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    fn screen(columns: u16) -> (InMemoryTerm, Screen) {
        let term = InMemoryTerm::new(12, columns);
        let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
        let bar = Bar::drawn_by(target, Box::new(move || usize::from(columns)));
        (term.clone(), Screen::new(Box::new(Terminal(term)), false, Some(bar)))
    }

    /// Launch of an attempt in a slot of its own.
    fn launch(number: usize) -> Launch {
        let launch = builders::launch();
        Launch { attempt: Attempt { id: AttemptId::nth(number), ..launch.attempt }, slot: number, ..launch }
    }

    fn three_running(now: Instant) -> Running {
        let mut running = Running::new(now);
        running.expect(41, now);
        for name in ["accepts_empty_input", "rejects_nul", "n".repeat(100).as_str()] {
            running.start(&builders::test("tour::parser", name), launch(name.len()));
        }
        running
    }

    fn run_on(columns: u16) -> String {
        let now = Instant::now();
        let (term, mut screen) = screen(columns);
        let mut running = three_running(now);
        screen.show(&running, now);
        screen.write("first line\n").unwrap();
        let rejected = builders::test("tour::parser", "rejects_nul");
        running.finish(&rejected, Some(launch("rejects_nul".len())), true, true);
        screen.show(&running, now + Duration::from_secs(3));
        screen.write("second line\nthird line\n").unwrap();
        term.contents()
    }

    #[test]
    fn lines_stand_above_the_bar_on_80_columns() {
        assert_data_eq!(
            run_on(80),
            str![[r#"
first line
second line
third line
     Running [  3.0s] 1/41, 1 failed ━╸
             tour::parser accepts_empty_input, 1 more
"#]]
        );
    }

    #[test]
    fn lines_stand_above_the_bar_on_40_columns() {
        assert_data_eq!(
            run_on(40),
            str![[r#"
first line
second line
third line
     Running [  3.0s] 1/41, 1 failed ╸
             tour::parser accepts_empt…
"#]]
        );
    }

    #[test]
    fn a_bar_agrees_with_the_lines_above_however_quickly_they_come() {
        let now = Instant::now();
        let term = InMemoryTerm::new(12, 80);
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), 20);
        let bar = Bar::drawn_by(target, Box::new(|| 80));
        let mut screen = Screen::new(Box::new(Terminal(term.clone())), false, Some(bar));
        let mut running = Running::new(now);
        running.expect(100, now);
        for number in 0..100 {
            let test = builders::test("tour", &format!("t{number}"));
            running.start(&test, launch(number));
            screen.show(&running, now);
            running.finish(&test, Some(launch(number)), true, false);
            screen.update(&running, now);
            screen.write(&format!("end of t{number}\n")).unwrap();
            let shown = term.contents();
            assert!(shown.contains(&format!("] {}/100 ", number + 1)), "{number}: {shown}");
            assert!(!shown.contains("tour t"), "{number}: {shown}");
            // Without lines above it, too.
            let next = builders::test("tour", "next");
            running.start(&next, launch(number + 1000));
            screen.show(&running, now + Duration::from_secs(1) * u32::try_from(number).unwrap_or_default());
            running.finish(&next, Some(launch(number + 1000)), false, false);
        }
        assert!(term.contents().contains("tour next"), "{}", term.contents());
    }

    #[test]
    fn a_slot_executes_one_test() {
        let now = Instant::now();
        let mut running = Running::new(now);
        let [one, other] = ["one", "other"].map(|name| builders::test("tour", name));
        running.start(&one, Launch { slot: 0, ..launch(1) });
        // Its figures are still being read.
        running.start(&other, Launch { slot: 0, ..launch(2) });
        assert_eq!(running.titles(80).trim(), "tour other");
        running.finish(&one, Some(launch(1)), true, false);
        assert_eq!(running.titles(80).trim(), "tour other");
        // Tests of one process are one attempt.
        running.start(&one, Launch { slot: 0, ..launch(2) });
        assert_eq!(running.titles(80).trim(), "tour other, tour one");
    }

    #[test]
    fn a_test_is_done_with_its_last_attempt() {
        let now = Instant::now();
        let mut running = three_running(now);
        let test = builders::test("tour::parser", "rejects_nul");
        running.finish(&test, None, false, true);
        assert!(running.standing(now).ends_with(" 0/41"), "{}", running.standing(now));
        running.start(&test, launch(1));
        running.finish(&test, Some(launch(1)), true, true);
        assert!(running.standing(now).ends_with(" 1/41, 1 failed"), "{}", running.standing(now));
    }

    #[test]
    fn what_is_waited_for_is_told_until_it_is_there() {
        let now = Instant::now();
        let mut running = three_running(now);
        for (wait, says) in [
            (Some(Wait::Memory), " 0/41, waiting for memory"),
            (Some(Wait::Group("db".into())), " 0/41, waiting for test group db"),
            (Some(Wait::Threads), " 0/41, waiting for threads"),
            (None, " 0/41"),
        ] {
            running.wait(wait.as_ref());
            assert!(running.standing(now).ends_with(says), "{}", running.standing(now));
        }
        running.wait(Some(&Wait::Threads));
        assert!(running.status(now).ends_with("s, waiting for threads"), "{}", running.status(now));
    }

    #[test]
    fn no_line_of_the_bar_is_wider_than_any_terminal() {
        let now = Instant::now();
        let running = three_running(now);
        for columns in 1..200 {
            assert!(measure_text_width(&running.titles(columns)) <= columns, "{columns}");
        }
    }

    #[test]
    fn a_closed_or_abandoned_screen_has_no_bar_left() {
        let now = Instant::now();
        let (term, mut closed) = screen(80);
        closed.show(&three_running(now), now);
        assert!(term.contents().contains("Running"));
        closed.close();
        closed.write("the end\n").unwrap();
        assert_eq!(term.contents(), "the end");

        let (term, mut abandoned) = screen(80);
        abandoned.show(&three_running(now), now);
        drop(abandoned);
        assert_eq!(term.contents(), "");
    }

    #[test]
    fn a_hidden_bar_is_not_there_until_it_is_shown_again() {
        let now = Instant::now();
        let (term, mut screen) = screen(80);
        screen.show(&three_running(now), now);
        screen.hide();
        assert_eq!(term.contents(), "");
        screen.write("a line\n").unwrap();
        assert_eq!(term.contents(), "a line");
        screen.show(&three_running(now), now);
        assert!(term.contents().starts_with("a line\n     Running"), "{}", term.contents());
        screen.close();
        assert_eq!(term.contents(), "a line");
    }

    #[test]
    fn a_closed_pipe_is_an_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = Screen::new(Box::new(Closed), false, None).write("line\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
