//! Describes what the tests of a stress run used, one execution beside the other, for people; pure.

use super::line::{INDENT, title};
use crate::report::executions::{Execution, Executions, Spread, Stressed};
use crate::testcase::TestCase;
use crate::text::style::{BAD, GOOD, headed};
use crate::text::units::plural;
use crate::verdict::Verdict;
use isotest_core::record::Record;

/// Number of tests that are described; of more than these only the most conspicuous.
const SHOWN: usize = 20;

/// Takes the last attempt of an execution into account.
pub(super) fn add(stressed: &mut Stressed, test: &TestCase, verdict: &Verdict, record: &Record) {
    let trusted = record.suspect.is_none();
    let wall =
        record.ending.as_ref().map(|ending| u64::try_from(ending.wall.as_micros()).unwrap_or(u64::MAX));
    let peak = record.usage.memory_peak.map(|peak| (peak.value.get(), peak.source.is_approximate()));
    stressed.add(
        title(test),
        Execution {
            passes: verdict.passes(),
            wall: wall.filter(|_| trusted),
            peak: peak.filter(|_| trusted),
        },
    );
}

/// Returns the distributions of all tests, or, of many, of the most conspicuous.
pub(super) fn lines(stressed: Stressed) -> String {
    let tests = stressed.ranked(SHOWN);
    let more = tests.len().saturating_sub(SHOWN);
    let shown: String = tests.iter().take(SHOWN).map(of_test).collect();
    let rest =
        format!("{INDENT}and {}; `--report json=FILE` has every execution\n", plural(more, "more test"));
    if more == 0 { shown } else { shown + &rest }
}

fn of_test(executions: &Executions) -> String {
    let style = if executions.failed == 0 { GOOD } else { BAD };
    let head = headed(style, "Stress", &format!("{}: {}", executions.title, executions.counts()));
    head + &executions.spreads().iter().map(of_figure).collect::<String>()
}

fn of_figure(spread: &Spread) -> String {
    let Spread { name, min, median, max, picture, modes, unmeasured } = spread;
    let lack = if *unmeasured == 0 { String::new() } else { format!(", {unmeasured} not measured") };
    let line = format!("{INDENT}{name} {min:>9} ▕{picture}▏ {max:>9}, median {median}{lack}\n");
    let Some(modes) = modes else { return line };
    line + &format!("{INDENT}     two modes: {modes}\n")
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::Bytes;
    use isotest_core::outcome::Outcome;
    use isotest_core::usage::{Reading, Source};
    use snapbox::{assert_data_eq, str};
    use std::time::Duration;

    /// Makes executions of a test, of every fourth of which the time and the peak are many times as large, and which
    /// then fails.
    fn stressed(names: &[&str]) -> Stressed {
        let mut all = Stressed::default();
        for number in 0..40 {
            for name in names {
                let is_odd = *name == "cold" && number % 4 == 0;
                let outcome = if is_odd { Outcome::Failed { code: 101 } } else { Outcome::Passed };
                let mut record = builders::record(outcome);
                if let Some(ending) = &mut record.ending {
                    ending.wall = Duration::from_millis(if is_odd { 120 } else { 4 + number % 2 });
                }
                let value = Bytes::mib(if is_odd { 30 } else { 1 });
                record.usage.memory_peak = Some(Reading { value, source: Source::MemoryPeak });
                add(&mut all, &builders::test("tour", name), &builders::verdict(&record), &record);
            }
        }
        all
    }

    fn lines(names: &[&str]) -> String {
        anstream::adapter::strip_str(&super::lines(stressed(names))).to_string()
    }

    #[test]
    fn two_modes_are_named_and_one_is_not() {
        assert_data_eq!(
            lines(&["steady", "cold"]),
            str![[r#"
      Stress tour steady: 40 executions, 40 passed
             time    0.004s ▕█                  █▏    0.005s, median 0.004s
             peak   1.0 MiB ▕█                   ▏   1.0 MiB, median 1.0 MiB
      Stress tour cold: 40 executions, 30 passed, 10 failed
             time    0.004s ▕█                  ▃▏    0.120s, median 0.005s
                  two modes: about 0.005s in 30, about 0.120s in 10
             peak   1.0 MiB ▕█                  ▃▏  30.0 MiB, median 1.0 MiB
                  two modes: about 1.0 MiB in 30, about 30.0 MiB in 10

"#]]
        );
    }

    #[test]
    fn of_many_tests_those_come_first_that_stand_out() {
        let names: Vec<_> = (0..30).map(|number| format!("t{number}")).chain(["cold".to_owned()]).collect();
        let text = lines(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(text.starts_with("      Stress tour cold: "), "{text}");
        assert!(
            text.ends_with("             and 11 more tests; `--report json=FILE` has every execution\n"),
            "{text}"
        );
    }

    #[test]
    fn what_was_not_measured_has_no_line() {
        let mut record = builders::record(Outcome::Passed);
        record.usage.memory_peak = None;
        let mut all = Stressed::default();
        add(&mut all, &builders::test("tour", "t"), &builders::verdict(&record), &record);
        let text = super::lines(all);
        assert!(text.contains("time") && !text.contains("peak"), "{text}");
    }
    #[test]
    fn figures_that_are_not_to_be_trusted_are_left_out_and_counted() {
        let mut all = stressed(&["steady"]);
        let mut record = builders::record(Outcome::Passed);
        record.suspect = Some("it left its cgroup".to_owned());
        record.usage.memory_peak = Some(Reading { value: Bytes::mib(900), source: Source::MemoryPeak });
        add(&mut all, &builders::test("tour", "steady"), &builders::verdict(&record), &record);
        let text = anstream::adapter::strip_str(&super::lines(all)).to_string();
        assert!(text.contains("41 executions, 41 passed"), "{text}");
        assert!(text.contains("  1.0 MiB, median 1.0 MiB, 1 not measured\n"), "{text}");
        assert!(text.contains("median 0.004s, 1 not measured\n"), "{text}");
    }
}
