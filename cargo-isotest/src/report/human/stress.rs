//! What the tests of a stress run used, one execution beside the other; pure.

use super::line::{INDENT, title};
use crate::report::distribution::{Distribution, Mode};
use crate::testcase::TestCase;
use crate::text::style::{BAD, GOOD, headed};
use crate::text::units::{marked, memory, plural};
use crate::verdict::Verdict;
use isotest_core::record::Record;
use std::collections::HashMap;
use std::time::Duration;

/// Columns of a picture.
const COLUMNS: usize = 20;
/// Number of tests that are told of; of more than these only those that stand out.
const SHOWN: usize = 20;

/// The executions of all tests.
#[derive(Debug, Default)]
pub(super) struct Stressed {
    tests: Vec<Executions>,
    places: HashMap<String, usize>,
}

/// The executions of a test.
#[derive(Debug, Default)]
struct Executions {
    title: String,
    passed: usize,
    failed: usize,
    walls: Vec<u64>,
    peaks: Vec<u64>,
    /// Whether a peak is only about right.
    approximate: bool,
}

impl Stressed {
    /// Takes the last attempt of an execution into account: its verdict, and its figures if they are to be trusted.
    pub(super) fn add(&mut self, test: &TestCase, verdict: &Verdict, record: &Record) {
        let title = title(test);
        let place = *self.places.entry(title.clone()).or_insert_with(|| {
            self.tests.push(Executions { title, ..Executions::default() });
            self.tests.len() - 1
        });
        let Some(executions) = self.tests.get_mut(place) else { return };
        if verdict.passes() {
            executions.passed += 1;
        } else {
            executions.failed += 1;
        }
        if record.suspect.is_some() {
            return;
        }
        if let Some(ending) = &record.ending {
            executions.walls.push(u64::try_from(ending.wall.as_micros()).unwrap_or(u64::MAX));
        }
        if let Some(peak) = record.usage.memory_peak {
            executions.peaks.push(peak.value);
            executions.approximate |= peak.source.is_approximate();
        }
    }

    /// The distributions of all tests, or, of many, of those that stand out.
    pub(super) fn lines(mut self) -> String {
        let all = self.tests.len();
        if all > SHOWN {
            self.tests.sort_by_cached_key(Executions::rank);
        }
        let shown: String = self.tests.iter().take(SHOWN).map(Executions::lines).collect();
        let more = all.saturating_sub(SHOWN);
        let rest =
            format!("{INDENT}and {}; `--report json=FILE` has every execution\n", plural(more, "more test"));
        if more == 0 { shown } else { shown + &rest }
    }
}

impl Executions {
    /// The lower, the more it stands out: what failed at times, what always failed, what has two modes.
    fn rank(&self) -> u8 {
        let has_modes = |values: &Vec<u64>, grain| {
            Distribution::of(values.clone()).is_some_and(|all| modes(&all, grain).is_some())
        };
        match (self.passed, self.failed) {
            (1.., 1..) => 0,
            (0, _) => 1,
            _ if has_modes(&self.walls, TIME_GRAIN) || has_modes(&self.peaks, MEMORY_GRAIN) => 2,
            _ => 3,
        }
    }

    fn lines(&self) -> String {
        let Self { title, passed, failed, walls, peaks, approximate } = self;
        let style = if *failed == 0 { GOOD } else { BAD };
        let failures = if *failed == 0 { String::new() } else { format!(", {failed} failed") };
        let number = plural(passed + failed, "execution");
        let mut text = headed(style, "Stress", &format!("{title}: {number}, {passed} passed{failures}"));
        let seconds = |wall: u64| format!("{:.3}s", Duration::from_micros(wall).as_secs_f64());
        let all = passed + failed;
        text += &figure("time", (walls, all), TIME_GRAIN, seconds);
        text + &figure("peak", (peaks, all), MEMORY_GRAIN, |peak| marked(memory(peak), *approximate))
    }
}

/// Differences below these are of no interest: two milliseconds, and what the kernel counts in advance on a few processors.
const TIME_GRAIN: u64 = 2_000;
const MEMORY_GRAIN: u64 = 1 << 20;

fn modes(all: &Distribution, grain: u64) -> Option<[Mode; 2]> {
    all.modes().filter(|[low, high]| grain <= high.median - low.median)
}

/// The lines of a figure of so many executions; none if it was measured in none.
fn figure(name: &str, (values, all): (&[u64], usize), grain: u64, text: impl Fn(u64) -> String) -> String {
    let unmeasured = all.saturating_sub(values.len());
    let lack = if unmeasured == 0 { String::new() } else { format!(", {unmeasured} not measured") };
    let Some(spread) = Distribution::of(values.to_vec()) else { return String::new() };
    let [min, median, max] = [spread.min(), spread.median(), spread.max()].map(&text);
    let picture = spread.picture(COLUMNS);
    let line = format!("{INDENT}{name} {min:>9} ▕{picture}▏ {max:>9}, median {median}{lack}\n");
    let Some([low, high]) = modes(&spread, grain) else { return line };
    let mode = |Mode { median, count }: Mode| format!("{} in {count}", text(median));
    line + &format!("{INDENT}     two modes: about {}, about {}\n", mode(low), mode(high))
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::outcome::Outcome;
    use isotest_core::usage::{Reading, Source};
    use snapbox::{assert_data_eq, str};

    /// Executions of a test, of every fourth of which the time and the peak are many times as large, and which then fails.
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
                let value = if is_odd { 30 << 20 } else { 1 << 20 };
                record.usage.memory_peak = Some(Reading { value, source: Source::MemoryPeak });
                all.add(&builders::test("tour", name), &builders::verdict(&record), &record);
            }
        }
        all
    }

    fn lines(names: &[&str]) -> String {
        anstream::adapter::strip_str(&stressed(names).lines()).to_string()
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
        all.add(&builders::test("tour", "t"), &builders::verdict(&record), &record);
        let text = all.lines();
        assert!(text.contains("time") && !text.contains("peak"), "{text}");
    }
    #[test]
    fn figures_that_are_not_to_be_trusted_are_left_out_and_counted() {
        let mut all = stressed(&["steady"]);
        let mut record = builders::record(Outcome::Passed);
        record.suspect = Some("it left its cgroup".to_owned());
        record.usage.memory_peak = Some(Reading { value: 900 << 20, source: Source::MemoryPeak });
        all.add(&builders::test("tour", "steady"), &builders::verdict(&record), &record);
        let text = anstream::adapter::strip_str(&all.lines()).to_string();
        assert!(text.contains("41 executions, 41 passed"), "{text}");
        assert!(text.contains("  1.0 MiB, median 1.0 MiB, 1 not measured\n"), "{text}");
        assert!(text.contains("median 0.004s, 1 not measured\n"), "{text}");
    }
}
