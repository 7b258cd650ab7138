//! Events in the unstable JSON format of Rust's own test harness, which editors read. As cargo-nextest has it, the lines
//! of a test binary stand together, for which they are kept until its last test has ended, and a test is named
//! `package::target$name`. A test has one result, however many attempts there were at it.

use super::cause::{KILLED, cause};
use super::redaction::Redaction;
use crate::schedule::events::{Event, Reporter};
use crate::schedule::queue::Nth;
use crate::select::Selected;
use crate::testcase::{TestBinary, TestCase};
use crate::text::captured::captured;
use crate::verdict::{Effect, Kind, Verdict};
use isotest_core::record::{Captured, Record};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// Writer of the events of each binary once its last test has ended.
pub(super) struct Libtest {
    writer: Box<dyn Write + Send>,
    redaction: Redaction,
    /// Whether the lines of binaries say of which package and kind they are.
    plus: bool,
    /// Numbers of tests of each binary, by its id.
    counts: HashMap<String, Counts>,
    /// Binaries of which no test has a result yet, by id.
    untold: BTreeMap<String, Arc<TestBinary>>,
    /// Binaries whose tests are running, by id and number of the iteration.
    suites: BTreeMap<(String, u32), Suite>,
}

/// Numbers of tests of a binary before the run.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    selected: usize,
    ignored: usize,
    filtered_out: usize,
}

/// Binary whose tests are running.
struct Suite {
    binary: Arc<TestBinary>,
    /// Lines of the tests.
    lines: String,
    counts: Counts,
    iteration: Option<u32>,
    passed: usize,
    failed: usize,
    time: Duration,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Suite {
        event: &'static str,
        #[serde(flatten)]
        numbers: Numbers,
        #[serde(skip_serializing_if = "Option::is_none")]
        nextest: Option<Origin<'a>>,
    },
    Test(OfTest<'a>),
}

/// Line of a test.
#[derive(Default, Serialize)]
struct OfTest<'a> {
    event: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exec_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Numbers {
    Started {
        test_count: usize,
    },
    Ended {
        passed: usize,
        failed: usize,
        ignored: usize,
        measured: usize,
        filtered_out: usize,
        exec_time: f64,
    },
}

/// Origin of a binary, in the words of cargo-nextest.
#[derive(Serialize)]
struct Origin<'a> {
    #[serde(rename = "crate")]
    package: &'a str,
    test_binary: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stress_index: Option<u32>,
}

impl Libtest {
    pub(super) fn new(writer: Box<dyn Write + Send>, redaction: Redaction, plus: bool) -> Self {
        let (counts, untold, suites) = (HashMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { writer, redaction, plus, counts, untold, suites }
    }

    /// Says of a binary that was not to be asked for its tests that it has failed.
    pub(super) fn unlisted(&mut self, binary: &Arc<TestBinary>) -> io::Result<()> {
        self.write_as("failed", &Suite::new(binary, Counts::default(), None))
    }

    fn start(&mut self, selected: &Selected) -> io::Result<()> {
        for test in &selected.tests {
            self.of(test).selected += 1;
            self.untold.entry(test.binary.id.clone()).or_insert_with(|| Arc::clone(&test.binary));
        }
        for test in &selected.ignored {
            self.of(test).ignored += 1;
        }
        for (binary_id, filtered_out) in &selected.filtered_of {
            self.counts.entry(binary_id.clone()).or_default().filtered_out = *filtered_out;
        }
        for test in &selected.ignored {
            self.suite(test, Nth::ONLY).add(test, OfTest { event: "ignored", ..OfTest::default() })?;
        }
        self.write_ended()
    }

    fn of(&mut self, test: &TestCase) -> &mut Counts {
        self.counts.entry(test.binary.id.clone()).or_default()
    }

    fn suite(&mut self, test: &TestCase, nth: Nth) -> &mut Suite {
        let iteration = nth.iteration.map(|iteration| iteration.number);
        let id = &test.binary.id;
        self.untold.remove(id);
        let counts = self.counts.get(id).copied().unwrap_or_default();
        // What is ignored is told once, with the first iteration.
        let counts = Counts { ignored: if iteration > Some(1) { 0 } else { counts.ignored }, ..counts };
        let suite = || Suite::new(&test.binary, counts, iteration);
        self.suites.entry((id.clone(), iteration.unwrap_or(1))).or_insert_with(suite)
    }

    fn finish(&mut self, test: &TestCase, nth: Nth, result: OfTest<'_>) -> io::Result<()> {
        let suite = self.suite(test, nth);
        *(if result.event == "ok" { &mut suite.passed } else { &mut suite.failed }) += 1;
        suite.time += Duration::from_secs_f64(result.exec_time.unwrap_or_default());
        suite.add(test, result)?;
        self.write_ended()
    }

    /// Writes the binaries all of whose tests have ended.
    fn write_ended(&mut self) -> io::Result<()> {
        let ended: Vec<_> = self.suites.extract_if(.., |_, suite| suite.has_ended()).collect();
        ended.iter().try_for_each(|(_, suite)| self.write(suite))
    }

    fn write(&mut self, suite: &Suite) -> io::Result<()> {
        self.write_as(if suite.passed == suite.counts.selected { "ok" } else { "failed" }, suite)
    }

    fn write_as(&mut self, event: &'static str, suite: &Suite) -> io::Result<()> {
        let Suite { counts: Counts { selected, ignored, filtered_out }, passed, failed, .. } = *suite;
        let line = |event, numbers| {
            let nextest = self.plus.then(|| Origin {
                package: &suite.binary.package,
                test_binary: &suite.binary.name,
                kind: suite.binary.kind.as_str(),
                stress_index: suite.iteration.map(|number| number - 1),
            });
            serde_json::to_string(&Line::Suite { event, numbers, nextest })
        };
        let exec_time = suite.time.as_secs_f64();
        let started = line("started", Numbers::Started { test_count: selected + ignored })?;
        let numbers = Numbers::Ended { passed, failed, ignored, measured: 0, filtered_out, exec_time };
        let ended = line(event, numbers)?;
        let mut block = String::new();
        for line in [started.as_str()].into_iter().chain(suite.lines.lines()).chain([ended.as_str()]) {
            block += &self.redaction.line(line.to_owned())?;
            block.push('\n');
        }
        self.writer.write_all(block.as_bytes())?;
        self.writer.flush()
    }
}

impl Suite {
    fn new(binary: &Arc<TestBinary>, counts: Counts, iteration: Option<u32>) -> Self {
        Self {
            binary: Arc::clone(binary),
            lines: String::new(),
            counts,
            iteration,
            passed: 0,
            failed: 0,
            time: Duration::ZERO,
        }
    }

    /// Returns whether no result is missing.
    const fn has_ended(&self) -> bool {
        self.passed + self.failed == self.counts.selected
    }

    /// Adds what became of a test.
    fn add(&mut self, test: &TestCase, result: OfTest<'_>) -> io::Result<()> {
        let binary = &test.binary;
        let iteration = self.iteration.map_or_else(String::new, |number| format!("@stress-{}", number - 1));
        let name = format!("{}::{}{iteration}${}", binary.package, binary.name, test.name);
        let started = OfTest { event: "started", name: &name, ..OfTest::default() };
        for line in [started, OfTest { name: &name, ..result }] {
            self.lines += &serde_json::to_string(&Line::Test(line))?;
            self.lines.push('\n');
        }
        Ok(())
    }
}

impl Reporter for Libtest {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::RunStarted { selected, .. } => self.start(selected),
            Event::AttemptFinished { test, launch, is_last: true, verdict, record } => {
                self.finish(test, launch.attempt.nth, result(test, verdict, record))
            }
            Event::AttemptInterrupted { test, launch, record } => {
                let exec_time = record.wall.map(|wall| wall.as_secs_f64());
                let failed = failed(Some(KILLED.to_owned()), test, &record.stdout, &record.stderr);
                self.finish(test, launch.attempt.nth, OfTest { exec_time, ..failed })
            }
            Event::RetriesDropped { test, nth } => {
                let why = "it failed, and the run ended before it was tried again";
                let message = Some(why.to_owned());
                self.finish(test, *nth, OfTest { event: "failed", message, ..OfTest::default() })
            }
            // What has no result yet has none any more.
            Event::RunFinished { .. } => {
                let suites = std::mem::take(&mut self.suites);
                suites.values().try_for_each(|suite| self.write(suite))?;
                for (id, binary) in std::mem::take(&mut self.untold) {
                    let counts = self.counts.get(&id).copied().unwrap_or_default();
                    self.write(&Suite::new(&binary, counts, None))?;
                }
                Ok(())
            }
            Event::SetupStarted { .. }
            | Event::SetupFinished { .. }
            | Event::SetupInterrupted { .. }
            | Event::AttemptStarted { .. }
            | Event::Waiting { .. }
            | Event::AttemptSlow { .. }
            | Event::AttemptFinished { is_last: false, .. }
            | Event::ProcessFinished { .. }
            | Event::AttemptNotBegun { .. }
            | Event::Cancelled { .. } => Ok(()),
        }
    }
}

/// Makes the result of a test.
fn result<'a>(test: &TestCase, verdict: &Verdict, record: &Record) -> OfTest<'a> {
    let exec_time = record.ending.as_ref().map(|ending| ending.wall.as_secs_f64());
    if verdict.effect() == Effect::Passes {
        return OfTest { event: "ok", exec_time, ..OfTest::default() };
    }
    let reason = (verdict.kind() == Kind::TimedOut).then_some("time limit exceeded");
    // The word says all of a failure, and not of other verdicts.
    let why = cause(verdict, record).or_else(|| match verdict.kind() {
        Kind::Failed => None,
        other => Some(other.counted().to_owned()),
    });
    let failed = failed(why, test, &record.stdout, &record.stderr);
    OfTest { exec_time, reason, ..failed }
}

/// Makes the result of a test that has failed, of what it wrote and of what the standard harness wrote around that.
fn failed<'a>(why: Option<String>, test: &TestCase, stdout: &Captured, stderr: &Captured) -> OfTest<'a> {
    let stdout = captured(stdout);
    let (own, note) = without_frame(&stdout, &test.name);
    let output = own.to_owned() + &captured(stderr);
    OfTest {
        event: "failed",
        message: why.or_else(|| note.map(str::to_owned)),
        stdout: (!output.is_empty()).then_some(output),
        ..OfTest::default()
    }
}

/// Returns what a test wrote, and the note that the standard harness made on it.
fn without_frame<'a>(stdout: &'a str, name: &str) -> (&'a str, Option<&'a str>) {
    let stdout = stdout.strip_prefix("\nrunning 1 test\n").unwrap_or(stdout);
    let is_end = |at: &usize| stdout[*at..].contains("... FAILED\n\nfailures:\n");
    let Some(end) = stdout.rfind(&format!("test {name} ")).filter(is_end) else { return (stdout, None) };
    let (own, frame) = stdout.split_at(end);
    let note = frame.split_once(&format!("---- {name} stdout ----\nnote: ")).map(|(_, note)| note);
    (own, note.map(|note| note.split_once("\n\nfailures:\n").map_or(note, |(note, _)| note).trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::queue::Iteration;
    use crate::schedule::summary::Summary;
    use crate::testing::builders;
    use isotest_core::outcome::Outcome;
    use serde_json::{Value, json};

    /// Reports these results of tests, each of a binary, in this order, and one test that is ignored.
    fn report(results: &[(&str, &str, Outcome)], nth: Nth) -> Vec<Value> {
        let written = builders::Written::default();
        let mut libtest = Libtest::new(Box::new(written.clone()), Redaction::default(), true);
        let mut selected = Selected {
            tests: results.iter().map(|(id, name, _)| builders::test(id, name)).collect(),
            ignored: vec![builders::test("tour", "ignored")],
            ..Selected::default()
        };
        selected.filtered_of.insert("tour".to_owned(), 3);
        libtest.start(&selected).unwrap();
        for (test, (.., outcome)) in selected.tests.iter().zip(results) {
            let record = builders::record(outcome.clone());
            let ended = result(test, &builders::verdict(&record), &record);
            libtest.finish(test, nth, ended).unwrap();
        }
        libtest.event(&Event::RunFinished { summary: &Summary::default() }).unwrap();
        written.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn the_lines_of_a_binary_stand_together() {
        let lines = report(
            &[
                ("tour", "a", Outcome::Passed),
                ("tour::it", "b", Outcome::Passed),
                ("tour", "c", Outcome::Failed { code: 101 }),
            ],
            Nth::ONLY,
        );
        let seen: Vec<_> =
            lines.iter().map(|line| json!([line["type"], line["event"], line["name"]])).collect();
        let test = |event: &str, name: &str| json!(["test", event, format!("tour::${name}")]);
        let suite = |event: &str| json!(["suite", event, null]);
        let expected = [
            suite("started"),
            test("started", "b"),
            test("ok", "b"),
            suite("ok"),
            suite("started"),
            test("started", "ignored"),
            test("ignored", "ignored"),
            test("started", "a"),
            test("ok", "a"),
            test("started", "c"),
            test("failed", "c"),
            suite("failed"),
        ];
        assert_eq!(seen, expected);
        assert_eq!(
            (&lines[4]["test_count"], &lines[10]["stdout"]),
            (&json!(3), &json!("panicked at 'no'\n"))
        );
        let end = &lines[11];
        let numbers = ["passed", "failed", "ignored", "filtered_out"].map(|number| &end[number]);
        assert_eq!(numbers, [1, 1, 1, 3]);
        assert_eq!(end["nextest"]["crate"], "tour");
    }

    #[test]
    fn a_binary_of_which_no_test_was_started_has_failed() {
        let written = builders::Written::default();
        let mut libtest = Libtest::new(Box::new(written.clone()), Redaction::default(), true);
        let selected = Selected {
            tests: ["a", "b"].map(|name| builders::test("tour", name)).to_vec(),
            ..Selected::default()
        };
        libtest.start(&selected).unwrap();
        libtest.event(&Event::RunFinished { summary: &Summary::default() }).unwrap();
        libtest.unlisted(&builders::binary("tour::it")).unwrap();
        let lines = written.text();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let seen: Vec<_> = lines
            .iter()
            .map(|line| {
                json!([line["type"], line["event"], line["test_count"], line["passed"], line["failed"]])
            })
            .collect();
        let [started, none] = [2, 0].map(|tests| json!(["suite", "started", tests, null, null]));
        let failed = json!(["suite", "failed", null, 0, 0]);
        assert_eq!(seen, [started, failed.clone(), none, failed]);
        assert_eq!(lines[3]["nextest"]["crate"], lines[0]["nextest"]["crate"]);
    }

    #[test]
    fn what_is_no_verdict_is_no_success() {
        let lines = report(&[("tour", "a", builders::not_isolated())], Nth::ONLY);
        assert_eq!(lines[4]["event"], "failed");
        assert!(lines[4]["message"].as_str().unwrap().starts_with("no verdict: "), "{lines:?}");
        assert!(lines[4].get("exec_time").is_none(), "{lines:?}");
    }

    #[test]
    fn an_iteration_is_a_binary_of_its_own() {
        let nth = Nth { iteration: Some(Iteration { number: 2, total: None }), ..Nth::ONLY };
        let lines = report(&[("tour", "a", Outcome::Passed)], nth);
        assert_eq!((&lines[0]["nextest"]["stress_index"], &lines[0]["test_count"]), (&json!(1), &json!(1)));
        assert_eq!(lines[1]["name"], "tour::@stress-1$a");
    }

    #[test]
    fn the_frame_of_the_harness_is_left_out() {
        let end = "failures:\n    a::b\n\ntest result: FAILED.";
        let framed = format!("\nrunning 1 test\nits word\ntest a::b ... FAILED\n\nfailures:\n\n{end}");
        assert_eq!(without_frame(&framed, "a::b"), ("its word\n", None));
        let noted =
            "test a::b - should panic ... FAILED\n\nfailures:\n\n---- a::b stdout ----\nnote: no panic";
        let framed = format!("\nrunning 1 test\n{noted}\n\n{end}");
        assert_eq!(without_frame(&framed, "a::b"), ("", Some("no panic")));
        assert_eq!(without_frame("test a::b is my word", "a::b"), ("test a::b is my word", None));
    }
}
