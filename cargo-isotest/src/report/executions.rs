//! Figures of the tests of a stress run, one execution beside the other; pure.

use super::account::Account;
use super::distribution::{Distribution, Mode};
use crate::text::sanitize::word;
use crate::text::units::{marked, memory, plural};
use crate::verdict::Effect;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// Number of columns of a picture.
const COLUMNS: usize = 20;
/// Least differences of interest: two milliseconds, and the memory that the kernel counts in advance on a few
/// processors.
const TIME_GRAIN: u64 = 2_000;
const MEMORY_GRAIN: u64 = 1 << 20;

/// Executions of all tests.
#[derive(Debug, Default)]
pub(super) struct Stressed {
    tests: Vec<Executions>,
    places: HashMap<String, usize>,
}

/// Executions of a test.
#[derive(Debug, Default)]
pub(super) struct Executions {
    /// Name of the test in text.
    pub(super) title: String,
    /// Number of executions that failed.
    pub(super) failed: usize,
    passed: usize,
    walls: Vec<u64>,
    peaks: Vec<u64>,
    /// Whether a peak is only approximate.
    approximate: bool,
}

/// Execution of a test: whether it passed, and its figures if they are to be trusted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Execution {
    /// Whether the execution passed.
    pub(super) passes: bool,
    /// Duration in microseconds.
    pub(super) wall: Option<u64>,
    /// Memory peak in bytes, and whether it is only approximate.
    pub(super) peak: Option<(u64, bool)>,
}

/// Distribution of a figure, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spread {
    /// Name of the figure.
    pub(super) name: &'static str,
    /// Lowest value.
    pub(super) min: String,
    /// Median.
    pub(super) median: String,
    /// Highest value.
    pub(super) max: String,
    /// Picture from the lowest value to the highest.
    pub(super) picture: String,
    /// Description of the two values around which the figures gather, if they do.
    pub(super) modes: Option<String>,
    /// Number of executions without the figure.
    pub(super) unmeasured: usize,
}

impl Stressed {
    /// Collects the executions of a run in which each test was executed several times; none of another run.
    pub(super) fn of(account: &Account) -> Self {
        let mut stressed = Self::default();
        for test in account.tests.iter().filter(|test| test.last.iteration.is_some()) {
            let facts = &test.last.facts;
            let trusted = facts.suspect.is_none();
            let peak = facts.figure("memory_peak_bytes").filter(|_| trusted);
            stressed.add(
                word(&format!("{} {}", test.binary_id, test.name)),
                Execution {
                    passes: facts.effect == Effect::Passes,
                    wall: facts.wall_us.filter(|_| trusted),
                    peak: peak.map(|peak| (peak, facts.is_approximate())),
                },
            );
        }
        stressed
    }

    /// Takes the last attempt of an execution of a test into account.
    pub(super) fn add(&mut self, title: String, execution: Execution) {
        let place = *self.places.entry(title.clone()).or_insert_with(|| {
            self.tests.push(Executions { title, ..Executions::default() });
            self.tests.len() - 1
        });
        let Some(executions) = self.tests.get_mut(place) else { return };
        if execution.passes {
            executions.passed += 1;
        } else {
            executions.failed += 1;
        }
        executions.walls.extend(execution.wall);
        if let Some((peak, approximate)) = execution.peak {
            executions.peaks.push(peak);
            executions.approximate |= approximate;
        }
    }

    /// Returns the executions of each test; if there are more than `most` tests, the most conspicuous first.
    pub(super) fn ranked(mut self, most: usize) -> Vec<Executions> {
        if self.tests.len() > most {
            self.tests.sort_by_cached_key(Executions::rank);
        }
        self.tests
    }
}

impl Executions {
    /// Returns the rank of a test, the most conspicuous lowest: failed at times, always failed, has two modes,
    /// others.
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

    /// Says how often the test was executed, and what came of it.
    pub(super) fn counts(&self) -> String {
        let Self { passed, failed, .. } = self;
        let failures = if *failed == 0 { String::new() } else { format!(", {failed} failed") };
        format!("{}, {passed} passed{failures}", plural(passed + failed, "execution"))
    }

    /// Describes the distributions of the figures, without those that were measured in no execution.
    pub(super) fn spreads(&self) -> Vec<Spread> {
        let seconds = |wall: u64| format!("{:.3}s", Duration::from_micros(wall).as_secs_f64());
        let peak = |peak: u64| marked(memory(peak), self.approximate);
        let time = self.spread("time", &self.walls, TIME_GRAIN, seconds);
        time.into_iter().chain(self.spread("peak", &self.peaks, MEMORY_GRAIN, peak)).collect()
    }

    fn spread(
        &self,
        name: &'static str,
        values: &[u64],
        grain: u64,
        text: impl Fn(u64) -> String,
    ) -> Option<Spread> {
        let all = Distribution::of(values.to_vec())?;
        let [min, median, max] = [all.min(), all.median(), all.max()].map(&text);
        let mode = |Mode { median, count }: Mode| format!("about {} in {count}", text(median));
        let modes = modes(&all, grain).map(|[low, high]| format!("{}, {}", mode(low), mode(high)));
        let picture = all.picture(COLUMNS);
        let unmeasured = (self.passed + self.failed).saturating_sub(values.len());
        Some(Spread { name, min, median, max, picture, modes, unmeasured })
    }

    /// Returns the executions and their distributions as an object of JSON.
    pub(super) fn json(&self) -> Value {
        let spread = |values: &[u64], grain| {
            let all = Distribution::of(values.to_vec())?;
            let modes = modes(&all, grain);
            let modes = modes
                .map(|modes| modes.map(|Mode { median, count }| json!({"median": median, "count": count})));
            Some(
                json!({"measured": values.len(), "min": all.min(), "median": all.median(), "max": all.max(), "modes": modes}),
            )
        };
        json!({
            "test": self.title,
            "passed": self.passed,
            "failed": self.failed,
            "wall_us": spread(&self.walls, TIME_GRAIN),
            "memory_peak_bytes": spread(&self.peaks, MEMORY_GRAIN),
        })
    }
}

fn modes(all: &Distribution, grain: u64) -> Option<[Mode; 2]> {
    all.modes().filter(|[low, high]| grain <= high.median - low.median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt};

    #[test]
    fn iterations_of_a_test_are_its_executions() {
        let line = |number: u64| {
            let effect = if number == 3 { "fails" } else { "passes" };
            let suspect = (number == 4).then_some("it left its cgroup");
            let facts = json!({"iteration": number, "wall_us": number * 1000, "suspect": suspect});
            attempt("tour", "t", effect, &facts)
        };
        let lines: Vec<_> = (1..=4).map(line).chain([attempt("tour", "u", "passes", &json!({}))]).collect();
        let ranked = Stressed::of(&account(&lines)).ranked(9);
        let [executions] = ranked.as_slice() else { panic!("{ranked:?}") };
        assert_eq!(
            (executions.title.as_str(), executions.counts().as_str()),
            ("tour t", "4 executions, 3 passed, 1 failed")
        );
        let spreads = executions.spreads();
        let [time, peak] = spreads.as_slice() else { panic!("{spreads:?}") };
        assert_eq!([&*time.min, &*time.median, &*time.max], ["0.001s", "0.002s", "0.003s"]);
        assert_eq!((time.unmeasured, peak.name, &*peak.max), (1, "peak", "0.7 MiB"));
        assert_eq!(
            executions.json()["wall_us"],
            json!({"measured": 3, "min": 1000, "median": 2000, "max": 3000, "modes": null})
        );
    }
}
