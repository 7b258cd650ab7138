//! Cuts the selected tests into shards, one for each machine, so that all machines finish at the same time; pure.

use super::Selected;
use crate::history::Past;
use crate::testcase::TestCase;
use crate::values::{Partition, PartitionBy};
use sha2::{Digest, Sha256};
use std::time::Duration;
use twox_hash::XxHash64;

/// Number of hexadecimal digits of a fingerprint: enough that no two cuts have the same by accident.
const DIGITS: usize = 32;
/// Peak of a test whose peak is unknown: the least that counts.
const LEAST_PEAK: u64 = 1 << 20;

/// Shard of the selected tests, with the facts that other machines must agree with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Method of the partition, the number of this part, and the number of parts.
    pub(crate) partition: Partition,
    /// Number of tests of all shards.
    pub(crate) tests: usize,
    /// Expected time of each shard if its tests run one after the other; `None` if it is unknown.
    expected: Option<Vec<Duration>>,
    /// Digest of the names and weights of the tests of all shards, and of the method of the partition.
    pub(crate) fingerprint: String,
}

/// Expected time and memory of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Weight {
    /// Time in microseconds.
    time: u64,
    /// Peak of memory in bytes.
    peak: u64,
}

impl Shard {
    /// Returns the expected time of this shard if its tests run one after the other.
    pub(crate) fn expected(&self) -> Option<Duration> {
        let place = usize::try_from(self.partition.part).ok()?.checked_sub(1)?;
        self.expected.as_ref()?.get(place).copied()
    }

    /// Returns the expected time of the longest shard if its tests run one after the other.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.expected.as_ref()?.iter().max().copied()
    }
}

impl Selected {
    /// Keeps only the tests of one part, which is chosen by the results of earlier runs. Other tests count as
    /// filtered out.
    pub(crate) fn cut(&mut self, partition: Partition, past: &Past) -> Shard {
        let weights = Some(partition.by).filter(|by| *by == PartitionBy::Auto);
        let weights = weights.and_then(|_| weights_of(&self.tests, past));
        let parts = match &weights {
            Some(weights) => balanced(&self.tests, weights, partition.parts),
            None => dealt(&self.tests, partition),
        };
        let shard = Shard {
            partition,
            tests: self.tests.len(),
            expected: weights.as_ref().and_then(|weights| expected(&parts, weights, partition.parts)),
            fingerprint: fingerprint(&self.tests, weights.as_deref(), partition),
        };
        let mut parts = parts.into_iter();
        self.retain(|_| parts.next() == Some(partition.part - 1));
        shard
    }
}

/// Assigns tests to parts in turn, or by their names. Returns the part of each test, from 0. Ignored tests are
/// assigned separately, so that other tests are in the same part with and without them.
fn dealt(tests: &[TestCase], Partition { by, parts, .. }: Partition) -> Vec<u64> {
    // For tests and ignored tests: how many were dealt out, and the binary of the last one.
    let mut turns: [(u64, Option<String>); 2] = [(0, None), (0, None)];
    let part = |test: &TestCase| match by {
        PartitionBy::Hash => XxHash64::oneshot(0, test.name.as_bytes()) % parts,
        PartitionBy::Slice | PartitionBy::Count | PartitionBy::Auto => {
            let (turn, last) = &mut turns[usize::from(test.ignored)];
            if by == PartitionBy::Count && last.as_ref() != Some(&test.binary.id) {
                (*turn, *last) = (0, Some(test.binary.id.clone()));
            }
            *turn += 1;
            (*turn - 1) % parts
        }
    };
    tests.iter().map(part).collect()
}

/// Returns the weight of each test; `None` if no test has a known time. A test that has never run gets the median.
fn weights_of(tests: &[TestCase], past: &Past) -> Option<Vec<Weight>> {
    let known = |test: &TestCase| {
        let (binary_id, name) = (test.binary.id.as_str(), test.name.as_str());
        let wall = past.expected_wall(binary_id, name);
        let time = wall.map(|wall| u64::try_from(wall.as_micros()).unwrap_or(u64::MAX));
        (time, past.expected_peak(binary_id, name))
    };
    let known: Vec<_> = tests.iter().map(known).collect();
    let usual_time = median(known.iter().filter_map(|(time, _)| *time).collect())?;
    let usual_peak = median(known.iter().filter_map(|(_, peak)| *peak).collect()).unwrap_or(LEAST_PEAK);
    let weight = |(time, peak): (Option<u64>, Option<u64>)| Weight {
        // Every test counts at least 1 µs, or all tests of unmeasurable time would go to one shard.
        time: time.unwrap_or(usual_time).max(1),
        peak: peak.unwrap_or(usual_peak).max(LEAST_PEAK),
    };
    Some(known.into_iter().map(weight).collect())
}

/// Returns the median, or the lower one of the two values in the middle.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// Load of a machine: time, and memory multiplied by time. Both are shares of the sums over all tests.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Load {
    time: f64,
    memory: f64,
}

impl Load {
    fn and(self, other: Self) -> Self {
        Self { time: self.time + other.time, memory: self.memory + other.memory }
    }

    /// Returns the larger share: the machine is busy for as long as either resource is.
    const fn cost(self) -> f64 {
        self.time.max(self.memory)
    }
}

/// Assigns tests to machines, the costliest first, each to the machine that has the least load with it. Returns the
/// part of each test, from 0. All machines get the same result, since they do the same sums in the same order.
fn balanced(tests: &[TestCase], weights: &[Weight], parts: u64) -> Vec<u64> {
    let (time, memory) =
        (|weight: &Weight| float(weight.time), |weight: &Weight| float(weight.time) * float(weight.peak));
    let all_time: f64 = weights.iter().map(time).sum();
    let all_memory: f64 = weights.iter().map(memory).sum();
    let load = |weight: &Weight| Load { time: time(weight) / all_time, memory: memory(weight) / all_memory };
    let mut order: Vec<usize> = (0..tests.len()).collect();
    order.sort_by(|one, other| {
        let cost = |index: usize| load(&weights[index]).cost();
        cost(*other).total_cmp(&cost(*one)).then_with(|| key(&tests[*one]).cmp(&key(&tests[*other])))
    });
    // There is no use in more machines than tests.
    let machines = usize::try_from(parts).unwrap_or(usize::MAX).min(tests.len());
    let mut loads = vec![Load::default(); machines];
    let mut part_of = vec![0; tests.len()];
    for index in order {
        let own = load(&weights[index]);
        let costs = loads.iter().map(|load| load.and(own).cost()).enumerate();
        let least = costs.min_by(|(_, one), (_, other)| one.total_cmp(other)).map_or(0, |(place, _)| place);
        loads[least] = loads[least].and(own);
        part_of[index] = u64::try_from(least).unwrap_or(u64::MAX);
    }
    part_of
}

#[expect(clippy::cast_precision_loss, reason = "what is lost is the same on every machine")]
const fn float(value: u64) -> f64 {
    value as f64
}

fn key(test: &TestCase) -> (&str, &str) {
    (&test.binary.id, &test.name)
}

/// Returns the expected time of each part if its tests run one after the other.
fn expected(part_of: &[u64], weights: &[Weight], parts: u64) -> Option<Vec<Duration>> {
    // More parts are neither computed nor shown.
    const MOST: usize = 100_000;
    let parts = usize::try_from(parts).ok().filter(|parts| *parts <= MOST)?;
    let mut times = vec![Duration::ZERO; parts];
    for (part, weight) in part_of.iter().zip(weights) {
        times[usize::try_from(*part).ok()?] += Duration::from_micros(weight.time);
    }
    Some(times)
}

/// Returns the digest of all inputs of a partition, except for the number of the part.
fn fingerprint(
    tests: &[TestCase],
    weights: Option<&[Weight]>,
    Partition { by, parts, .. }: Partition,
) -> String {
    let weight = |index: usize| {
        weights.and_then(|weights| weights.get(index)).map_or((0, 0), |weight| (weight.time, weight.peak))
    };
    let mut rows: Vec<_> = tests.iter().enumerate().map(|(index, test)| (key(test), weight(index))).collect();
    rows.sort_unstable();
    let mut digest = Sha256::new();
    digest.update(format!("{}/{parts}\n", by.as_str()));
    for ((binary_id, name), (time, peak)) in rows {
        digest.update(format!("{binary_id}\0{name}\0{time}\0{peak}\n"));
    }
    let hex = digest.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    hex.chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::TestResult;
    use crate::testcase::TestBinary;
    use std::sync::Arc;

    fn tests(names: &[&str]) -> Vec<TestCase> {
        let binary = Arc::new(TestBinary { id: "tour".to_owned(), ..TestBinary::default() });
        names.iter().map(|name| TestCase::named(&binary, name.as_ref())).collect()
    }

    /// Returns the past of tests that took the given milliseconds and mebibytes.
    fn past(results: &[(&'static str, u64, u64)]) -> Past {
        let result = |(name, time, memory): &(&'static str, u64, u64)| {
            let result = TestResult {
                at: 0,
                verdict: "passed".to_owned(),
                passes: true,
                wall_us: Some(time * 1000),
                cpu_us: None,
                memory_peak: Some(memory << 20),
            };
            ("tour", *name, result)
        };
        Past::of(results.iter().map(result))
    }

    fn cut(names: &[&str], known: &Past, part: u64, parts: u64) -> (Vec<String>, Shard) {
        let mut selected = Selected { tests: tests(names), ..Selected::default() };
        let shard = selected.cut(Partition { by: PartitionBy::Auto, part, parts }, known);
        assert_eq!(selected.tests.len() + selected.filtered, names.len());
        (selected.tests.into_iter().map(|test| test.name).collect(), shard)
    }

    fn each(names: &[&str], known: &Past, parts: u64) -> Vec<Vec<String>> {
        (1..=parts).map(|part| cut(names, known, part, parts).0).collect()
    }

    #[test]
    fn the_longest_goes_to_the_machine_with_the_least_to_do() {
        let past = past(&[("a", 100, 1), ("b", 90, 1), ("c", 50, 1), ("d", 45, 1), ("e", 5, 1)]);
        let names = ["e", "d", "c", "b", "a"];
        assert_eq!(each(&names, &past, 2), [vec!["d", "a"], vec!["e", "c", "b"]]);
        let (_, shard) = cut(&names, &past, 2, 2);
        let expected = [shard.expected(), shard.longest()].map(|time| time.unwrap().as_millis());
        assert_eq!(expected, [145, 145]);
        assert_eq!(each(&["a", "b"], &past, 3), [vec!["a"], vec!["b"], vec![]], "one has nothing to do");
        assert_eq!(cut(&[], &past, 1, 3).0, Vec::<String>::new());
    }

    #[test]
    fn tests_that_need_much_memory_are_not_all_on_one_machine() {
        let past = past(&[("a", 50, 900), ("b", 50, 900), ("c", 50, 1), ("d", 50, 1)]);
        for part in each(&["a", "b", "c", "d"], &past, 2) {
            assert_eq!(part.iter().filter(|name| ["a", "b"].contains(&name.as_str())).count(), 1, "{part:?}");
        }
    }

    #[test]
    fn a_test_that_never_ran_takes_what_is_usual_and_without_any_time_they_are_dealt_out() {
        let past = past(&[("a", 10, 1), ("b", 10, 1), ("c", 10, 1)]);
        let parts = each(&["a", "b", "c", "new"], &past, 2);
        assert!(parts.iter().all(|part| part.len() == 2), "{parts:?}");
        let (names, shard) = cut(&["a", "b", "c"], &Past::default(), 1, 2);
        assert_eq!((names, shard.expected()), (vec!["a".to_owned(), "c".to_owned()], None));
    }

    #[test]
    fn a_fingerprint_is_that_of_all_that_decides_and_of_no_part() {
        let known = past(&[("a", 10, 1), ("b", 20, 1)]);
        let of = |names: &[&str], known: &Past, part, parts| cut(names, known, part, parts).1.fingerprint;
        let first = of(&["a", "b"], &known, 1, 2);
        assert_eq!(first.len(), DIGITS);
        assert_eq!(first, of(&["a", "b"], &known, 2, 2));
        for other in [
            of(&["a"], &known, 1, 2),
            of(&["a", "b"], &known, 1, 3),
            of(&["a", "b"], &past(&[("a", 10, 1), ("b", 21, 1)]), 1, 2),
            of(&["a", "b"], &Past::default(), 1, 2),
        ] {
            assert_ne!(first, other);
        }
    }
}
