//! Makes JUnit XML of the results of a run; pure.
//!
//! Most readers drop properties, and show `message` and the text: verdict and figures stand there, and in properties
//! for those that keep them.

use crate::report::account::{Account, Attempt, Facts, Place, Process, Test};
use crate::report::executions::{Spread, Stressed};
use crate::text::sanitize::word;
use crate::verdict::Effect;
use chrono::{DateTime, FixedOffset, TimeDelta};
use isotest_core::metric::METRICS;
use quick_junit::{
    FlakyOrRerun, NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite,
};
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

/// Placeholder of a tab until the document is text: the library leaves tabs out, although XML allows them. No other
/// text has it.
const TAB: char = '\u{fdd0}';

/// Writes the whole document. A large run's document is too large to be kept in memory.
///
/// # Errors
/// When the document cannot be written to `to`.
pub(super) fn write(account: &Account, to: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new("cargo isotest");
    let started = account.started.as_ref();
    if let Some(id) = started.and_then(|started| started.run_id.as_ref()?.parse().ok()) {
        report.set_report_uuid(id);
    }
    let begun = started.map(|started| started.at);
    if let Some(begun) = begun {
        report.set_timestamp(begun);
    }
    if let Some(finished) = &account.finished {
        report.set_time(Duration::from_micros(finished.wall_us));
    }
    for suite in suites(account, begun) {
        report.add_test_suite(suite);
    }
    let mut to = WithTabs { to: BufWriter::new(to), failed: None };
    let written = report.serialize(&mut to);
    written.map_err(|error| to.failed.take().unwrap_or_else(|| io::Error::other(error)))?;
    to.to.flush()
}

/// Writer that replaces the placeholder of a tab by a tab.
struct WithTabs<'a> {
    to: BufWriter<&'a mut dyn Write>,
    /// Error of the writer, of which the library keeps only words.
    failed: Option<io::Error>,
}

impl WithTabs<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        // The library writes whole texts.
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        for (number, part) in text.split(TAB).enumerate() {
            let tab = if number > 0 { "&#9;" } else { "" };
            self.to.write_all(tab.as_bytes())?;
            self.to.write_all(part.as_bytes())?;
        }
        Ok(())
    }
}

impl Write for WithTabs<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes).map_err(|error| {
            let told = io::Error::from(error.kind());
            self.failed.get_or_insert(error);
            told
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes a suite for each binary, in the order in which their first tests ended, one for each setup script, and one
/// for missing results of the run.
fn suites(account: &Account, begun: Option<DateTime<FixedOffset>>) -> Vec<TestSuite> {
    let mut ids: Vec<String> = Vec::new();
    let of_tests = account.tests.iter().chain(&account.interrupted).map(suite);
    let of_processes = account.unexplained().map(|process| process.binary_id.clone());
    let of_skipped = account.skipped().map(|test| test.binary_id.clone());
    for id in of_tests.chain(of_processes).chain(of_skipped) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let mut suites: Vec<_> = ids.iter().map(|id| TestSuite::new(attribute(id))).collect();
    let mut add = |id: &str, case: TestCase| {
        if let Some(index) = ids.iter().position(|other| other == id) {
            suites[index].add_test_case(case);
        }
    };
    for test in account.tests.iter().chain(&account.interrupted) {
        add(&suite(test), of_test(test, account, begun));
    }
    for process in account.unexplained() {
        add(&process.binary_id, of_process(process, account));
    }
    for test in account.skipped() {
        let mut case = TestCase::new(attribute(&test.name), TestCaseStatus::skipped());
        case.set_classname(attribute(&test.binary_id)).status.set_message("#[ignore]");
        add(&test.binary_id, case);
    }
    for script in &account.scripts {
        let name = format!("@setup-script:{}", attribute(&script.name));
        let mut case = TestCase::new(attribute(&script.name), status(&script.facts, None));
        measured(&mut case, &name, &script.facts);
        let mut suite = TestSuite::new(name);
        suite.add_test_case(case);
        suites.push(suite);
    }
    for suite in &mut suites {
        suite.set_time(suite.test_cases.iter().filter_map(|case| case.time).sum());
    }
    let spreads = stressed(account);
    if let Some(suite) = suites.first_mut().filter(|_| !spreads.is_empty()) {
        suite.set_system_out(spreads);
    }
    if let Some(gap) = account.gap() {
        let mut suite = TestSuite::new("cargo isotest");
        suite.add_test_case(incomplete(&gap));
        suites.push(suite);
    }
    suites
}

/// Describes the distributions of the figures of tests that were executed several times, a line each.
fn stressed(account: &Account) -> String {
    let mut text = String::new();
    for executions in Stressed::of(account).ranked(0) {
        let _ = write!(text, "{}: {}", executions.title, executions.counts());
        for Spread { name, min, median, max, modes, .. } in executions.spreads() {
            let modes = modes.map_or_else(String::new, |modes| format!(", two modes: {modes}"));
            let _ = write!(text, "; {name} {min} to {max}, median {median}{modes}");
        }
        text.push('\n');
    }
    text
}

/// Returns the name of a test's suite: its binary's, and another one in each iteration.
fn suite(test: &Test) -> String {
    match test.last.iteration {
        Some(number) => format!("{}@iteration-{number}", test.binary_id),
        None => test.binary_id.clone(),
    }
}

/// Makes the test case of a run of which results are missing.
fn incomplete(why: &str) -> TestCase {
    const KIND: &str = "INCOMPLETE";
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    let message = format!("{KIND} · {}", attribute(why));
    status.set_type(KIND).set_message(message.as_str()).set_description(message.as_str());
    let mut case = TestCase::new("the whole run", status);
    case.set_classname("cargo isotest");
    case
}

fn of_test(test: &Test, account: &Account, begun: Option<DateTime<FixedOffset>>) -> TestCase {
    let Attempt { facts, start_us, .. } = &test.last;
    let place = facts.place(account);
    let mut status = status(facts, place.as_ref());
    if test.is_flaky() {
        status.set_rerun_kind(FlakyOrRerun::Flaky);
    }
    for earlier in &test.earlier {
        // A passed attempt that was repeated has no element in the format.
        if earlier.facts.effect != Effect::Passes {
            status.add_rerun(rerun(&earlier.facts, account));
        }
    }
    let mut case = TestCase::new(attribute(&test.name), status);
    if let Some(Place { file, line, .. }) = &place {
        case.extra.insert("file".into(), attribute(file).into());
        case.extra.insert("line".into(), line.to_string().into());
    }
    let start = i64::try_from(*start_us).ok().map(TimeDelta::microseconds);
    if let Some(at) = begun.and_then(|begun| begun.checked_add_signed(start?)) {
        case.set_timestamp(at);
    }
    measured(&mut case, &test.binary_id, facts);
    for (name, value) in test.last.ran_on.iter().flat_map(|machine| machine.said()) {
        case.add_property(Property::new(name, attribute(value)));
    }
    case
}

fn of_process(process: &Process, account: &Account) -> TestCase {
    let place = process.facts.place(account);
    let name = format!("{} tests in one process", process.tests);
    let mut case = TestCase::new(name, status(&process.facts, place.as_ref()));
    measured(&mut case, &process.binary_id, &process.facts);
    case
}

fn measured(case: &mut TestCase, binary_id: &str, facts: &Facts) {
    case.set_classname(attribute(binary_id));
    if let Some(wall) = facts.wall_us {
        case.set_time(Duration::from_micros(wall));
    }
    case.add_property(Property::new("outcome", attribute(&facts.outcome)));
    for figure in METRICS.iter().flat_map(|metric| metric.figures) {
        if let Some(value) = facts.figure(figure.key) {
            case.add_property(Property::new(figure.key, value.to_string()));
        }
    }
}

fn kind(facts: &Facts) -> NonSuccessKind {
    match facts.effect {
        Effect::Undecided => NonSuccessKind::Error,
        Effect::Passes | Effect::Fails => NonSuccessKind::Failure,
    }
}

fn status(facts: &Facts, place: Option<&Place>) -> TestCaseStatus {
    if facts.effect == Effect::Passes {
        return TestCaseStatus::success();
    }
    let mut status = TestCaseStatus::non_success(kind(facts));
    status.set_type(facts.status()).set_message(attribute(&facts.headline(place)));
    status.set_description(description(facts, place));
    status
}

fn rerun(facts: &Facts, account: &Account) -> TestRerun {
    let place = facts.place(account);
    let mut rerun = TestRerun::new(kind(facts));
    rerun.set_type(facts.status()).set_message(attribute(&facts.headline(place.as_ref())));
    rerun.set_description(description(facts, place.as_ref()));
    if let Some(wall) = facts.wall_us {
        rerun.set_time(Duration::from_micros(wall));
    }
    rerun
}

/// Returns the headline, further notes, and the output of the test.
fn description(facts: &Facts, place: Option<&Place>) -> String {
    let mut lines = vec![facts.headline(place)];
    lines.extend(facts.notes());
    lines.push(facts.output());
    lines.retain(|line| !line.is_empty());
    text(&lines.join("\n"))
}

/// Makes text of one line.
fn attribute(said: &str) -> String {
    text(&word(said))
}

/// Replaces characters that XML does not allow, and tabs by their placeholder.
fn text(said: &str) -> String {
    let allowed = |character| match character {
        '\t' => TAB,
        TAB | '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    said.chars().map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt, unfinished};
    use serde_json::json;

    fn written(account: &Account) -> String {
        let mut text = Vec::new();
        write(account, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_failure_says_what_was_measured_in_its_message_and_its_text() {
        let facts = json!({"stderr": "thread 't' panicked at src/a.rs:3:5:\n\tleft < right & \x1b[31mred\x1b[0m\x07\n"});
        let text = written(&account(&[attempt("tour::parser", "m::t", "fails", &facts)]));
        let case = r#"<testcase name="m::t" classname="tour::parser" timestamp="2026-01-02T03:04:05.001+00:00" time="0.004" file="src/a.rs" line="3">"#;
        assert!(text.contains(case), "{text}");
        let headline = "FAIL · 0.004 s · peak 0.7 MiB · cpu 2 ms · 1 task · panicked at src/a.rs:3:5";
        let failure = format!(
            "<failure message=\"{headline}\" type=\"FAIL\">{headline}\nthread &apos;t&apos; panicked at src/a.rs:3:5:\n\
             &#9;left &lt; right &amp; red␇</failure>"
        );
        assert!(text.contains(&failure), "{text}");
        assert!(text.contains(r#"<property name="memory_peak_bytes" value="734003"/>"#), "{text}");
    }

    #[test]
    fn what_undecided_tests_and_gaps_are_is_an_error() {
        let undecided =
            json!({"outcome": "not-isolated", "cause": "no verdict: none", "usage": {}, "wall_us": null});
        let text = written(&unfinished(&[attempt("tour", "t", "undecided", &undecided)]));
        assert!(
            text.contains(r#"<error message="NOT-ISOLATED · no verdict: none" type="NOT-ISOLATED">"#),
            "{text}"
        );
        assert!(
            text.contains(r#"<error message="INCOMPLETE · the end of the run is missing: 2 of 3"#),
            "{text}"
        );
        assert!(!text.contains("<properties>\n</properties>") && !text.contains("<properties/>"), "{text}");
    }

    #[test]
    fn earlier_attempts_have_elements_of_their_own() {
        let first = attempt("tour", "t", "fails", &json!({"is_last": false}));
        let passes = attempt("tour", "t", "passes", &json!({"attempt": 2, "outcome": "flaky"}));
        let text = written(&account(&[first.clone(), passes]));
        assert!(
            text.contains(r#"<testsuite name="tour" tests="1" skipped="0" errors="0" failures="0""#),
            "{text}"
        );
        assert!(text.contains("<flakyFailure ") && !text.contains("<failure "), "{text}");
        let again = attempt("tour", "t", "fails", &json!({"attempt": 2}));
        let text = written(&account(&[first.clone(), again]));
        assert!(text.contains("<rerunFailure ") && text.contains("<failure "), "{text}");
        let flaky = attempt("tour", "t", "fails", &json!({"attempt": 2, "outcome": "flaky"}));
        let text = written(&account(&[first, flaky]));
        assert!(text.contains("<flakyFailure ") && text.contains("type=\"FLAKY-FAIL\""), "{text}");
    }

    #[test]
    fn nothing_that_xml_forbids_comes_out() {
        let hostile = "a\u{fffe}\u{ffff}\u{fdd0}\0\u{1b}]0;t\u{7}\u{85}]]>\r\n\"<&'";
        let facts = json!({"stdout": hostile, "cause": hostile, "remarks": [hostile]});
        let text = written(&account(&[attempt(hostile, hostile, "fails", &facts)]));
        let is_legal =
            |c: char| matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(text.chars().all(is_legal), "{text:?}");
        assert!(Report::deserialize_from_str(&text).is_ok());
    }
}
