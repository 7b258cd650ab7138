//! Holds what the start and the end of a run say of its tests against the lines between them; pure.

use super::{Account, Finished, Key};
use crate::text::sanitize::word;
use crate::text::units::plural;
use crate::verdict::Effect;
use std::collections::BTreeMap;

/// Number of tests of each verdict, by word.
type Verdicts = BTreeMap<String, u64>;

impl Account {
    /// Says in how far the lines of a run that has ended, so many, are not those that it wrote; `None` if they are.
    pub(super) fn disagreement(&self, lines: usize) -> Option<String> {
        let finished = self.finished.as_ref()?;
        let stated = finished.verdicts();
        let mut there = Verdicts::new();
        for test in self.tests.iter().filter(|test| test.last.is_last) {
            *there.entry(test.last.facts.outcome.clone()).or_default() += 1;
        }
        let mut said = Vec::new();
        said.extend(beyond(&stated, &there).map(|(tests, which)| {
            format!("the lines of {tests} are missing, which its end counts as {which}")
        }));
        said.extend(beyond(&there, &stated).map(|(tests, which)| {
            format!("there are lines of {tests} that its end does not count: {which}")
        }));
        said.extend(self.missing_attempts());
        let failed = self.processes.iter().filter(|process| process.facts.effect != Effect::Passes).count();
        let missing = finished.failed_processes.saturating_sub(failed);
        if missing > 0 {
            said.push(format!("the lines of {} that failed are missing", plural(missing, "process")));
        }
        if self.interrupted.len() > finished.interrupted.len() {
            said.push("there are lines of killed tests that its end does not name".to_owned());
        }
        if said.is_empty() {
            said.extend(self.miscount(finished));
        }
        // Of lines that are no results nothing but their number tells.
        if let Some(written) = finished.lines.filter(|written| said.is_empty() && *written != lines) {
            said.push(format!("it has {}, and its end counts {written}", plural(lines, "line")));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Says that lines of attempts are missing that come before others at the same test.
    fn missing_attempts(&self) -> Option<String> {
        // Two targets may have a test of one name, whose attempts cannot be told apart: there are at least as many
        // first attempts at it as second ones.
        let mut numbers: BTreeMap<Key, Vec<u32>> = BTreeMap::new();
        for (test, attempt) in self.attempts() {
            numbers.entry(test.key()).or_default().push(attempt.number);
        }
        let missing = numbers.into_iter().map(|(key, numbers)| (key, before(numbers)));
        let missing: Vec<_> = missing.filter(|(_, attempts)| *attempts > 0).collect();
        let ((binary_id, name, _), _) = missing.first()?;
        let attempts = missing.iter().fold(0_u64, |sum, (_, attempts)| sum.saturating_add(*attempts));
        let first = format!("{} {}", word(binary_id), word(name));
        let attempts = usize::try_from(attempts).unwrap_or(usize::MAX);
        Some(format!(
            "the lines of {} are missing, the first at {first}",
            plural(attempts, "earlier attempt")
        ))
    }

    /// Says that the end counts other than as many tests as were started, each as often as it was to be executed.
    fn miscount(&self, finished: &Finished) -> Option<String> {
        let tests = self.started.as_ref()?.tests;
        let counted: u64 = finished.verdicts().values().fold(0, |sum, count| sum.saturating_add(*count));
        let counted = usize::try_from(counted).unwrap_or(usize::MAX);
        let counted = counted.saturating_add(finished.interrupted.len()).saturating_add(finished.not_run);
        let is_stress = self.attempts().any(|(_, attempt)| attempt.iteration.is_some());
        let agrees = if is_stress { counted.is_multiple_of(tests) } else { counted == tests };
        (!agrees).then(|| format!("its start names {}, and its end counts {counted}", plural(tests, "test")))
    }
}

impl Finished {
    fn verdicts(&self) -> Verdicts {
        let verdicts = self.counts.iter().filter(|(word, _)| *word != "skipped");
        verdicts.map(|(word, count)| (word.clone(), *count)).collect()
    }
}

/// Returns the number of tests that one count has more than the other, and of which verdicts they are.
fn beyond(more: &Verdicts, less: &Verdicts) -> Option<(String, String)> {
    let rest = |(verdict, count): (&String, &u64)| {
        let rest = count.saturating_sub(less.get(verdict).copied().unwrap_or(0));
        (rest > 0).then_some((verdict.clone(), rest))
    };
    let rest: Vec<_> = more.iter().filter_map(rest).collect();
    let tests = rest.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    let which: Vec<_> = rest.iter().map(|(verdict, count)| format!("{count} {}", word(verdict))).collect();
    let tests = usize::try_from(tests).unwrap_or(usize::MAX);
    (tests > 0).then(|| (plural(tests, "test"), which.join(", ")))
}

/// Counts the attempts that must have been made before those of these numbers, and are not among them.
fn before(mut numbers: Vec<u32>) -> u64 {
    numbers.sort_unstable_by(|one, other| other.cmp(one));
    let (mut missing, mut most, mut above) = (0_u64, 0_u64, numbers.first().copied().unwrap_or(0));
    for same in numbers.chunk_by(|one, other| one == other) {
        let (number, count) = (same[0], u64::try_from(same.len()).unwrap_or(u64::MAX));
        let between = u64::from(above.saturating_sub(number).saturating_sub(1));
        missing = missing.saturating_add(between.saturating_mul(most));
        missing = missing.saturating_add(most.saturating_sub(count));
        (most, above) = (most.max(count), number);
    }
    missing.saturating_add(u64::from(above.saturating_sub(1)).saturating_mul(most))
}

#[cfg(test)]
mod tests {
    use super::before;
    use crate::report::account::Reading;
    use crate::report::account::testing::{attempt, lines};
    use serde_json::{Value, json};

    fn run() -> String {
        let process = json!({
            "type": "process-finished", "binary_id": "whole", "tests": 2, "outcome": "failed", "effect": "fails",
            "usage": {}, "wall_us": 5,
        });
        let once = json!({"is_last": false});
        let killed = json!({"type": "attempt-interrupted", "outcome": "interrupted", "attempt": 2});
        lines(
            "1",
            &[
                attempt("tour", "a", "passes", &json!({})),
                attempt("tour", "b", "fails", &json!({})),
                attempt("tour", "c", "fails", &json!({"outcome": "timed-out"})),
                attempt("tour", "d", "fails", &once),
                attempt("tour", "d", "passes", &json!({"outcome": "flaky", "attempt": 2})),
                attempt("tour", "e", "fails", &once),
                json!({"type": "retries-dropped", "binary_id": "tour", "name": "e", "attempt": 1, "attempts": 2}),
                attempt("tour", "f", "fails", &once),
                attempt("tour", "f", "undecided", &killed),
                process,
            ],
        )
    }

    /// Reads the run without the lines of these numbers, counted from 0.
    fn without(left_out: &[usize]) -> (Vec<String>, Option<String>) {
        let text: Vec<_> = run().lines().map(str::to_owned).collect();
        let kept = (0..).zip(&text).filter(|(number, _)| !left_out.contains(number)).map(|(_, line)| line);
        let text = kept.cloned().collect::<Vec<_>>().join("\n") + "\n";
        said(&text)
    }

    fn said(text: &str) -> (Vec<String>, Option<String>) {
        let mut reading = Reading::default();
        reading.add("f", text);
        (reading.lacks.clone(), reading.account.gap())
    }

    #[test]
    fn a_whole_run_agrees_with_its_end() {
        let (lacks, gap) = without(&[]);
        assert!(lacks.is_empty(), "{lacks:?}");
        assert_eq!(gap.as_deref(), Some("the run ended early: not executed: 0, killed with it: 1"));
    }

    #[test]
    fn lines_that_were_cut_out_are_counted_and_their_verdicts_named() {
        for (left_out, lack) in [
            (&[2][..], "the lines of 1 test are missing, which its end counts as 1 failed"),
            (&[2, 3], "the lines of 2 tests are missing, which its end counts as 1 failed, 1 timed-out"),
            (&[5], "the lines of 1 test are missing, which its end counts as 1 flaky"),
            (&[4], "the lines of 1 earlier attempt are missing, the first at tour d"),
            (&[7], "the lines of 1 test are missing, which its end counts as 1 failed"),
            (&[8], "the lines of 1 earlier attempt are missing, the first at tour f"),
            (&[10], "the lines of 1 process that failed are missing"),
        ] {
            let (lacks, gap) = without(left_out);
            let lack = format!("`f` is not whole: {lack}");
            assert_eq!((&lacks, gap.as_deref()), (&vec![lack.clone()], Some(&*lack)), "{left_out:?}");
        }
    }

    #[test]
    fn a_lost_line_is_noticed_though_it_is_no_result_and_an_end_that_counts_none_is_believed() {
        let slow =
            json!({"type": "attempt-slow", "binary_id": "tour", "name": "a", "attempt": 1, "wall_us": 9});
        let whole = lines("1", &[slow.clone(), attempt("tour", "a", "passes", &json!({}))]);
        assert_eq!(said(&whole), (vec![], None), "control");
        let lost = whole.replace(&format!("{slow}\n"), "");
        assert_eq!(said(&lost).0, ["`f` is not whole: it has 3 lines, and its end counts 4"]);
        let doubled = whole.replace(&format!("{slow}\n"), &format!("{slow}\n{slow}\n"));
        assert_eq!(said(&doubled).0, ["`f` is not whole: it has 5 lines, and its end counts 4"]);
        let uncounted = lost.replace(",\"lines\":4", "").replace("\"lines\":4,", "");
        assert_eq!(said(&uncounted), (vec![], None));
    }

    #[test]
    fn an_end_that_belongs_to_other_lines_is_not_believed() {
        let change = |kind: &str, change: &dyn Fn(&mut Value)| {
            let line = |line: &str| {
                let mut value: Value = serde_json::from_str(line).unwrap();
                if value["type"] == kind {
                    change(&mut value);
                }
                value.to_string()
            };
            said(&(run().lines().map(line).collect::<Vec<_>>().join("\n") + "\n")).0
        };
        let lacks = change("run-finished", &|end| end["counts"]["passed"] = 0.into());
        assert_eq!(
            lacks,
            ["`f` is not whole: there are lines of 1 test that its end does not count: 1 passed"]
        );
        let lacks = change("run-started", &|start| start["tests"] = 9.into());
        assert_eq!(lacks, ["`f` is not whole: its start names 9 tests, and its end counts 6"]);
        let lacks = change("run-finished", &|end| end["interrupted"] = json!([]));
        assert_eq!(lacks, ["`f` is not whole: there are lines of killed tests that its end does not name"]);
    }

    #[test]
    fn a_result_in_the_place_of_another_one_is_noticed() {
        let copied = |from: usize, to: usize| {
            let text = run();
            let mut lines: Vec<_> = text.lines().collect();
            lines[to] = lines[from];
            said(&(lines.join("\n") + "\n")).0
        };
        // Both are of tests that failed, so that the end counts as many.
        let lacks = copied(2, 7);
        assert_eq!(lacks, ["`f` has in line 8 a result once more: it is not as the run wrote it"]);
        assert_eq!(copied(2, 2), [""; 0], "control");
        let twice = run() + run().lines().last().unwrap() + "\n";
        assert_eq!(said(&twice).0.len(), 1, "the end of the run, too, is written once");
    }

    #[test]
    fn each_execution_of_a_stress_run_counts() {
        let attempts = [1, 2].map(|iteration| {
            attempt("tour", "a", "passes", &json!({"iteration": iteration, "iterations": 2}))
        });
        let text = lines("1", &attempts).replace("\"tests\":2", "\"tests\":1");
        assert_eq!(said(&text), (vec![], None));
        let cut = (0..).zip(text.lines()).filter(|(number, _)| *number != 1).map(|(_, line)| line);
        let cut = cut.collect::<Vec<_>>().join("\n") + "\n";
        let lack = "`f` is not whole: the lines of 1 test are missing, which its end counts as 1 passed";
        assert_eq!(said(&cut).0, [lack]);
    }

    #[test]
    fn no_number_of_an_attempt_keeps_anybody_busy() {
        for (numbers, missing) in [
            (vec![], 0),
            (vec![2, 1], 0),
            (vec![3, 1], 1),
            (vec![3, 3, 1], 3),
            (vec![1, 1, 2], 0),
            (vec![u32::MAX], u64::from(u32::MAX) - 1),
        ] {
            assert_eq!(before(numbers.clone()), missing, "{numbers:?}");
        }
    }
}
