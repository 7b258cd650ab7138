//! Results of a run in the Common Test Report Format; pure.

use crate::report::account::{Account, Attempt, Facts, Test};
use crate::report::executions::{Executions, Stressed};
use crate::verdict::Effect;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

const SPECIFICATION: &str = "0.0.0";

/// Writes the whole document, test by test: those of a large run are not in memory together.
///
/// # Errors
/// When the document cannot be written to `to`.
pub(super) fn write(account: &Account, to: &mut dyn Write) -> io::Result<()> {
    let mut to = BufWriter::new(to);
    serde_json::to_writer(&mut to, &json_document(account))?;
    to.write_all(b"\n")?;
    to.flush()
}

fn json_document(account: &Account) -> Document<'_> {
    let results = Results { account, statuses: RefCell::default() };
    Document { format: "CTRF", version: SPECIFICATION, generator: "cargo-isotest", results }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "reportFormat")]
    format: &'static str,
    #[serde(rename = "specVersion")]
    version: &'static str,
    #[serde(rename = "generatedBy")]
    generator: &'static str,
    results: Results<'a>,
}

/// Tests, and the summary behind them, which is known once they are written.
struct Results<'a> {
    account: &'a Account,
    /// Number of tests of each status.
    statuses: RefCell<BTreeMap<String, usize>>,
}

/// Tests as a sequence that is made while it is written.
struct Tests<'a>(&'a Results<'a>);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let version = self.account.started.as_ref().and_then(|started| started.version.clone());
        let mut results = serializer.serialize_map(Some(3))?;
        let tool = json!({"name": "cargo-isotest", "version": version.unwrap_or_default()});
        results.serialize_entry("tool", &tool)?;
        results.serialize_entry("tests", &Tests(self))?;
        results.serialize_entry("summary", &self.summary())?;
        results.end()
    }
}

impl Serialize for Tests<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(Results { account, statuses }) = self;
        serializer.collect_seq(tests(account).inspect(|test| {
            let status = test["status"].as_str().unwrap_or_default().to_owned();
            *statuses.borrow_mut().entry(status).or_default() += 1;
        }))
    }
}

impl Results<'_> {
    fn summary(&self) -> Value {
        let Self { account, statuses } = self;
        let statuses = statuses.borrow();
        let count = |status: &str| statuses.get(status).copied().unwrap_or(0);
        let begun = begun(account);
        let wall = account.finished.as_ref().map_or(0, |finished| milliseconds(finished.wall_us));
        json!({
            "tests": statuses.values().sum::<usize>(),
            "passed": count("passed"),
            "failed": count("failed"),
            "skipped": count("skipped"),
            "pending": 0,
            "other": count("other"),
            "flaky": account.flaky(),
            "start": begun,
            "stop": begun.saturating_add(wall),
            "duration": wall,
            "extra": {"ignored": account.ignored(), "stress": stressed(account)},
        })
    }
}

/// Returns the start of the run in milliseconds. Where it is missing, there is a place in the format that must be
/// filled all the same.
fn begun(account: &Account) -> i64 {
    account.started.as_ref().map_or(0, |started| started.at.timestamp_millis())
}

fn tests(account: &Account) -> impl Iterator<Item = Value> {
    let begun = begun(account);
    let executed = account.tests.iter().chain(&account.interrupted);
    let processes = account.unexplained().map(|process| {
        let name = format!("{} tests in one process", process.tests);
        with_facts(json!({"name": name, "suite": [process.binary_id]}), &process.facts, account)
    });
    let scripts = account.failed_scripts().map(|script| {
        with_facts(json!({"name": script.name, "suite": ["@setup-script"]}), &script.facts, account)
    });
    let skipped = account.skipped().map(|test| {
        json!({"name": test.name, "suite": [test.binary_id], "status": "skipped", "rawStatus": "ignored", "duration": 0})
    });
    let executed = executed.map(move |test| of_test(test, account, begun));
    executed.chain(processes).chain(scripts).chain(skipped).chain(account.gap().map(|gap| incomplete(&gap)))
}

/// Describes the distributions of the figures of tests that were executed several times; `None` if there are none.
fn stressed(account: &Account) -> Option<Vec<Value>> {
    let all: Vec<_> = Stressed::of(account).ranked(usize::MAX).iter().map(Executions::json).collect();
    (!all.is_empty()).then_some(all)
}

fn of_test(test: &Test, account: &Account, begun: i64) -> Value {
    let Attempt { facts, start_us, number, .. } = &test.last;
    let mut case = json!({"name": test.name, "suite": [test.binary_id]});
    if begun > 0 {
        let start = begun + milliseconds(*start_us);
        case["start"] = start.into();
        case["stop"] = (start + facts.wall_us.map_or(0, milliseconds)).into();
    }
    if !test.earlier.is_empty() {
        case["retries"] = number.saturating_sub(1).into();
        case["flaky"] = test.is_flaky().into();
        case["retryAttempts"] = test.earlier.iter().map(|attempt| earlier(attempt, account)).collect();
    }
    let mut case = with_facts(case, facts, account);
    if let Some(machine) = &test.last.ran_on {
        case["extra"]["machine"] = machine.json();
    }
    case
}

fn with_facts(mut case: Value, facts: &Facts, account: &Account) -> Value {
    case["status"] = status(facts).into();
    case["rawStatus"] = facts.outcome.as_str().into();
    case["duration"] = facts.wall_us.map_or(0, milliseconds).into();
    case["extra"] = json!({"usage": measured(facts)});
    if facts.effect != Effect::Passes {
        let place = facts.place(account);
        case["message"] = facts.headline(place.as_ref()).into();
        case["trace"] = [facts.notes(), vec![facts.output()]].concat().join("\n").into();
        if let Some(place) = place {
            case["filePath"] = place.file.into();
            case["line"] = place.line.into();
        }
    }
    case
}

fn earlier(attempt: &Attempt, account: &Account) -> Value {
    let facts = &attempt.facts;
    json!({
        "attempt": attempt.number,
        "status": status(facts),
        "duration": facts.wall_us.map_or(0, milliseconds),
        "message": facts.headline(facts.place(account).as_ref()),
        "trace": facts.output(),
        "extra": {"usage": measured(facts), "machine": attempt.ran_on.as_ref().map(|machine| machine.json())},
    })
}

fn incomplete(why: &str) -> Value {
    json!({
        "name": "the whole run", "suite": ["cargo isotest"], "status": "other", "rawStatus": "incomplete",
        "duration": 0, "message": why,
    })
}

const fn status(facts: &Facts) -> &'static str {
    match facts.effect {
        Effect::Passes => "passed",
        Effect::Fails => "failed",
        Effect::Undecided => "other",
    }
}

/// Returns figures and sources, without those that were not measured.
fn measured(facts: &Facts) -> Map<String, Value> {
    facts.usage.iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn milliseconds(microseconds: u64) -> i64 {
    i64::try_from(microseconds / 1000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt, script, unfinished};

    fn written(account: &Account) -> Value {
        let mut text = Vec::new();
        write(account, &mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn each_effect_has_a_status_and_figures_beside_it() {
        let fails = json!({"stderr": "x panicked at src/a.rs:3:5:\nno"});
        let undecided =
            json!({"outcome": "not-isolated", "wall_us": null, "usage": {"memory_peak_bytes": null}});
        let report = written(&account(&[
            attempt("tour", "a", "passes", &json!({})),
            attempt("tour", "b", "fails", &fails),
            attempt("tour", "c", "undecided", &undecided),
        ]));
        let summary = &report["results"]["summary"];
        assert_eq!(
            [&summary["tests"], &summary["passed"], &summary["failed"], &summary["other"]],
            [3, 1, 1, 1]
        );
        assert_eq!([&summary["start"], &summary["stop"]], [1_767_323_045_000_i64, 1_767_323_046_200]);
        let tests = &report["results"]["tests"];
        assert_eq!(tests[0]["extra"]["usage"]["memory_peak_bytes"], 734_003);
        assert_eq!((&tests[1]["filePath"], &tests[1]["line"]), (&"src/a.rs".into(), &3.into()));
        assert_eq!(
            (&tests[2]["rawStatus"], &tests[2]["extra"]["usage"]),
            (&"not-isolated".into(), &json!({}))
        );
    }

    #[test]
    fn a_flaky_test_keeps_its_earlier_attempts_and_a_gap_is_no_success() {
        let passes = attempt("tour", "t", "passes", &json!({"attempt": 2, "outcome": "flaky"}));
        let report =
            written(&unfinished(&[attempt("tour", "t", "fails", &json!({"is_last": false})), passes]));
        let tests = report["results"]["tests"].as_array().unwrap();
        assert_eq!((&tests[0]["flaky"], &tests[0]["retries"]), (&true.into(), &1.into()));
        assert_eq!(tests[0]["retryAttempts"][0]["status"], "failed");
        assert_eq!((tests.len(), &tests[1]["status"]), (2, &"other".into()));
    }
    #[test]
    fn a_setup_script_that_failed_stands_beside_the_tests() {
        let facts = json!({"stderr": "no room\n"});
        let report =
            written(&account(&[script("passes", "passes", &json!({})), script("db", "fails", &facts)]));
        let tests = report["results"]["tests"].as_array().unwrap();
        assert_eq!(tests.len(), 1, "{tests:?}");
        assert_eq!(
            [&tests[0]["name"], &tests[0]["suite"][0], &tests[0]["status"]],
            ["db", "@setup-script", "failed"]
        );
        assert_eq!(tests[0]["trace"], "no room");
    }
}
