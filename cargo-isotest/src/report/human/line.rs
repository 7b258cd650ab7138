//! Describes an attempt: its line, what else is to be said about it, and its output; pure.

use super::autopsy;
use crate::report::budget;
use crate::report::cause::cause;
use crate::schedule::queue::{Iteration, Nth};
use crate::testcase::TestCase;
use crate::text::captured::captured;
use crate::text::sanitize::{block, word};
use crate::text::style::{BAD, BOLD, DIM, GOOD, LOST, WARN, headed};
use crate::text::units::{cpu, fine_memory, fine_time, marked, memory, plural, round_memory, signal};
use crate::verdict::{Effect, Kind, Verdict};
use anstyle::Style;
use isotest_core::metric::{Metric, Text, Unit};
use isotest_core::outcome::{Ending, LeftProcess};
use isotest_core::policy::Capability;
use isotest_core::record::{Captured, PartialRecord, Record};
use isotest_core::usage::{Source, Usage};
use std::path::PathBuf;
use std::time::Duration;

/// Indent of lines below the text of a line, right of its status word.
pub(super) const INDENT: &str = "             ";
const SHOWN_PATHS: usize = 5;
const SHOWN_PROCESSES: usize = 5;

/// Attempt that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) test: &'a TestCase,
    pub(super) nth: Nth,
    pub(super) verdict: &'a Verdict,
    pub(super) record: &'a Record,
    /// Whether no other attempt at the test follows.
    pub(super) is_last: bool,
}

/// Columns in the line of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// All figures, and binary ids padded to a width.
    Wide {
        /// Width of the binary ids.
        id_width: usize,
    },
    /// Time and memory alone, for narrow terminals.
    Narrow,
}

/// Returns a test's binary and name.
pub(crate) fn title(test: &TestCase) -> String {
    test.title()
}

impl Attempt<'_> {
    /// Returns the attempt's line, with a counter before the name.
    pub(super) fn line(&self, layout: Layout, counter: &str) -> String {
        let Record { ending, usage, .. } = self.record;
        let again = if self.nth.is_first() && self.is_last { String::new() } else { attempt(self.nth) };
        let again = iteration(self.nth) + &again;
        let wall = ending.as_ref().map(|ending| ending.wall);
        let rest = columns(wall, usage, self.test, layout, counter) + &again;
        headed(style(self.verdict), &status(self.verdict), &rest)
    }

    /// Returns further details, one indented line each; empty as a rule.
    pub(super) fn details(&self, verbose: bool) -> String {
        let cause = cause(self.verdict, self.record).into_iter();
        let budget = budget::lines(&self.test.budget.checks(self.record), verbose);
        let growth = self.test.budget.growth(self.record);
        let growth = growth.and_then(|growth| budget::beside_earlier(&growth, verbose));
        let lines: String = cause.chain(budget).chain(growth).map(|line| indented(&line)).collect();
        lines + &consequences(self.record, verbose)
    }

    /// Returns the output of the attempt, each stream below a heading of its own.
    pub(super) fn output(&self) -> String {
        let Record { stdout, stderr, .. } = self.record;
        if self.verdict.passes() {
            let [stdout, stderr] = [stdout, stderr].map(captured);
            return stream("stdout", &stdout, self.test) + &stream("stderr", &stderr, self.test);
        }
        failed_output(self.test, stdout, stderr)
    }
}

/// Returns what a test wrote that did not pass, each stream below a heading of its own.
fn failed_output(test: &TestCase, stdout: &Captured, stderr: &Captured) -> String {
    let [stdout, stderr] = [stdout, stderr].map(captured);
    stream("stdout", own_words(&stdout, &test.name), test) + &stream("stderr", &stderr, test)
}

/// Returns the output without the words that the standard harness puts around it: they repeat what the attempt's line
/// says. What the harness says besides, as of a panic that did not come, is kept.
fn own_words<'a>(stdout: &'a str, name: &str) -> &'a str {
    let stdout = stdout.strip_prefix("\nrunning 1 test\n").unwrap_or(stdout);
    let named = format!("    {name}");
    let is_of_frame = |line: &str| {
        matches!(line, "" | "failures:")
            || line == named
            || line.starts_with("test result: FAILED. 0 passed; 1 failed; ")
    };
    let Some(end) = stdout.rfind(&format!("test {name} ")) else { return stdout };
    let (own, frame) = stdout.split_at(end);
    let mut lines = frame.lines();
    let ends = lines.next().is_some_and(|line| line.ends_with("... FAILED"));
    if ends && lines.all(is_of_frame) { own } else { stdout }
}

/// Returns the number of a test's execution, behind a name; nothing for the only execution.
pub(super) fn iteration(nth: Nth) -> String {
    match nth.iteration {
        None => String::new(),
        Some(Iteration { number, total: Some(total) }) => format!(" (iteration {number} of {total})"),
        Some(Iteration { number, total: None }) => format!(" (iteration {number})"),
    }
}

/// Returns the number of an attempt and of all attempts, behind a name.
pub(super) fn attempt(Nth { number, total, .. }: Nth) -> String {
    format!(" (attempt {number} of {total})")
}

/// Attempt that was killed with its run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interrupted<'a> {
    pub(super) test: &'a TestCase,
    pub(super) nth: Nth,
    pub(super) record: &'a PartialRecord,
}

impl Interrupted<'_> {
    /// Returns the attempt's line, with a counter before the name.
    pub(super) fn line(&self, layout: Layout, counter: &str) -> String {
        let PartialRecord { wall, usage, .. } = self.record;
        let again = if self.nth.is_first() { String::new() } else { attempt(self.nth) };
        let again = iteration(self.nth) + &again;
        headed(WARN, "INTERRUPTED", &(columns(*wall, usage, self.test, layout, counter) + &again))
    }

    /// Returns further details, one indented line each; empty as a rule.
    pub(super) fn details(&self) -> String {
        let PartialRecord { suspect, remarks, .. } = self.record;
        let lines = suspect.iter().map(|why| distrust(why)).chain(remarks.iter().map(|remark| note(remark)));
        lines.map(|line| indented(&line)).collect()
    }

    /// Returns the output of the attempt.
    pub(super) fn output(&self) -> String {
        failed_output(self.test, &self.record.stdout, &self.record.stderr)
    }
}

/// Returns the word at the head of an attempt's line.
fn status(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "PASS".to_owned(),
        Verdict::Failed { .. } => "FAIL".to_owned(),
        Verdict::Signaled { signal: number } => signal(*number),
        Verdict::TimedOut { fails: true, .. } => "TIMEOUT".to_owned(),
        Verdict::TimedOut { fails: false, .. } => "TMPASS".to_owned(),
        Verdict::OomKilled { .. } => "OOM".to_owned(),
        Verdict::OverBudget => "OVER-BUDGET".to_owned(),
        Verdict::Leaked { fails: true } => "LEAK-FAIL".to_owned(),
        Verdict::Leaked { fails: false } => "LEAK".to_owned(),
        Verdict::Flaky { fails: true } => "FLAKY-FAIL".to_owned(),
        Verdict::Flaky { fails: false } => "FLAKY".to_owned(),
        Verdict::NotIsolated(_) => "NOT-ISOLATED".to_owned(),
    }
}

fn columns(wall: Option<Duration>, usage: &Usage, test: &TestCase, layout: Layout, counter: &str) -> String {
    let (duration, id, name) = (duration(wall), word(&test.binary.id), word(&test.name));
    match layout {
        Layout::Wide { id_width } => {
            let figures = figures(usage);
            format!("{duration}{DIM}{figures}{DIM:#}  {counter}{id:id_width$}  {BOLD}{name}{BOLD:#}")
        }
        Layout::Narrow => {
            let peak = peak(usage);
            format!("{duration}{DIM} {peak:>10}{DIM:#}  {counter}{id} {BOLD}{name}{BOLD:#}")
        }
    }
}

/// Returns lines on why not to trust the figures, on processes left running, on the autopsy, if `verbose` on further
/// figures and changed files, and the remarks.
pub(super) fn consequences(record: &Record, verbose: bool) -> String {
    let mut lines: Vec<String> = record.suspect.iter().map(|why| distrust(why)).collect();
    if let Some(ending) = &record.ending {
        lines.extend(left_running(&ending.left_running));
    }
    lines.extend(record.autopsy.iter().flat_map(autopsy::lines));
    if let Some(ending) = record.ending.as_ref().filter(|_| verbose) {
        lines.extend(details(&record.usage));
        lines.extend(thrown_away(ending));
    }
    lines.extend(record.remarks.iter().map(|remark| note(remark)));
    lines.iter().map(|line| indented(line)).collect()
}

fn distrust(why: &str) -> String {
    format!("suspect: {}; do not trust its figures", word(why))
}

fn note(remark: &str) -> String {
    format!("note: {}", word(remark))
}

pub(super) fn indented(line: &str) -> String {
    format!("{INDENT}{line}\n")
}

fn style(verdict: &Verdict) -> Style {
    match (verdict.effect(), verdict.kind()) {
        (Effect::Passes, Kind::Passed) => GOOD,
        (Effect::Passes, _) => WARN,
        (Effect::Fails, _) => BAD,
        (Effect::Undecided, _) => LOST,
    }
}

pub(super) fn duration(wall: Option<Duration>) -> String {
    let Some(wall) = wall else {
        return format!("[{:>8}]", "-");
    };
    let seconds = wall.as_secs_f64();
    let decimals = if seconds < 1000.0 { 3 } else { 1 };
    format!("[{seconds:>7.decimals$}s]")
}

/// Returns memory, processor time and tasks, which are processes and threads, in fixed columns; a dash for a figure
/// that was not measured.
pub(super) fn figures(usage: &Usage) -> String {
    let unknown = || "-".to_owned();
    let peak = peak(usage);
    let time = usage.cpu.map_or_else(unknown, |time| cpu(time.value.user + time.value.system));
    let count = usage
        .pids_peak
        .map_or_else(unknown, |peak| marked(peak.value.to_string(), peak.source.is_approximate()));
    let noun = if usage.pids_peak.is_some_and(|peak| peak.value > 1) { "tasks" } else { "task" };
    format!(" {peak:>10} {time:>7} cpu {count:>3} {noun:<5}")
}

/// Returns the memory peak, or a dash.
fn peak(usage: &Usage) -> String {
    let Some(peak) = usage.memory_peak else { return "-".to_owned() };
    let bytes = peak.value.get();
    if peak.source.is_approximate() { format!("~{}", round_memory(bytes)) } else { memory(bytes) }
}

/// Returns the figures that no column holds, a line for each capability; none for resources that were not used.
fn details(usage: &Usage) -> Vec<String> {
    let detail = |metric: &Metric| {
        let Text::Detail(words) = metric.text else { return None };
        let values = metric.figures.iter().map(|figure| Some((figure.unit, (figure.value)(usage)?)));
        let values: Vec<_> = values.collect::<Option<_>>()?;
        let approximate = (metric.source)(usage).is_some_and(Source::is_approximate);
        let shown = values.iter().map(|(unit, value)| marked(in_unit(*unit, *value), approximate));
        let shown = shown.collect::<Vec<_>>().join(", ");
        values.iter().any(|(_, value)| *value > 0).then(|| format!("{shown} {words}"))
    };
    let line = |capability: Capability| {
        let details: Vec<_> = Metric::for_capability(capability).filter_map(detail).collect();
        (!details.is_empty()).then(|| format!("{capability}: {}", details.join("; ")))
    };
    Capability::ALL.into_iter().filter_map(line).collect()
}

fn in_unit(unit: Unit, value: u64) -> String {
    match unit {
        Unit::Bytes => fine_memory(value),
        Unit::Microseconds => fine_time(value),
        Unit::Count(noun) => plural(usize::try_from(value).unwrap_or(usize::MAX), noun),
    }
}

fn left_running(left: &[LeftProcess]) -> Option<String> {
    let name = |left: &LeftProcess| format!("{} (pid {})", word(&left.command), left.pid);
    let mut named: Vec<_> = left.iter().take(SHOWN_PROCESSES).map(name).collect();
    if named.len() < left.len() {
        named.push("...".to_owned());
    }
    (!named.is_empty()).then(|| format!("left running, and killed: {}", named.join(", ")))
}

fn thrown_away(ending: &Ending) -> Option<String> {
    let count = usize::try_from(ending.changed.count).unwrap_or(usize::MAX);
    let show = |path: &PathBuf| word(&path.to_string_lossy());
    let mut paths: Vec<_> = ending.changed.paths.iter().take(SHOWN_PATHS).map(show).collect();
    if paths.len() < count {
        paths.push("...".to_owned());
    }
    (0 < count).then(|| format!("{} thrown away: {}", plural(count, "changed file"), paths.join(", ")))
}

fn stream(name: &str, output: &str, test: &TestCase) -> String {
    let clean = block(output);
    if clean.is_empty() {
        return String::new();
    }
    // Indented, so that no test can write lines that look like ours.
    let mut shown = format!("  {DIM}--- {name} of {} ---{DIM:#}\n", title(test));
    for line in clean.lines() {
        shown += if line.is_empty() { "" } else { "    " };
        shown += line;
        shown += "\n";
    }
    // A colour left on must not reach the next line.
    shown + if clean.contains('\x1b') { "\x1b[0m" } else { "" }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::builders;
    use crate::verdict::{Rules, Testimony, judge};
    use isotest_core::Bytes;
    use isotest_core::outcome::{Exit, Outcome};
    use isotest_core::usage::{Cpu, Oom, Reading};
    use snapbox::{assert_data_eq, str};

    fn show(record: &Record, leaks_fail: bool, verbose: bool) -> String {
        let test = builders::test("tour::parser", "accepts_empty_input");
        let verdict = judge(&record.outcome, Testimony::Agrees, Rules { leaks_fail, ..Rules::default() });
        let attempt = Attempt { test: &test, nth: Nth::ONLY, verdict: &verdict, record, is_last: true };
        let colored = attempt.line(Layout::Wide { id_width: 14 }, "") + &attempt.details(verbose);
        anstream::adapter::strip_str(&colored).to_string()
    }

    #[test]
    fn a_narrow_line_fits_80_columns_and_still_has_time_memory_and_name() {
        let test = builders::test("tour::parser", "accepts_empty_input");
        let mut record = builders::record(Outcome::Passed);
        record.usage.memory_peak = Some(Reading { value: Bytes::gib(68), source: Source::MemoryPeak });
        let attempt = Attempt {
            test: &test,
            nth: Nth::ONLY,
            verdict: &Verdict::Passed,
            record: &record,
            is_last: true,
        };
        let line = anstream::adapter::strip_str(&attempt.line(Layout::Narrow, "")).to_string();
        assert!(line.ends_with(" 68.0 GiB  tour::parser accepts_empty_input\n"), "{line}");
        let wide = anstream::adapter::strip_str(&attempt.line(Layout::Wide { id_width: 14 }, "")).to_string();
        assert!(line.trim_end().len() <= 80 && 80 < wide.trim_end().len(), "{line}{wide}");
        assert!(wide.contains(" cpu ") && !line.contains(" cpu "), "{line}{wide}");
    }

    #[test]
    fn every_outcome_has_its_word_and_its_columns() {
        let all: String = builders::outcomes()
            .into_iter()
            .map(|outcome| show(&builders::record(outcome), false, false))
            .collect();
        assert_data_eq!(
            all,
            str![[r#"
        PASS [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
        FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
     SIGSEGV [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
     TIMEOUT [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
             its time ran out, and it was killed
         OOM [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
             it reached its memory limit, and the kernel killed 1 process
        LEAK [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
             left running, and killed: sleep 30 (pid 7)
NOT-ISOLATED [       -]          -       - cpu   - task   tour::parser    accepts_empty_input
             no verdict: could not execute the program (`/t/bin`): No such file or directory (os error 2) [step Exec]

"#]]
        );
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let mut record = builders::record(Outcome::Passed);
        record.usage = Usage::default();
        assert_data_eq!(
            show(&record, false, false),
            str![[r#"
        PASS [  0.004s]          -       - cpu   - task   tour::parser    accepts_empty_input

"#]]
        );
    }

    #[test]
    fn large_figures_keep_to_their_columns() {
        let mut record = builders::record(Outcome::Passed);
        record.usage.memory_peak = Some(Reading { value: Bytes::mib(70_000), source: Source::MemoryPeak });
        record.usage.pids_peak = Some(Reading { value: 128, source: Source::PidsPeak });
        let time = Cpu { user: Duration::from_secs(7_000), system: Duration::ZERO };
        record.usage.cpu = Some(Reading { value: time, source: Source::CpuStat });
        record.ending = record.ending.map(|ending| Ending { wall: Duration::from_hours(1), ..ending });
        assert_data_eq!(
            show(&record, false, false),
            str![[r#"
        PASS [ 3600.0s]   68.4 GiB 7000.0 s cpu 128 tasks  tour::parser    accepts_empty_input

"#]]
        );
    }

    #[test]
    fn what_the_word_does_not_say_stands_below() {
        let mut stopped = builders::record(Outcome::Signaled { signal: 19 });
        stopped.ending = stopped.ending.map(|ending| Ending { exit: Exit::Stopped(19), ..ending });
        let mut oom = builders::record(Outcome::OomKilled);
        let value = Oom { kills: 4, own_limit: true };
        oom.usage.oom = Some(Reading { value, source: Source::MemoryEvents });
        let mut remarked = builders::record(Outcome::Passed);
        remarked.suspect = Some("it left its cgroup".to_owned());
        remarked.remarks = vec!["errno 75\nmeans a foreign owner".to_owned()];
        let all = [
            show(&stopped, false, false),
            show(&oom, false, false),
            show(&builders::record(Outcome::Failed { code: 3 }), false, false),
            show(&builders::record(Outcome::Leaked), true, false),
            show(&remarked, false, true),
        ];
        assert_data_eq!(
            all.concat(),
            str![[r#"
     SIGSTOP [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
             SIGSTOP stopped it, and nothing was left that could have continued it
         OOM [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
             it reached its memory limit, and the kernel killed 4 processes
        FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
             it exited with status 3
   LEAK-FAIL [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
             left running, and killed: sleep 30 (pid 7)
        PASS [  0.004s]    0.7 MiB    2 ms cpu   1 task   tour::parser    accepts_empty_input
             suspect: it left its cgroup; do not trust its figures
             disk: 4 KiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
             note: errno 75␊means a foreign owner

"#]]
        );
    }

    #[test]
    fn names_from_outside_cannot_break_the_line() {
        let name = format!("{}\x1b[2K\x1b]0;t\x07\r\n", "n".repeat(100));
        let test = builders::test("tour\x1b[1A", &name);
        let record = builders::record(Outcome::Passed);
        let attempt = Attempt {
            test: &test,
            nth: Nth { number: 2, total: 3, iteration: None },
            is_last: true,
            verdict: &Verdict::Passed,
            record: &record,
        };
        let line = anstream::adapter::strip_str(&attempt.line(Layout::Wide { id_width: 4 }, "")).to_string();
        assert_eq!(line.lines().count(), 1);
        assert!(line.ends_with(&format!("  tour  {}␍␊ (attempt 2 of 3)\n", "n".repeat(100))), "{line:?}");
    }

    #[test]
    fn the_frame_of_the_harness_is_no_output_of_the_test() {
        let end = "\n\nfailures:\n\nfailures:\n    a::b\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; \
                   5 filtered out; finished in 0.09s\n\n";
        let framed = |own: &str| format!("\nrunning 1 test\n{own}test a::b ... FAILED{end}");
        assert_eq!(own_words(&framed(""), "a::b"), "");
        assert_eq!(own_words(&framed("its word\n"), "a::b"), "its word\n");
        assert_eq!(own_words(&framed("no end of line"), "a::b"), "no end of line");
        let panics = framed("").replace("a::b ...", "a::b - should panic ...");
        assert_eq!(own_words(&panics, "a::b"), "");
        // Killed before the harness said how it ended.
        assert_eq!(own_words("\nrunning 1 test\n", "a::b"), "");
        let noted =
            framed("").replacen("failures:\n", "failures:\n\n---- a::b stdout ----\nnote: no panic\n", 1);
        assert!(own_words(&noted, "a::b").contains("note: no panic"));
        assert_eq!(own_words(&framed("its word\n"), "a").lines().next(), Some("its word"));
        assert!(own_words(&framed("its word\n"), "a").contains("test result"));
        assert_eq!(own_words("test a::b is my word\n", "a::b"), "test a::b is my word\n");
    }

    #[test]
    fn output_is_indented_and_its_gap_and_its_colours_are_kept_in_bounds() {
        let mut record = builders::record(Outcome::Failed { code: 101 });
        record.stdout = Captured {
            head: b"one\n\n     Summary [  0.1s] forged\n\xff\xfe".to_vec(),
            dropped: 99_000_000,
            tail: b"last \x1b[31mred".to_vec(),
        };
        let test = builders::test("tour", "shouts");
        let verdict = builders::verdict(&record);
        let output =
            Attempt { test: &test, nth: Nth::ONLY, verdict: &verdict, record: &record, is_last: true }
                .output();
        assert!(output.contains("last \x1b[31mred\n\x1b[0m"), "{output:?}");
        assert_data_eq!(
            anstream::adapter::strip_str(&output).to_string(),
            str![[r#"
  --- stdout of tour shouts ---
    one

         Summary [  0.1s] forged
    ��
    ... 99000000 bytes left out ...
    last red
  --- stderr of tour shouts ---
    panicked at 'no'

"#]]
        );
    }

    #[test]
    fn silence_has_no_heading() {
        let mut record = builders::record(Outcome::TimedOut);
        record.stderr = Captured::default();
        let test = builders::test("tour", "silent");
        let attempt = Attempt {
            test: &test,
            nth: Nth::ONLY,
            is_last: true,
            verdict: &Verdict::TimedOut { fails: true, limit: None },
            record: &record,
        };
        assert_eq!(attempt.output(), "");
    }
}
