//! Results of tests in earlier runs, and the expectations that follow; pure.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Number of the latest results on which expectations are based.
const RECENT: usize = 5;

/// Result of a test in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TestResult {
    /// Time when the run ended, in seconds since 1970.
    pub(crate) at: u64,
    /// Word for the verdict, as in machine formats.
    pub(crate) verdict: String,
    /// Whether the verdict let the run pass.
    pub(crate) passes: bool,
    /// Time from start to end, if the test ran in a process of its own.
    pub(crate) wall_us: Option<u64>,
    /// Processor time, if it was measured.
    pub(crate) cpu_us: Option<u64>,
    /// Peak of memory in bytes, if it was measured.
    pub(crate) memory_peak: Option<u64>,
}

/// Results of earlier runs, those of each test with the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Past {
    /// Results by binary and name.
    tests: BTreeMap<String, BTreeMap<String, Vec<TestResult>>>,
}

impl Past {
    /// Adds all results of a test.
    pub(super) fn insert(&mut self, binary_id: &str, name: &str, results: Vec<TestResult>) {
        self.tests.entry(binary_id.to_owned()).or_default().insert(name.to_owned(), results);
    }

    /// Creates the past of tests with one result each.
    #[cfg(test)]
    pub(crate) fn of<'a>(results: impl IntoIterator<Item = (&'a str, &'a str, TestResult)>) -> Self {
        let mut past = Self::default();
        results.into_iter().for_each(|(binary_id, name, result)| past.insert(binary_id, name, vec![result]));
        past
    }

    /// Returns the latest results of tests of these binaries.
    pub(crate) fn of_binaries(&self, is_one: impl Fn(&str) -> bool) -> Self {
        let latest = |results: &Vec<TestResult>| results[results.len().saturating_sub(RECENT)..].to_vec();
        let of_binary = |tests: &BTreeMap<String, Vec<TestResult>>| {
            tests.iter().map(|(name, results)| (name.clone(), latest(results))).collect()
        };
        let tests =
            self.tests.iter().filter(|(id, _)| is_one(id)).map(|(id, tests)| (id.clone(), of_binary(tests)));
        Self { tests: tests.collect() }
    }

    /// Returns whether there is no result of any test.
    pub(crate) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Returns the results of a test, with the oldest first.
    pub(crate) fn results(&self, binary_id: &str, name: &str) -> &[TestResult] {
        let results = self.tests.get(binary_id).and_then(|tests| tests.get(name));
        results.map_or(&[], Vec::as_slice)
    }

    /// Returns the latest result of a test.
    pub(crate) fn last(&self, binary_id: &str, name: &str) -> Option<&TestResult> {
        self.results(binary_id, name).last()
    }

    /// Returns the time that a test is expected to take: the median of the latest results.
    pub(crate) fn expected_wall(&self, binary_id: &str, name: &str) -> Option<Duration> {
        let walls = recent(self.results(binary_id, name)).filter_map(|result| result.wall_us);
        median(walls.collect()).map(Duration::from_micros)
    }

    /// Returns the memory that a test is expected to use at most: the highest peak of the latest results.
    pub(crate) fn expected_peak(&self, binary_id: &str, name: &str) -> Option<u64> {
        recent(self.results(binary_id, name)).filter_map(|result| result.memory_peak).max()
    }

    /// Returns the median of the memory that the tests of a binary are expected to use at most.
    pub(crate) fn median_peak(&self, binary_id: &str) -> Option<u64> {
        let tests = self.tests.get(binary_id)?;
        median(tests.keys().filter_map(|name| self.expected_peak(binary_id, name)).collect())
    }
}

fn recent(results: &[TestResult]) -> impl Iterator<Item = &TestResult> {
    results.iter().rev().take(RECENT)
}

/// Returns the median; the lower one of two in the middle.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(walls: &[Option<u64>]) -> Past {
        let mut past = Past::default();
        let result = |wall_us: &Option<u64>| TestResult {
            at: 0,
            verdict: "passed".to_owned(),
            passes: true,
            wall_us: *wall_us,
            cpu_us: None,
            memory_peak: None,
        };
        past.insert("tour", "a", walls.iter().map(result).collect());
        past
    }

    #[test]
    fn the_latest_results_say_what_to_expect() {
        let wall =
            |walls: &[Option<u64>]| past(walls).expected_wall("tour", "a").map(|wall| wall.as_micros());
        assert_eq!(wall(&[]), None);
        assert_eq!(wall(&[Some(7)]), Some(7));
        assert_eq!(wall(&[Some(9), Some(1), Some(5), None]), Some(5), "what was not measured says nothing");
        assert_eq!(wall(&[900, 900, 900, 900, 2, 3, 2, 3, 2].map(Some)), Some(2), "what is long ago is over");
        assert_eq!(past(&[Some(7)]).expected_wall("tour", "b"), None);
    }
}
