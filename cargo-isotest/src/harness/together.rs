//! Execution of the tests of a binary in one process, as by `cargo test`: the arguments of the harness, and what it
//! says became of each test. What was measured is the process's; of a test there is its verdict and what it wrote.
//! Pure.

use crate::cli::RunIgnored;
use crate::harness::result::{End, text};
use crate::select::Selection;
use crate::settings::Process;
use crate::testcase::{TestBinary, TestCase};
use crate::text::units::plural;
use isotest_core::join_list::and_more;
use isotest_core::outcome::Outcome;
use isotest_core::record::{Captured, Evidence, PartialRecord, Record};
use isotest_core::usage::Usage;
use signal_hook::consts::SIGKILL;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Number of bytes kept of the beginning, and as many of the end, of each stream: the lines of some 100,000 tests.
pub(crate) const OUTPUT_BYTES: usize = 8 << 20;

/// Number of tests that a remark names.
const SHOWN_NAMES: usize = 5;

/// Tests of one binary that are executed by one process; at least one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit<'run>(&'run [TestCase]);

impl<'run> Unit<'run> {
    /// Returns the tests of the unit.
    pub(crate) const fn tests(self) -> &'run [TestCase] {
        self.0
    }

    /// Returns whether the unit has no test but the first.
    pub(crate) const fn is_one_test(self) -> bool {
        self.0.len() == 1
    }

    /// Returns the binary of the tests.
    pub(crate) fn binary(self) -> &'run Arc<TestBinary> {
        &self.0[0].binary
    }

    /// Returns the one test, or a stand-in for several tests.
    pub(crate) fn title(&self) -> Cow<'run, TestCase> {
        match self.0 {
            [test] => Cow::Borrowed(test),
            tests => Cow::Owned(TestCase::together(self.binary(), tests.len())),
        }
    }
}

/// Returns the units that the processes of a run execute. Tests of one binary stand together.
pub(crate) fn units(tests: &[TestCase], process: Process) -> Vec<Unit<'_>> {
    match process {
        Process::Test => tests.chunks(1).map(Unit).collect(),
        Process::Binary { .. } => {
            tests.chunk_by(|one, next| Arc::ptr_eq(&one.binary, &next.binary)).map(Unit).collect()
        }
    }
}

/// Returns the arguments that make the harness execute what was selected: the words of the selection if they are the
/// harness's own, for names could be too many, and otherwise the names.
pub(crate) fn arguments(
    unit: Unit<'_>,
    wish: Option<&Selection>,
    threads: Option<NonZeroUsize>,
    captured: bool,
) -> Vec<OsString> {
    let Some(wish) = wish else {
        let names = Selection {
            filters: unit.tests().iter().map(|test| test.name.clone()).collect(),
            exact: true,
            ignored: RunIgnored::All,
            ..Selection::default()
        };
        return arguments(unit, Some(&names), threads, captured);
    };
    let mut arguments: Vec<String> = Vec::new();
    match wish.ignored {
        RunIgnored::Default => {}
        RunIgnored::Only => arguments.push("--ignored".into()),
        RunIgnored::All => arguments.push("--include-ignored".into()),
    }
    arguments.extend(wish.exact.then(|| "--exact".into()));
    arguments.extend(wish.skips.iter().map(|skip| format!("--skip={skip}")));
    arguments.extend(threads.map(|threads| format!("--test-threads={threads}")));
    arguments.extend((!captured).then(|| "--nocapture".into()));
    // After `--` even a filter that begins with a dash is a filter.
    arguments.extend(wish.filters.iter().any(|filter| filter.starts_with('-')).then(|| "--".into()));
    arguments.extend(wish.filters.iter().cloned());
    arguments.into_iter().map(OsString::from).collect()
}

/// Returns what became of the tests that a process was to execute: a record for each, but none for a test that is
/// known not to have begun when the process ended.
pub(crate) fn records(
    tests: &[TestCase],
    process: &Record,
    threads: Option<NonZeroUsize>,
) -> Vec<Option<Record>> {
    let text = text(&process.stdout);
    let said = Said::parse(tests, process, &text, threads == Some(NonZeroUsize::MIN));
    tests.iter().map(|test| said.has_begun(test).then(|| said.record(test, process))).collect()
}

/// Returns the remark on a process that ended before some of its tests had begun.
pub(crate) fn not_begun(names: &[&str]) -> String {
    let shown = &names[..names.len().min(SHOWN_NAMES)];
    let shown = shown.join(", ") + &and_more(names.len() - shown.len());
    format!("{} had not begun when the process ended: {shown}", plural(names.len(), "test"))
}

/// State of a test when the process that it shares with others was killed.
#[derive(Debug)]
pub(crate) enum Cut {
    /// Test that had ended.
    Ended(Box<Record>),
    /// Test that had begun, as far as is known.
    Begun,
    /// Test that is known not to have begun.
    NotBegun,
}

/// Returns the state of each of these tests when their process was killed.
pub(crate) fn cut(tests: &[TestCase], killed: &PartialRecord, threads: Option<NonZeroUsize>) -> Vec<Cut> {
    let process = Record {
        outcome: Outcome::Signaled { signal: SIGKILL },
        ending: None,
        usage: Usage::default(),
        memory_samples: None,
        stdout: killed.stdout.clone(),
        stderr: Captured::default(),
        autopsy: None,
        evidence: Evidence::default(),
        suspect: None,
        remarks: Vec::new(),
    };
    let has_ended = |record: &Record| record.outcome != process.outcome;
    let lost =
        "what it wrote is lost: the harness keeps it until all tests have ended, and was killed before";
    let said = |mut record: Record| {
        let is_silent = record.outcome != Outcome::Passed && record.stdout == Captured::default();
        record.remarks.extend(is_silent.then(|| lost.to_owned()));
        record
    };
    let cut = |record| match record {
        None => Cut::NotBegun,
        Some(record) if has_ended(&record) => Cut::Ended(Box::new(said(record))),
        Some(_) => Cut::Begun,
    };
    records(tests, &process, threads).into_iter().map(cut).collect()
}

/// Results of tests, as their harness wrote them.
struct Said<'a> {
    /// Verdicts by the name of the test: whether it passed.
    verdicts: HashMap<&'a str, bool>,
    /// Output of tests that failed, by their names.
    outputs: HashMap<&'a str, String>,
    /// Whether the harness is not the standard one and says nothing of any test.
    is_silent: bool,
    /// Names of the tests that began, if they are known: where the harness names each test before it begins.
    begun: Option<HashSet<&'a str>>,
}

impl<'a> Said<'a> {
    fn parse(tests: &'a [TestCase], process: &Record, text: &str, is_serial: bool) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let names: HashSet<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        let end = End::parse(&lines).filter(|end| end.fits(process));
        let list = end.as_ref().map(|end| end.list);
        let failed: HashSet<&'a str> = end
            .iter()
            .flat_map(|end| end.failed(&lines))
            .filter_map(|name| names.get(name).copied())
            .collect();
        let told = end.is_some_and(|end| end.counts(tests.len(), failed.len()));
        let verdicts: HashMap<&'a str, bool> = if told {
            names.iter().map(|name| (*name, !failed.contains(name))).collect()
        } else {
            lines.iter().filter_map(|line| verdict(line, &names)).collect()
        };
        let is_standard = tests.iter().any(|test| test.binary.harness);
        let is_silent = !is_standard && verdicts.is_empty() && list.is_none();
        let is_isolated = !matches!(process.outcome, Outcome::NotIsolated(_));
        let begun = if is_standard && is_isolated && !ended_well(process) && process.stdout.dropped == 0 {
            let begun: HashSet<&str> = lines.iter().filter_map(|line| begun(line, &names)).collect();
            // Tests that run in parallel are named when they end. So if a begun test has no result, the harness names
            // tests at their start.
            let names_first = is_serial || begun.iter().any(|name| !verdicts.contains_key(name));
            names_first.then_some(begun)
        } else {
            None
        };
        Self { outputs: outputs(&lines, list, &names), verdicts, is_silent, begun }
    }

    fn has_begun(&self, test: &TestCase) -> bool {
        let name = test.name.as_str();
        self.verdicts.contains_key(name) || self.begun.as_ref().is_none_or(|begun| begun.contains(name))
    }

    fn record(&self, test: &TestCase, process: &Record) -> Record {
        let ended_well = ended_well(process);
        let outcome = match self.verdicts.get(test.name.as_str()) {
            _ if matches!(process.outcome, Outcome::NotIsolated(_)) => process.outcome.clone(),
            Some(true) => Outcome::Passed,
            Some(false) => Outcome::Failed { code: 101 },
            None if self.is_silent && ended_well => Outcome::Passed,
            None if ended_well => Outcome::Failed { code: 0 },
            None => process.outcome.clone(),
        };
        let is_isolated = !matches!(outcome, Outcome::NotIsolated(_));
        let is_unsaid =
            is_isolated && outcome != Outcome::Passed && !self.verdicts.contains_key(test.name.as_str());
        let remark =
            "the process that it shares with other tests of its binary ended without a word on this test";
        let stdout = self.outputs.get(test.name.as_str()).filter(|_| outcome != Outcome::Passed);
        Record {
            outcome,
            ending: None,
            usage: Usage::default(),
            memory_samples: None,
            stdout: stdout.map_or_else(Captured::default, |text| Captured {
                head: text.clone().into_bytes(),
                ..Captured::default()
            }),
            stderr: Captured::default(),
            autopsy: None,
            evidence: Evidence::default(),
            suspect: None,
            remarks: if is_unsaid { vec![remark.to_owned()] } else { Vec::new() },
        }
    }
}

fn ended_well(process: &Record) -> bool {
    matches!(process.outcome, Outcome::Passed | Outcome::Leaked)
}

/// Returns the one of these tests that a line says has begun.
fn begun<'a>(line: &str, names: &HashSet<&'a str>) -> Option<&'a str> {
    let rest = line.strip_prefix("test ")?;
    rest.match_indices(" ... ").find_map(|(at, _)| known(&rest[..at], names))
}

/// Returns the one of these tests whose verdict a line says, and whether it passed.
fn verdict<'a>(line: &str, names: &HashSet<&'a str>) -> Option<(&'a str, bool)> {
    let rest = line.strip_prefix("test ")?;
    let splits = rest.match_indices(" ... ").map(|(at, between)| (&rest[..at], &rest[at + between.len()..]));
    splits.filter_map(|(name, word)| Some((known(name, names)?, word))).find_map(|(name, word)| {
        let passed = ["ok", "ignored", "bench:"].iter().any(|good| word.starts_with(good));
        (passed || word.starts_with("FAILED")).then_some((name, passed))
    })
}

/// Returns the one of these tests that a line names, with or without the suffix of tests that should panic.
fn known<'a>(name: &str, names: &HashSet<&'a str>) -> Option<&'a str> {
    let name = name.trim_end();
    let plain = name.strip_suffix(" - should panic").unwrap_or(name);
    names.get(name).or_else(|| names.get(plain)).copied()
}

/// Returns the output of tests that failed, each below the test's name. The list of their names, if there is one,
/// ends it.
fn outputs<'a>(lines: &[&str], list: Option<usize>, names: &HashSet<&'a str>) -> HashMap<&'a str, String> {
    let mut outputs: HashMap<&str, String> = HashMap::new();
    let mut current = None;
    for line in &lines[..list.unwrap_or(lines.len())] {
        if let Some(name) = heading(line, names) {
            current = Some(name);
        } else if let Some(name) = current {
            let output = outputs.entry(name).or_default();
            output.push_str(line);
            output.push('\n');
        }
    }
    for output in outputs.values_mut() {
        output.truncate(output.trim_end().len());
        output.push('\n');
    }
    outputs
}

fn heading<'a>(line: &str, names: &HashSet<&'a str>) -> Option<&'a str> {
    let name = line.strip_prefix("---- ")?.strip_suffix(" ----")?;
    names.get(name.strip_suffix(" stdout").unwrap_or(name)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::outcome::Ending;

    const NAMES: [&str; 3] = ["a", "m::b", "c"];

    fn tests(is_standard: bool) -> Vec<TestCase> {
        let binary = Arc::new(TestBinary { harness: is_standard, ..TestBinary::default() });
        NAMES.map(|name| TestCase::named(&binary, name.as_ref())).into()
    }

    fn process(outcome: Outcome, stdout: &str) -> Record {
        let mut record = builders::record(outcome);
        record.stdout.head = stdout.as_bytes().to_vec();
        record
    }

    fn words(tests: &[TestCase], process: &Record) -> Vec<&'static str> {
        words_on(tests, process, None)
    }

    fn words_on(tests: &[TestCase], process: &Record, threads: Option<usize>) -> Vec<&'static str> {
        let records = records(tests, process, threads.and_then(NonZeroUsize::new));
        let word =
            |record: &Option<Record>| record.as_ref().map_or("not begun", |record| record.outcome.as_str());
        records.iter().map(word).collect()
    }

    fn result(word: &str, passed: usize, failed: usize) -> String {
        format!(
            "test result: {word}. {passed} passed; {failed} failed; 4 ignored; 0 measured; 9 filtered out; finished in 0.00s\n"
        )
    }

    const FAILURES: &str = "\nfailures:\n\n---- m::b stdout ----\n\nthread 'm::b' panicked:\nfailures:\n    a\n\n\nfailures:\n    m::b\n\n";

    #[test]
    fn the_result_and_the_list_of_failures_tell_of_each_test_whatever_is_written_between() {
        let passed = "running 3 tests\nnoise test a ... ok\ntest c ... garbage\nok\ntest m::b ... ok\n\n";
        let all_passed = process(Outcome::Passed, &(passed.to_owned() + &result("ok", 3, 0)));
        assert_eq!(words(&tests(true), &all_passed), ["passed"; 3]);
        let text = passed.replace("m::b ... ok", "m::b ... FAILED") + FAILURES + &result("FAILED", 2, 1);
        let failed = process(Outcome::Failed { code: 101 }, &text);
        let records: Vec<_> = records(&tests(true), &failed, None).into_iter().flatten().collect();
        assert_eq!(words(&tests(true), &failed), ["passed", "failed", "passed"]);
        assert_eq!(records[1].stdout.head, b"\nthread 'm::b' panicked:\nfailures:\n    a\n");
        for record in &records {
            assert_eq!(
                (&record.ending, &record.usage),
                (&None, &Usage::default()),
                "the figures are of the process"
            );
            assert!(record.remarks.is_empty());
        }
    }

    #[test]
    fn a_process_that_ends_midway_tells_of_those_that_had_ended() {
        let text = "running 3 tests\ntest a ... ok\ntest m::b - should panic ... FAILED\ntest c ... ";
        let aborted = process(Outcome::Signaled { signal: 6 }, text);
        assert_eq!(words(&tests(true), &aborted), ["passed", "failed", "signaled"]);
        let remarks = records(&tests(true), &aborted, None).remove(2).unwrap().remarks;
        assert!(remarks[0].contains("without a word on this test"), "{remarks:?}");
        let left = process(Outcome::Passed, text);
        assert_eq!(words(&tests(true), &left), ["passed", "failed", "failed"]);
        let late = process(Outcome::TimedOut, &("test a ... ok\n".to_owned() + &result("ok", 3, 0)));
        assert_eq!(words(&tests(true), &late), ["passed", "timed-out", "timed-out"]);
    }

    #[test]
    fn tests_of_a_process_that_could_not_be_isolated_are_undecided_and_not_left_out() {
        let process = process(builders::not_isolated(), "");
        assert_eq!(words_on(&tests(true), &process, Some(1)), ["not-isolated"; 3]);
    }

    #[test]
    fn a_test_that_had_not_begun_has_no_record() {
        let hung = |text: &str, threads| words_on(&tests(true), &process(Outcome::TimedOut, text), threads);
        let one_by_one = "running 3 tests\ntest a ... ok\ntest c ... it waits for ever\n";
        assert_eq!(hung(one_by_one, None), ["passed", "not begun", "timed-out"]);
        let at_once = "running 3 tests\ntest a ... ok\n";
        assert_eq!(hung(at_once, None), ["passed", "timed-out", "timed-out"], "both may have begun");
        assert_eq!(hung("", Some(1)), ["not begun"; 3], "what is there before the first test hangs");
        assert_eq!(hung("", Some(2)), ["timed-out"; 3]);
        let other = words_on(&tests(false), &process(Outcome::TimedOut, one_by_one), Some(1));
        assert_eq!(other, ["passed", "timed-out", "timed-out"], "another harness may name none before");
        let mut cut = process(Outcome::TimedOut, one_by_one);
        cut.stdout.dropped = 1;
        assert_eq!(words(&tests(true), &cut), ["passed", "timed-out", "timed-out"], "its name may be lost");
        assert_eq!(not_begun(&["a"]), "1 test had not begun when the process ended: a");
        let many = not_begun(&["a", "b", "c", "d", "e", "f"]);
        assert_eq!(many, "6 tests had not begun when the process ended: a, b, c, d, e and 1 more");
    }

    #[test]
    fn a_process_that_was_killed_tells_which_test_it_was_about() {
        let killed = PartialRecord {
            stdout: Captured {
                head: b"running 3 tests\ntest a ... FAILED\ntest c ... ".to_vec(),
                ..Captured::default()
            },
            ..PartialRecord::default()
        };
        let [Cut::Ended(record), Cut::NotBegun, Cut::Begun] =
            &cut(&tests(true), &killed, NonZeroUsize::new(1))[..]
        else {
            panic!("{:?}", cut(&tests(true), &killed, NonZeroUsize::new(1)));
        };
        assert_eq!(record.outcome, Outcome::Failed { code: 101 });
        assert!(record.remarks[0].starts_with("what it wrote is lost"), "{record:?}");
        let silent = cut(&tests(true), &PartialRecord::default(), NonZeroUsize::new(2));
        assert!(silent.iter().all(|cut| matches!(cut, Cut::Begun)), "all may have begun: {silent:?}");
    }

    #[test]
    fn a_result_that_does_not_fit_is_not_believed() {
        // A test has started another harness, and then ended the process.
        let text = "test a ... ok\n".to_owned() + &result("FAILED", 2, 1);
        assert_eq!(words(&tests(true), &process(Outcome::Passed, &text)), ["passed", "failed", "failed"]);
        let text = "test a ... ok\n".to_owned() + &result("ok", 2, 0);
        assert_eq!(words(&tests(true), &process(Outcome::Passed, &text)), ["passed", "failed", "failed"]);
    }

    #[test]
    fn what_was_not_kept_is_no_loss() {
        let mut record = process(Outcome::Passed, "running 3 tests\ntest a ...");
        record.stdout.dropped = 99;
        record.stdout.tail = result("ok", 3, 0).into_bytes();
        assert_eq!(words(&tests(true), &record), ["passed"; 3]);
    }

    #[test]
    fn a_harness_of_another_kind_may_say_nothing() {
        assert_eq!(words(&tests(false), &process(Outcome::Passed, "all is well\n")), ["passed"; 3]);
        assert_eq!(words(&tests(true), &process(Outcome::Passed, "all is well\n")), ["failed"; 3]);
        let failed = process(Outcome::Failed { code: 3 }, "something is wrong\n");
        assert_eq!(words(&tests(false), &failed), ["failed"; 3]);
        // libtest-mimic pads names, and says of a test only then that it is ignored.
        let text =
            "test a    ... ok\ntest m::b ... ignored\ntest c    ... ok\n\n".to_owned() + &result("ok", 2, 0);
        assert_eq!(words(&tests(false), &process(Outcome::Passed, &text)), ["passed"; 3]);
    }

    #[test]
    fn without_a_sandbox_there_is_no_verdict() {
        let none = Record { ending: None::<Ending>, ..process(builders::not_isolated(), "") };
        assert_eq!(words(&tests(true), &none), ["not-isolated"; 3]);
    }

    #[test]
    fn the_harness_is_asked_by_the_words_of_the_selection() {
        let tests = tests(true);
        let of = |wish: Option<&Selection>, threads, captured| {
            let words = arguments(Unit(&tests), wish, threads, captured);
            words.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(Some(&Selection::default()), None, true), "");
        let wish = Selection {
            filters: vec!["a".into(), "b".into()],
            skips: vec!["-c".into()],
            exact: true,
            ignored: RunIgnored::Only,
            ..Selection::default()
        };
        assert_eq!(
            of(Some(&wish), NonZeroUsize::new(2), false),
            "--ignored --exact --skip=-c --test-threads=2 --nocapture a b"
        );
        let wish = Selection { filters: vec!["-a".into()], ignored: RunIgnored::All, ..Selection::default() };
        assert_eq!(of(Some(&wish), None, true), "--include-ignored -- -a");
        assert_eq!(of(None, None, true), "--include-ignored --exact a m::b c");
    }

    #[test]
    fn only_tests_of_one_binary_share_a_process() {
        let (one, other) = (tests(true), tests(true));
        let all: Vec<_> = one.into_iter().chain(other.into_iter().take(1)).collect();
        let counts =
            |process| -> Vec<_> { units(&all, process).iter().map(|unit| unit.tests().len()).collect() };
        assert_eq!(counts(Process::Test), [1; 4]);
        let together = Process::Binary { threads: None };
        assert_eq!(counts(together), [3, 1]);
        let units = units(&all, together);
        assert_eq!(units[0].title().name, "3 tests in one process");
        assert_eq!(units[1].title().name, "a");
    }

    #[test]
    fn mutated_output_of_several_tests_is_read_or_not_believed() {
        let seeds = [
            "running 3 tests\ntest a ... ok\ntest m::b ... FAILED\ntest c ... ignored\n\nfailures:\n\n---- m::b stdout ----\nno\n\n\
             failures:\n    m::b\n\ntest result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out\n",
            "running 3 tests\ntest a ... test m::b ... ok\nok\ntest result: ok. 3 passed; 0 failed;\n",
        ];
        mutations::try_all("together", &seeds, |bytes| {
            for outcome in [Outcome::Passed, Outcome::Failed { code: 101 }] {
                let process = process(outcome, &String::from_utf8_lossy(bytes));
                let _ = (words(&tests(true), &process), words_on(&tests(false), &process, Some(1)));
            }
        });
    }
}
