//! Makes accounts of runs from files that were written earlier, however much of them is left; pure.

use super::shards::{self, Faults, RunFile};
use super::{Account, Attempt, Finished, Key, Test, Waiting};
use serde::Deserialize;
use std::collections::HashSet;
use std::io;
use std::mem::{replace, take};

/// Version of the lines' format that is understood.
const UNDERSTOOD: u32 = 1;

/// Runs that were read from files, and sentences on what is missing.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Account of everything that was understood, all runs as one.
    pub(crate) account: Account,
    /// Sentences on what is not reported, one for each thing.
    pub(crate) lacks: Vec<String>,
    files: Vec<RunFile>,
}

/// First line of a file, which says whether the other lines can be understood.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    schema: Option<u32>,
    version: Option<String>,
    run_id: Option<String>,
}

impl Reading {
    /// Returns whether no run was understood.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Takes into account that a file of this name cannot be read.
    pub(crate) fn unreadable(&mut self, name: &str, error: &io::Error) {
        self.lose(format!("`{name}` cannot be read: {error}"));
    }

    /// Takes a file of this name into account, to which several runs may have been written.
    pub(crate) fn add(&mut self, name: &str, text: &str) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let starts = starts(text);
        let ends = starts.iter().map(|start| start.at).skip(1).chain([text.len()]);
        for (start, end) in starts.iter().zip(ends) {
            let name = match start.line {
                1 => name.to_owned(),
                line => format!("{name}:{line}"),
            };
            self.add_run(&name, &text[start.at..end], start.line);
        }
    }

    /// Takes a run into account whose first line has this number in its file.
    fn add_run(&mut self, name: &str, text: &str, first: usize) {
        let Some(head) = self.head(name, text) else { return };
        if let Some(earlier) = self.files.iter().find(|file| file.id.is_some() && file.id == head.run_id) {
            let lack = format!("`{name}` is of the same run as `{}`, which is counted once", earlier.name);
            self.lacks.push(lack);
            return;
        }
        let (account, lacks) = Account::of_lines(name, text, first);
        self.lacks.extend(lacks);
        let started = account.started.as_ref();
        self.files.push(RunFile {
            name: name.to_owned(),
            id: head.run_id,
            shard: started.and_then(|started| started.shard.clone()),
            tests: started.map_or(0, |started| started.tests),
            is_whole: account.finished.is_some(),
        });
        self.account.join(account);
    }

    /// Returns whether the files are shards that were cut by what earlier runs took.
    pub(crate) fn is_of_auto(&self) -> bool {
        shards::are_auto(&self.files)
    }

    /// Checks that the runs have executed all tests, and are all shards of one cut, each once, if they are shards.
    /// Missing shards become a gap of the report.
    pub(crate) fn check_parts(&mut self) {
        let Faults { gaps, twice } = shards::faults(&self.files).unwrap_or_default();
        if gaps.is_empty() && self.lacks.is_empty() {
            // If all files are complete, the gap is that of tests that were never executed.
            self.lacks.extend(self.account.gap());
        }
        self.lacks.extend(twice);
        for gap in gaps {
            self.lose(gap);
        }
    }

    /// Returns the names of two different runs, if there are two.
    pub(crate) fn different(&self) -> Option<[&str; 2]> {
        let [first, second, ..] = &*self.files else { return None };
        Some([&first.name, &second.name])
    }

    fn head(&mut self, name: &str, text: &str) -> Option<Head> {
        let head: Option<Head> = text.lines().next().and_then(|line| serde_json::from_str(line).ok());
        let lack = match &head {
            Some(Head { kind, schema: Some(schema), version, .. }) if kind == "run-started" => {
                if *schema <= UNDERSTOOD {
                    return head;
                }
                let version = version.as_deref().map_or_else(String::new, |version| format!(" {version}"));
                format!(
                    "`{name}` is of schema {schema}, of which this version knows nothing: report it with cargo-isotest{version}"
                )
            }
            _ if text.trim().is_empty() => format!("`{name}` is empty: the run ended before its first test"),
            _ => {
                format!("`{name}` does not begin with the start of a run, as `--report json=FILE` writes it")
            }
        };
        self.lose(lack);
        None
    }

    /// Notes that a file says nothing of its run, whose results are missing then.
    fn lose(&mut self, lack: String) {
        self.account.lost.push(lack.clone());
        self.lacks.push(lack);
    }
}

/// Place where a run begins.
struct Start {
    /// Offset of its first byte.
    at: usize,
    /// Number of its first line, counted from 1.
    line: usize,
}

/// Finds the places where runs begin in the text of a file. The first is that of the text, whatever stands there but blank lines.
fn starts(text: &str) -> Vec<Start> {
    let mut starts = vec![Start { at: 0, line: 1 }];
    let mut at = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let start = if line.contains("\"run-started\"") { start(line) } else { None };
        if let Some(start) = start.map(|start| at + start) {
            if text[..start].trim().is_empty() {
                starts.clear();
            }
            starts.push(Start { at: start, line: number });
        }
        at += line.len();
    }
    starts
}

/// Returns where in a line a run begins. It is not at the beginning where the run before was killed while it wrote.
fn start(line: &str) -> Option<usize> {
    match serde_json::from_str::<Head>(line) {
        Ok(head) => (head.kind == "run-started").then_some(0),
        // In no text within a line do these quotes stand by themselves.
        Err(_) => line.find("{\"type\":\"run-started\","),
    }
}

/// Returns whether a line has a result of an attempt or of the run, which is written once.
fn is_result(line: &str) -> bool {
    // In no text within a line do these quotes stand by themselves.
    let kinds =
        ["\"type\":\"attempt-finished\"", "\"type\":\"attempt-interrupted\"", "\"type\":\"run-finished\""];
    kinds.iter().any(|kind| line.contains(kind))
}

impl Account {
    /// Makes the account of a run from its lines, and sentences on what they lack. The first has this number in its file.
    fn of_lines(name: &str, text: &str, first: usize) -> (Self, Vec<String>) {
        let mut account = Self::default();
        let mut lacks = Vec::new();
        let last = first + text.lines().count() - 1;
        let mut damaged = Vec::new();
        let (mut results, mut doubled) = (HashSet::new(), None);
        for (number, line) in (first..).zip(text.lines()) {
            // Two attempts differ at least in slot or start.
            if is_result(line) && !results.insert(line) {
                doubled = doubled.or(Some(number));
            }
            match account.add(line) {
                Err(error) if error.is_eof() && number == last => {
                    let tests = account.tests.len();
                    lacks.push(format!(
                        "`{name}` ends in the middle of line {number}: only the {tests} tests before it are reported"
                    ));
                }
                Err(_) => damaged.push(number),
                Ok(()) => {}
            }
        }
        if let Some(first) = damaged.first() {
            let more = match damaged.len() {
                1 => String::new(),
                lines => format!(" and in {} more", lines - 1),
            };
            let lack = format!("`{name}` is damaged in line {first}{more}: what stood there is not reported");
            account.lost.push(lack.clone());
            lacks.push(lack);
        } else if let Some(number) = doubled {
            let lack =
                format!("`{name}` has in line {number} a result once more: it is not as the run wrote it");
            account.lost.push(lack.clone());
            lacks.push(lack);
        } else if let Some(disagreement) = account.disagreement(text.lines().count()) {
            let lack = format!("`{name}` is not whole: {disagreement}");
            account.lost.push(lack.clone());
            lacks.push(lack);
        }
        if account.finished.is_none() && lacks.is_empty() {
            lacks.push(format!("`{name}` {}", account.gap().unwrap_or_default()));
        }
        (account, lacks)
    }

    /// Takes another run into account, as if it had been a part of this one.
    fn join(&mut self, mut other: Self) {
        self.lost.append(&mut other.lost);
        let (Some(own), Some(its)) = (&mut self.started, &other.started) else {
            *self = Self { lost: take(&mut self.lost), ..other };
            return;
        };
        own.tests = own.tests.saturating_add(its.tests);
        // The parts of one project leave out the same tests.
        let known: HashSet<_> = own.ignored_tests.iter().cloned().collect();
        own.ignored_tests.extend(its.ignored_tests.iter().filter(|name| !known.contains(name)).cloned());
        // The times of both are counted from the start of the earlier.
        let apart = (its.at - own.at).num_microseconds().unwrap_or(0);
        let (earlier, later) = ((-apart.min(0)).unsigned_abs(), apart.max(0).unsigned_abs());
        own.at = own.at.min(its.at);
        own.machine = own.machine.take().zip(its.machine.clone()).and_then(|(own, its)| own.and(&its));
        for test in self.tests.iter_mut().chain(&mut self.interrupted) {
            test.start_later(earlier);
        }
        self.waits.iter_mut().for_each(|wait| wait.start_later(earlier));
        other.waits.iter_mut().for_each(|wait| wait.start_later(later));
        self.waits.append(&mut other.waits);
        self.waits.sort_by_key(|wait| wait.at_us);
        // The other run has slots of its own.
        let slots = self.attempts().map(|(_, attempt)| attempt.slot.saturating_add(1)).max().unwrap_or(0);
        for test in other.tests.iter_mut().chain(&mut other.interrupted) {
            test.start_later(later);
            test.attempts_mut().for_each(|attempt| attempt.slot = attempt.slot.saturating_add(slots));
        }
        let results: HashSet<_> = other.tests.iter().map(Test::key).collect();
        // Two tests of the same name in one run are different tests.
        let mut known = take(&mut self.by_name);
        for test in other.tests {
            match known.remove(&test.key()) {
                Some(index) => self.tests[index].join(test),
                None => self.tests.push(test),
            }
        }
        self.index();
        self.settle(&results);
        self.interrupted.append(&mut other.interrupted);
        self.scripts.append(&mut other.scripts);
        self.processes.append(&mut other.processes);
        self.finished =
            self.finished.take().zip(other.finished).map(|(own, its)| own.and(its, [earlier, later]));
    }

    /// Gives the tests that were killed with an earlier run the verdict of the later one, if they are among its
    /// `results`.
    fn settle(&mut self, results: &HashSet<Key>) {
        for killed in take(&mut self.interrupted) {
            let key = killed.key();
            match self.by_name.get(&key).filter(|_| results.contains(&key)) {
                Some(index) => self.tests[*index].follow(killed),
                None => self.interrupted.push(killed),
            }
        }
        let killed = &self.interrupted;
        if let Some(finished) = &mut self.finished {
            finished
                .interrupted
                .retain(|name| killed.iter().any(|test| test.is(&name.binary_id, &name.name)));
        }
    }
}

impl Test {
    /// Moves the start of each attempt later by this number of microseconds.
    fn start_later(&mut self, microseconds: u64) {
        for attempt in self.attempts_mut() {
            attempt.start_us = attempt.start_us.saturating_add(microseconds);
        }
    }

    /// Iterates over the test's attempts, the last one included.
    fn attempts_mut(&mut self) -> impl Iterator<Item = &mut Attempt> {
        self.earlier.iter_mut().chain([&mut self.last])
    }

    /// Takes the attempts of an earlier run into account, before the attempts of this one.
    fn follow(&mut self, before: Self) {
        let own = take(&mut self.earlier);
        self.earlier = before.earlier.into_iter().chain([before.last]).chain(own).collect();
    }

    /// Takes the attempts of another run into account, after the attempts of this one.
    fn join(&mut self, other: Self) {
        self.earlier.push(replace(&mut self.last, other.last));
        self.earlier.extend(other.earlier);
        self.is_ignored = other.is_ignored;
        self.again = other.again;
    }
}

impl Waiting {
    fn start_later(&mut self, microseconds: u64) {
        self.at_us = self.at_us.saturating_add(microseconds);
    }
}

impl Finished {
    /// Joins the ends of two runs, which began so many microseconds after the earlier of them.
    fn and(mut self, other: Self, [own, its]: [u64; 2]) -> Self {
        for (kind, count) in other.counts {
            let sum = self.counts.entry(kind).or_default();
            *sum = sum.saturating_add(count);
        }
        self.interrupted.extend(other.interrupted);
        self.not_run = self.not_run.saturating_add(other.not_run);
        self.wall_us = self.wall_us.saturating_add(own).max(other.wall_us.saturating_add(its));
        self.cpu_us = self.cpu_us.zip(other.cpu_us).map(|(own, its)| own.saturating_add(its));
        self.cancelled = self.cancelled.or(other.cancelled);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{attempt, lines};
    use serde_json::json;

    fn run(id: &str, test: &str) -> String {
        lines(id, &[attempt("tour", test, "passes", &json!({}))])
    }

    fn read(files: &[(&str, &str)]) -> Reading {
        let mut reading = Reading::default();
        for (name, text) in files {
            reading.add(name, text);
        }
        reading
    }

    #[test]
    fn several_runs_are_one() {
        let reading = read(&[("a", &run("1", "x")), ("b", &run("2", "y"))]);
        assert!(reading.lacks.is_empty(), "{:?}", reading.lacks);
        assert_eq!(reading.different(), Some(["a", "b"]));
        let account = &reading.account;
        assert_eq!((account.tests.len(), account.ignored(), account.gap()), (2, Some(4), None));
        assert_eq!(account.started.as_ref().map(|started| started.tests), Some(2));
    }

    #[test]
    fn each_kind_of_damage_is_one_sentence_and_the_rest_is_reported() {
        let attempts = ["x", "y", "z"].map(|test| attempt("tour", test, "passes", &json!({})));
        let whole = lines("1", &attempts);
        let cut = &whole[..whole.len() - 20];
        let without_end = whole.split_inclusive('\n').take(2).collect::<String>();
        let later = whole.replace("\"schema\":1", "\"schema\":2");
        let damaged = whole.replacen("\"attempt\":1", "\"attempt\":\"x\"", 1);
        for (text, lack, tests) in [
            (cut, "`f` ends in the middle of line 5: only the 3 tests before it are reported", 3),
            (&without_end, "`f` the end of the run is missing: 2 of 3 tests have no result", 1),
            (
                &later,
                "`f` is of schema 2, of which this version knows nothing: report it with cargo-isotest 0.1.0",
                0,
            ),
            (&damaged, "`f` is damaged in line 2: what stood there is not reported", 2),
            ("", "`f` is empty: the run ended before its first test", 0),
            ("[]", "`f` does not begin with the start of a run, as `--report json=FILE` writes it", 0),
        ] {
            let reading = read(&[("f", text)]);
            assert_eq!(reading.lacks, [lack]);
            assert_eq!(reading.account.tests.len(), tests, "{lack}");
            assert!(reading.account.gap().is_some(), "{lack}");
        }
    }

    #[test]
    fn blank_lines_before_a_run_are_no_run() {
        let whole = run("1", "x");
        for blank in ["\n", " \n\n", "\u{feff}\n"] {
            let reading = read(&[("f", &format!("{blank}{whole}"))]);
            assert_eq!((reading.account.tests.len(), reading.lacks), (1, Vec::<String>::new()), "{blank:?}");
        }
    }

    #[test]
    fn what_stands_behind_a_damaged_line_is_reported_too() {
        let whole = run("1", "x");
        let (head, rest) = whole.split_once('\n').unwrap();
        let reading = read(&[("f", &format!("\u{feff}{head}\n{{not json\n\n{rest}"))]);
        assert_eq!(
            reading.lacks,
            ["`f` is damaged in line 2 and in 1 more: what stood there is not reported"]
        );
        assert_eq!(reading.account.tests.len(), 1);
        assert!(reading.account.finished.is_some() && reading.account.gap().is_some());
    }

    #[test]
    fn a_part_of_which_nothing_is_known_is_a_gap_wherever_it_stands() {
        let whole = run("1", "x");
        let lost = "`b` is empty: the run ended before its first test";
        for files in [[("b", ""), ("a", &*whole)], [("a", &whole), ("b", "")]] {
            let reading = read(&files);
            assert_eq!((reading.account.tests.len(), reading.account.gap().as_deref()), (1, Some(lost)));
        }
        let mut reading = Reading::default();
        reading.unreadable("b", &io::ErrorKind::NotFound.into());
        reading.add("a", &whole);
        assert_eq!(reading.account.gap().as_deref(), Some("`b` cannot be read: entity not found"));
        assert_eq!(reading.lacks.len(), 1);
    }

    #[test]
    fn no_verdict_of_several_targets_is_lost_among_runs() {
        let fails = attempt("tour", "y", "fails", &json!({}));
        let passes = attempt("tour", "y", "passes", &json!({}));
        let account = read(&[("a", &run("1", "x")), ("b", &lines("2", &[fails, passes]))]).account;
        assert_eq!((account.tests.len(), account.failures().len()), (3, 1));
    }

    #[test]
    fn runs_are_told_from_the_start_of_the_earlier_in_whatever_order_they_are_named() {
        let at = |id: &str, test: &str, second: u32| {
            run(id, test).replace(":05.000Z", &format!(":{second:02}.000Z"))
        };
        let [early, late] = [at("1", "x", 0), at("2", "y", 7)];
        for files in [[("a", &*early), ("b", &*late)], [("b", &late), ("a", &early)]] {
            let account = read(&files).account;
            let mut starts: Vec<_> =
                account.tests.iter().map(|test| (test.name.as_str(), test.last.start_us)).collect();
            starts.sort_unstable();
            assert_eq!(starts[1].1 - starts[0].1, 7_000_000, "{files:?}");
            let started = account.started.as_ref().unwrap();
            assert!(started.at.to_rfc3339().contains(":00+"), "{:?}", started.at);
            assert_eq!(account.finished.as_ref().map(|finished| finished.wall_us), Some(8_200_000));
        }
    }

    #[test]
    fn a_run_that_is_named_twice_counts_once() {
        let reading = read(&[("a", &run("1", "x")), ("b", &run("1", "x"))]);
        assert_eq!(reading.lacks, ["`b` is of the same run as `a`, which is counted once"]);
        assert_eq!((reading.account.tests.len(), reading.different()), (1, None));
    }

    #[test]
    fn runs_in_one_file_are_those_of_several_files() {
        let both = run("1", "x") + &run("2", "y");
        let reading = read(&[("f", &both)]);
        assert_eq!((reading.different(), &*reading.lacks), (Some(["f", "f:4"]), &[][..]));
        assert_eq!((reading.account.tests.len(), reading.account.gap()), (2, None));
        let again = read(&[("f", &(both.clone() + &run("1", "x")))]);
        assert_eq!(again.lacks, ["`f:7` is of the same run as `f`, which is counted once"]);
        // The first run was killed while it wrote a line.
        let next = run("2", "y").replacen(",\"type\":\"run-started\"", "", 1);
        let next = next.replacen('{', "{\"type\":\"run-started\",", 1);
        let killed = both[..run("1", "x").len() - 10].to_owned() + &next;
        let reading = read(&[("f", &killed)]);
        assert_eq!(reading.different(), Some(["f", "f:3"]));
        assert_eq!(
            reading.lacks,
            ["`f` ends in the middle of line 3: only the 1 tests before it are reported"]
        );
        assert_eq!(reading.account.tests.len(), 2);
        let behind = "{}\n".to_owned() + &both.replacen("\"attempt\":1", "\"attempt\":\"x\"", 2);
        let lacks = read(&[("f", &behind)]).lacks;
        assert_eq!(
            lacks,
            [
                "`f` does not begin with the start of a run, as `--report json=FILE` writes it",
                "`f:2` is damaged in line 3: what stood there is not reported",
                "`f:5` is damaged in line 6: what stood there is not reported",
            ]
        );
    }

    #[test]
    fn what_a_test_writes_begins_no_run() {
        let said = json!({"stdout": run("9", "z"), "stderr": "{\"type\":\"run-started\","});
        let reading = read(&[("f", &lines("1", &[attempt("tour", "x", "fails", &said)]))]);
        assert_eq!((reading.account.tests.len(), reading.different(), reading.lacks.len()), (1, None, 0));
    }

    #[test]
    fn a_test_of_two_runs_has_the_verdict_of_the_later() {
        let fails = lines("2", &[attempt("tour", "x", "fails", &json!({}))]);
        let account = read(&[("a", &run("1", "x")), ("b", &fails)]).account;
        assert_eq!(
            (account.tests.len(), account.failures().len(), account.tests[0].earlier.len()),
            (1, 1, 1)
        );
    }
    /// Makes a run from this second on, whose end says that test `x` was killed with it in its second attempt.
    fn killed(id: &str, second: u32) -> String {
        let first = attempt("tour", "x", "fails", &json!({"is_last": false}));
        let facts = json!({
            "type": "attempt-interrupted", "attempt": 2, "outcome": "interrupted", "slot": 1, "start_us": 9000
        });
        let text = lines(id, &[first, attempt("tour", "x", "undecided", &facts)]);
        text.replace(":05.000Z", &format!(":{second:02}.000Z"))
    }

    #[test]
    fn all_attempts_at_a_test_that_was_killed_have_their_times_and_slots() {
        let other = run("2", "y");
        let of = |account: &Account| -> Vec<_> {
            account.interrupted[0].attempts().map(|attempt| (attempt.start_us, attempt.slot)).collect()
        };
        let account = read(&[("a", &killed("1", 8)), ("b", &other)]).account;
        assert_eq!(of(&account), [(3_001_500, 0), (3_009_000, 1)]);
        let account = read(&[("b", &other), ("a", &killed("1", 8))]).account;
        assert_eq!(of(&account), [(3_001_500, 1), (3_009_000, 2)]);
    }

    #[test]
    fn a_test_that_was_killed_has_the_verdict_of_a_later_run() {
        let account = read(&[("a", &killed("1", 5)), ("b", &run("2", "x"))]).account;
        assert_eq!((account.tests.len(), account.interrupted.len(), account.gap()), (1, 0, None));
        let outcomes: Vec<_> =
            account.tests[0].attempts().map(|attempt| attempt.facts.outcome.as_str()).collect();
        assert_eq!(outcomes, ["failed", "interrupted", "passed"]);
        let account = read(&[("b", &run("2", "x")), ("a", &killed("1", 5))]).account;
        assert_eq!((account.interrupted.len(), account.gap().is_some()), (1, true));
    }

    #[test]
    fn mutated_lines_are_read_or_counted_as_lost() {
        let seeds = [run("1", "a"), run("2", "b")];
        mutations::try_all("lines", &seeds, |bytes| {
            let mut reading = Reading::default();
            reading.add("a", &String::from_utf8_lossy(bytes));
            let _ = (reading.is_empty(), reading.different());
        });
    }
}
