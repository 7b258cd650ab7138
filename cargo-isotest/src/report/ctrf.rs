//! Results of a run in the Common Test Report Format; pure.

use crate::report::account::{Account, Attempt, Facts, Test};
use crate::report::executions::{Executions, Stressed};
use crate::verdict::Effect;
use serde_json::{Map, Value, json};
use std::io;

const SPECIFICATION: &str = "0.0.0";

/// Makes the whole document.
///
/// # Errors
/// When serde cannot write the document, which could not be provoked.
pub(super) fn document(account: &Account) -> io::Result<String> {
    let started = account.started.as_ref();
    // Where the start of the run is missing, there is a place in the format that must be filled all the same.
    let begun = started.map_or(0, |started| started.at.timestamp_millis());
    let mut tests: Vec<Value> =
        account.tests.iter().chain(&account.interrupted).map(|test| of_test(test, account, begun)).collect();
    tests.extend(account.unexplained().map(|process| {
        let name = format!("{} tests in one process", process.tests);
        with_facts(json!({"name": name, "suite": [process.binary_id]}), &process.facts, account)
    }));
    tests.extend(account.failed_scripts().map(|script| {
        with_facts(json!({"name": script.name, "suite": ["@setup-script"]}), &script.facts, account)
    }));
    tests.extend(account.skipped().map(|test| {
        json!({"name": test.name, "suite": [test.binary_id], "status": "skipped", "rawStatus": "ignored", "duration": 0})
    }));
    tests.extend(account.gap().map(|gap| incomplete(&gap)));
    let count = |status: &str| tests.iter().filter(|test| test["status"] == status).count();
    let wall = account.finished.as_ref().map_or(0, |finished| milliseconds(finished.wall_us));
    let document = json!({
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "generatedBy": "cargo-isotest",
        "results": {
            "tool": {"name": "cargo-isotest", "version": started.and_then(|started| started.version.clone()).unwrap_or_default()},
            "summary": {
                "tests": tests.len(),
                "passed": count("passed"),
                "failed": count("failed"),
                "skipped": count("skipped"),
                "pending": 0,
                "other": count("other"),
                "flaky": account.flaky(),
                "start": begun,
                "stop": begun + wall,
                "duration": wall,
                "extra": {"ignored": account.ignored(), "stress": stressed(account)},
            },
            "tests": tests,
        },
    });
    Ok(serde_json::to_string(&document)? + "\n")
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
        serde_json::from_str(&document(account).unwrap()).unwrap()
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
