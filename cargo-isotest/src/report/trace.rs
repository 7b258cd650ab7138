//! Makes trace events of the results of a run, as Perfetto, Chrome and speedscope read them: a track for each job
//! slot, how many attempts ran at once and what their peaks of memory come to together, and an arrow from an attempt
//! to the next attempt at its test; pure.
//!
//! An attempt is a slice for as long as its test ran. Before and after it are slices of the set-up and the teardown of
//! its sandbox; runs of earlier versions do not tell how long these took.

use crate::report::account::{Account, Attempt, Test, Wait};
use crate::text::sanitize::word;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::io::{self, BufWriter, Write};

/// Process id of all events.
const PROCESS: u32 = 1;
/// Track of the waits of tests.
const WAITING: usize = 0;

/// Writes the whole document, event by event: those of a large run are not in memory together.
///
/// # Errors
/// When the document cannot be written to `to`.
pub(super) fn write(account: &Account, to: &mut dyn Write) -> io::Result<()> {
    let mut to = BufWriter::new(to);
    let started = account.started.as_ref();
    let document = Document {
        unit: "ms",
        data: json!({
            "run_id": started.and_then(|started| started.run_id.as_deref()),
            "started_at": started.map(|started| started.at.to_rfc3339()),
            "incomplete": account.gap(),
        }),
        events: Events(account),
    };
    serde_json::to_writer(&mut to, &document)?;
    to.write_all(b"\n")?;
    to.flush()
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "displayTimeUnit")]
    unit: &'static str,
    #[serde(rename = "otherData")]
    data: Value,
    #[serde(rename = "traceEvents")]
    events: Events<'a>,
}

/// Events as a sequence that is made while it is written.
struct Events<'a>(&'a Account);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(account) = self;
        let waits = account.waited();
        let timed = timed(account, &waits).into_iter().map(|event| event.json(account));
        serializer.collect_seq(names(account).into_iter().chain(timed))
    }
}

/// Event at a moment.
#[derive(Debug, Clone, Copy)]
enum Timed<'a> {
    Attempt(&'a Test, &'a Attempt),
    /// Work on the sandbox of an attempt, and how long it took.
    Sandbox {
        name: &'static str,
        slot: usize,
        ts: u64,
        took: u64,
    },
    Wait(&'a Wait),
    Counter {
        name: &'static str,
        unit: &'static str,
        ts: u64,
        value: i64,
    },
    /// End of an arrow.
    Arrow {
        phase: &'static str,
        id: usize,
        slot: usize,
        ts: u64,
    },
}

impl Timed<'_> {
    fn ts(&self) -> u64 {
        match self {
            Self::Attempt(_, attempt) => born(attempt),
            Self::Wait(wait) => wait.from_us,
            Self::Sandbox { ts, .. } | Self::Counter { ts, .. } | Self::Arrow { ts, .. } => *ts,
        }
    }

    fn json(&self, account: &Account) -> Value {
        match *self {
            Self::Attempt(test, attempt) => slice_or_mark(test, attempt, account),
            Self::Sandbox { name, slot, ts, took } => json!({
                "ph": "X", "name": name, "cat": "sandbox", "pid": PROCESS, "tid": track(slot), "ts": ts, "dur": took, "args": {},
            }),
            Self::Wait(wait) => waiting(wait),
            Self::Counter { name, unit, ts, value } => {
                json!({"ph": "C", "name": name, "pid": PROCESS, "tid": 0, "ts": ts, "args": {unit: value}})
            }
            Self::Arrow { phase, id, slot, ts } => json!({
                "ph": phase, "bp": "e", "name": "tried again", "cat": "retry", "id": id, "pid": PROCESS, "tid": track(slot), "ts": ts,
            }),
        }
    }
}

/// Returns the events in the order of their moments.
fn timed<'a>(account: &'a Account, waits: &'a [Wait]) -> Vec<Timed<'a>> {
    let mut timed: Vec<_> = account.attempts().map(|(test, attempt)| Timed::Attempt(test, attempt)).collect();
    timed.extend(account.attempts().flat_map(|(_, attempt)| of_sandbox(attempt)));
    timed.extend(waits.iter().map(Timed::Wait));
    timed.extend(counters(account));
    timed.extend(arrows(account));
    timed.sort_by_key(Timed::ts);
    timed
}

/// Makes the events that name the tracks.
fn names(account: &Account) -> Vec<Value> {
    let name = |what: &str, thread: usize, name: String| json!({"ph": "M", "name": what, "pid": PROCESS, "tid": thread, "args": {"name": name}});
    let mut slots: Vec<_> = account.attempts().map(|(_, attempt)| attempt.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    let mut names = vec![name("process_name", 0, "cargo isotest".to_owned())];
    if !account.waited().is_empty() {
        names.push(name("thread_name", WAITING, "tests that could start".to_owned()));
    }
    for slot in slots {
        names.push(name("thread_name", track(slot), format!("slot {slot}")));
        names.push(json!({
            "ph": "M", "name": "thread_sort_index", "pid": PROCESS, "tid": track(slot), "args": {"sort_index": slot},
        }));
    }
    names
}

/// Makes a slice of an attempt; a mark at its start, if it is not known how long the attempt took.
fn slice_or_mark(test: &Test, attempt: &Attempt, account: &Account) -> Value {
    let facts = &attempt.facts;
    let mut event = json!({
        "name": word(&test.title()),
        "cat": facts.outcome,
        "pid": PROCESS,
        "tid": track(attempt.slot),
        "ts": born(attempt),
        "args": {
            "attempt": attempt.number,
            "verdict": facts.headline(facts.place(account).as_ref()),
            "memory_peak_bytes": facts.figure("memory_peak_bytes"),
            "cpu_us": facts.cpu_us(),
        },
    });
    if let Some(wall) = facts.wall_us {
        event["ph"] = "X".into();
        event["dur"] = wall.into();
    } else {
        event["ph"] = "i".into();
        event["s"] = "t".into();
    }
    event
}

/// Returns the slices before and after the test of an attempt.
fn of_sandbox(attempt: &Attempt) -> impl Iterator<Item = Timed<'_>> {
    let Attempt { slot, start_us, setup_us, teardown_us, .. } = *attempt;
    let slice = |name, ts, took: Option<u64>| Some(Timed::Sandbox { name, slot, ts, took: took? });
    let setup = slice("set-up", start_us, setup_us);
    setup.into_iter().chain(ended(attempt).and_then(|end| slice("teardown", end, teardown_us)))
}

/// Returns when the test of an attempt began.
fn born(attempt: &Attempt) -> u64 {
    attempt.start_us.saturating_add(attempt.setup_us.unwrap_or(0))
}

/// Returns when the test of an attempt ended, if it is known.
fn ended(attempt: &Attempt) -> Option<u64> {
    Some(born(attempt).saturating_add(attempt.facts.wall_us?))
}

/// Makes a slice of a time in which the first of the tests that could start waited.
fn waiting(wait: &Wait) -> Value {
    json!({
        "ph": "X", "name": format!("waiting for {}", wait.on), "cat": "waiting", "pid": PROCESS, "tid": WAITING,
        "ts": wait.from_us, "dur": wait.to_us - wait.from_us, "args": {},
    })
}

/// Makes the counters of running tests and of their memory peaks, which change when an attempt starts or ends.
fn counters(account: &Account) -> Vec<Timed<'static>> {
    let mut changes: Vec<(u64, i64, Option<i64>)> = Vec::new();
    for (_, attempt) in account.attempts() {
        let Some(end) = ended(attempt) else { continue };
        let peak = attempt.facts.figure("memory_peak_bytes").and_then(|peak| i64::try_from(peak).ok());
        changes.push((born(attempt), 1, peak));
        changes.push((end, -1, peak.map(i64::saturating_neg)));
    }
    changes.sort_unstable();
    let is_any = |is_wanted: fn(&Option<i64>) -> bool| changes.iter().any(|(.., peak)| is_wanted(peak));
    let (has_known, has_unknown) = (is_any(Option::is_some), is_any(Option::is_none));
    let mut counters = Vec::new();
    let (mut running, mut peaks, mut unknown) = (0, 0_i64, 0);
    for together in changes.chunk_by(|(left, ..), (right, ..)| left == right) {
        for (_, test, peak) in together {
            running += test;
            match peak {
                Some(peak) => peaks = peaks.saturating_add(*peak),
                None => unknown += test,
            }
        }
        let ts = together[0].0;
        let counter = |name, unit, value| Timed::Counter { name, unit, ts, value };
        counters.push(counter("running tests", "tests", running));
        counters.extend(has_known.then(|| counter("memory peaks of running tests", "bytes", peaks)));
        counters.extend(has_unknown.then(|| counter("running tests without a peak", "tests", unknown)));
    }
    counters
}

/// Makes arrows from the end of each attempt to the start of the next at its test.
fn arrows(account: &Account) -> Vec<Timed<'static>> {
    let mut arrows = Vec::new();
    for test in &account.tests {
        let attempts: Vec<_> = test.earlier.iter().chain([&test.last]).collect();
        for pair in attempts.windows(2) {
            let [from, to] = pair else { continue };
            let id = arrows.len() / 2 + 1;
            // An arrow begins in the slice that contains its moment, and no moment at the very end is in it.
            let left = ended(from).map_or(0, |end| end.saturating_sub(1)).max(born(from));
            let end = |phase, slot, ts| Timed::Arrow { phase, id, slot, ts };
            arrows.push(end("s", from.slot, left));
            arrows.push(end("f", to.slot, born(to)));
        }
    }
    arrows
}

/// Returns the id of a slot's track; 0 is the id of the track of waits and counters.
const fn track(slot: usize) -> usize {
    slot.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt, unfinished};

    fn written(account: &Account) -> Value {
        let mut text = Vec::new();
        write(account, &mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn events(lines: &[Value]) -> Vec<Value> {
        written(&account(lines))["traceEvents"].as_array().unwrap().clone()
    }

    fn at(slot: usize, start_us: u64, wall_us: u64) -> Value {
        json!({"slot": slot, "start_us": start_us, "wall_us": wall_us, "usage": {"memory_peak_bytes": 100}})
    }

    #[test]
    fn each_attempt_is_a_slice_of_its_slot() {
        let events = events(&[
            attempt("tour", "a", "passes", &at(0, 0, 600)),
            attempt("tour", "b", "fails", &at(2, 100, 50)),
        ]);
        let slices: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        let seen: Vec<_> = slices
            .iter()
            .map(|slice| json!([slice["name"], slice["tid"], slice["ts"], slice["dur"]]))
            .collect();
        assert_eq!(seen, [json!(["tour a", 1, 0, 600]), json!(["tour b", 3, 100, 50])]);
        let names =
            events.iter().filter(|event| event["name"] == "thread_name").map(|event| &event["args"]["name"]);
        assert_eq!(names.collect::<Vec<_>>(), ["slot 0", "slot 2"]);
    }

    #[test]
    fn a_test_stands_between_the_work_on_its_sandbox() {
        let mut known = at(1, 100, 50);
        known["setup_us"] = 7.into();
        known["teardown_us"] = 3.into();
        let events = events(&[attempt("tour", "a", "passes", &known)]);
        let slices: Vec<_> = events
            .iter()
            .filter(|event| event["ph"] == "X")
            .map(|slice| json!([slice["name"], slice["tid"], slice["ts"], slice["dur"]]))
            .collect();
        let expected = [("set-up", 100, 7), ("tour a", 107, 50), ("teardown", 157, 3)];
        assert_eq!(slices, expected.map(|(name, ts, dur)| json!([name, 2, ts, dur])));
    }

    #[test]
    fn what_was_waited_for_although_a_thread_was_free_is_a_slice_of_its_own_track() {
        let wait = |at_us: u64, on: Option<&str>, group: Option<&str>| json!({"type": "waiting", "at_us": at_us, "on": on, "test_group": group});
        let events = events(&[
            wait(10, Some("memory"), None),
            wait(40, Some("group"), Some("db")),
            wait(70, None, None),
            attempt("tour", "a", "passes", &at(0, 0, 600)),
            wait(500, Some("threads"), None),
        ]);
        let waits: Vec<_> = events
            .iter()
            .filter(|event| event["cat"] == "waiting")
            .map(|slice| json!([slice["name"], slice["tid"], slice["ts"], slice["dur"]]))
            .collect();
        let expected = [
            json!(["waiting for memory", 0, 10, 30]),
            json!(["waiting for test group db", 0, 40, 30]),
            json!(["waiting for threads", 0, 500, 100]),
        ];
        assert_eq!(waits, expected);
        assert!(events.iter().any(|event| event["name"] == "thread_name" && event["tid"] == 0));
    }

    #[test]
    fn what_runs_at_once_is_counted_and_comes_to_nothing_at_the_end() {
        let lines = [
            attempt("tour", "a", "passes", &at(0, 0, 100)),
            attempt("tour", "b", "passes", &at(1, 50, 50)),
            attempt("tour", "c", "passes", &at(1, 100, 9)),
        ];
        let counted = |name: &str, unit: &str| -> Vec<(u64, i64)> {
            let events = events(&lines);
            let counters = events.iter().filter(|event| event["name"] == name);
            counters
                .map(|event| (event["ts"].as_u64().unwrap(), event["args"][unit].as_i64().unwrap()))
                .collect()
        };
        assert_eq!(counted("running tests", "tests"), [(0, 1), (50, 2), (100, 1), (109, 0)]);
        assert_eq!(
            counted("memory peaks of running tests", "bytes"),
            [(0, 100), (50, 200), (100, 100), (109, 0)]
        );
    }

    #[test]
    fn what_was_not_measured_is_no_zero() {
        let events = events(&[
            attempt("tour", "a", "passes", &json!({"slot": 0, "start_us": 0, "wall_us": 100, "usage": {}})),
            attempt("tour", "b", "fails", &json!({"slot": 1, "start_us": 50, "wall_us": null, "usage": {}})),
        ]);
        let of = |phase: &str| events.iter().filter(|event| event["ph"] == phase).collect::<Vec<_>>();
        assert_eq!(of("X").len(), 1);
        let mark = of("i")[0];
        assert_eq!(json!([mark["name"], mark["ts"], mark["s"]]), json!(["tour b", 50, "t"]));
        let counted: Vec<_> =
            of("C").iter().map(|event| json!([event["name"], event["ts"], event["args"]["tests"]])).collect();
        let expected = [(0, 1), (100, 0)].map(|(ts, count)| {
            ["running tests", "running tests without a peak"].map(|name| json!([name, ts, count]))
        });
        assert_eq!(counted, expected.concat());
    }

    #[test]
    fn an_arrow_leads_from_an_attempt_to_the_next() {
        let mut first = at(0, 0, 600);
        first["is_last"] = false.into();
        let mut second = at(1, 700, 50);
        second["attempt"] = 2.into();
        let events =
            events(&[attempt("tour", "a", "fails", &first), attempt("tour", "a", "passes", &second)]);
        let arrow: Vec<_> = events.iter().filter(|event| event["cat"] == "retry").collect();
        let seen: Vec<_> =
            arrow.iter().map(|end| json!([end["ph"], end["id"], end["tid"], end["ts"]])).collect();
        assert_eq!(seen, [json!(["s", 1, 1, 599]), json!(["f", 1, 2, 700])]);
    }

    #[test]
    fn a_run_without_its_end_says_so() {
        let document = written(&unfinished(&[attempt("tour", "t", "passes", &json!({}))]));
        assert_eq!(
            document["otherData"]["incomplete"],
            "the end of the run is missing: 2 of 3 tests have no result"
        );
    }
}
