//! Order in which tests start, by what became of them in earlier runs; pure.

use crate::harness::together::Unit;
use crate::history::Past;
use crate::values::Priority;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Grain of times: those that differ by less are the same, so that tests keep the order of the listing although times
/// vary.
const GRAIN: Duration = Duration::from_millis(50);

/// Rank of a test among those that are to start; the least starts first: those of a higher priority, of the same
/// priority what failed in its last run, then what has never run, then the longest if several run at once, so that no
/// long one begins when all others have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(Reverse<Priority>, u8, Reverse<u128>);

impl Rank {
    /// Ranks a test of this priority by whether it passed in its last run, if there was one, and how long it is
    /// expected to take, in a run with so many jobs.
    pub(crate) fn new(
        priority: Priority,
        passed: Option<bool>,
        wall: Option<Duration>,
        jobs: NonZeroUsize,
    ) -> Self {
        let of_result = passed.map_or(1, |passed| if passed { 2 } else { 0 });
        let wall = wall.filter(|_| jobs.get() > 1).unwrap_or_default();
        Self(Reverse(priority), of_result, Reverse(wall.as_millis() / GRAIN.as_millis()))
    }
}

/// Sorts units by their ranks. Of the same rank, they stay in the order of the listing.
pub(crate) fn order<'run>(
    units: &mut [Unit<'run>],
    priorities: impl IntoIterator<Item = Priority>,
    past: &Past,
    jobs: NonZeroUsize,
) {
    let rank = |(unit, priority): (&Unit<'run>, Priority)| {
        let test = unit.title();
        let (binary_id, name) = (test.binary.id.as_str(), test.name.as_str());
        let passed = past.last(binary_id, name).map(|last| last.passes);
        (Rank::new(priority, passed, past.expected_wall(binary_id, name), jobs), *unit)
    };
    let mut ranked: Vec<_> = units.iter().zip(priorities).map(rank).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    for (place, (_, unit)) in units.iter_mut().zip(ranked) {
        *place = unit;
    }
}

/// Moves units that have a sandbox in common to the place of the first of them: it is there for no longer than it
/// must.
pub(crate) fn bring_together(units: &mut [Unit<'_>], in_common: impl IntoIterator<Item = bool>) {
    let mut first = HashMap::new();
    let mut placed: Vec<_> = units
        .iter()
        .zip(in_common)
        .enumerate()
        .map(|(place, (unit, in_common))| {
            let binary = unit.title().binary.id.clone();
            (if in_common { *first.entry(binary).or_insert(place) } else { place }, *unit)
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    for (place, (_, unit)) in units.iter_mut().zip(placed) {
        *place = unit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::together::units;
    use crate::history::TestResult;
    use crate::settings::Process;
    use crate::testing::builders;

    #[test]
    fn failures_come_first_then_the_unknown_then_the_longest() {
        let tests = ["quick", "long", "fails", "new", "longer", "like_quick"]
            .map(|name| builders::test("tour", name));
        let result = |passes, millis: u64| TestResult {
            at: 0,
            verdict: String::new(),
            passes,
            wall_us: Some(millis * 1000),
            cpu_us: None,
            memory_peak: None,
        };
        let past = Past::of([
            ("tour", "quick", result(true, 20)),
            ("tour", "long", result(true, 900)),
            ("tour", "fails", result(false, 1)),
            ("tour", "longer", result(true, 3_000)),
            ("tour", "like_quick", result(true, 30)),
        ]);
        let ordered_by = |priorities: [i64; 6], past, jobs| {
            let mut units = units(&tests, Process::Test);
            let priorities = priorities.map(|priority| Priority::from_number(priority).unwrap());
            order(&mut units, priorities, past, NonZeroUsize::new(jobs).unwrap());
            units.iter().map(|unit| unit.title().name.clone()).collect::<Vec<_>>()
        };
        let ordered = |past, jobs| ordered_by([0; 6], past, jobs);
        assert_eq!(ordered(&past, 2), ["fails", "new", "longer", "long", "quick", "like_quick"]);
        assert_eq!(ordered(&past, 1), ["fails", "new", "quick", "long", "longer", "like_quick"]);
        let listed = ["quick", "long", "fails", "new", "longer", "like_quick"];
        let none = Past::default();
        assert_eq!(ordered(&none, 2), listed, "without a past as listed");
        let by_priority = ["like_quick", "new", "longer", "long", "quick", "fails"];
        assert_eq!(ordered_by([0, 0, -100, 0, 0, 100], &past, 2), by_priority);
        let listed_by_priority = ["like_quick", "quick", "long", "new", "longer", "fails"];
        assert_eq!(ordered_by([0, 0, -100, 0, 0, 100], &none, 2), listed_by_priority);
    }

    #[test]
    fn what_shares_a_sandbox_is_brought_to_the_first_of_it() {
        let of = |binary, name| builders::test(binary, name);
        let tests = [of("a", "1"), of("b", "1"), of("a", "2"), of("c", "1"), of("b", "2"), of("a", "3")];
        let ordered = |shares: fn(&str) -> bool| {
            let mut units = units(&tests, Process::Test);
            let shares: Vec<_> = units.iter().map(|unit| shares(&unit.title().binary.id)).collect();
            bring_together(&mut units, shares);
            units
                .iter()
                .map(|unit| format!("{} {}", unit.title().binary.id, unit.title().name))
                .collect::<Vec<_>>()
        };
        assert_eq!(ordered(|_| false), ["a 1", "b 1", "a 2", "c 1", "b 2", "a 3"]);
        assert_eq!(ordered(|id| id == "b"), ["a 1", "b 1", "b 2", "a 2", "c 1", "a 3"]);
    }
}
