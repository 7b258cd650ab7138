//! Order in which tests start, by what became of them in earlier runs; pure.

use crate::harness::together::Unit;
use crate::history::Past;
use std::cmp::Reverse;
use std::time::Duration;

/// Times that differ by less are the same, so that tests keep the order of the listing although times vary.
const GRAIN: Duration = Duration::from_millis(50);

/// Sorts what failed in its last run first, then what has never run, then the longest if several run at once, so that
/// no long one begins when all others have ended.
pub(crate) fn order(units: &mut [Unit<'_>], past: &Past, jobs: usize) {
    units.sort_by_cached_key(|unit| {
        let test = unit.title();
        let (binary_id, name) = (test.binary.id.as_str(), test.name.as_str());
        let rank = past.last(binary_id, name).map_or(1, |last| if last.passes { 2 } else { 0 });
        let wall = past.expected_wall(binary_id, name).filter(|_| jobs > 1).unwrap_or_default();
        (rank, Reverse(wall.as_millis() / GRAIN.as_millis()))
    });
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
        let ordered = |past, jobs| {
            let mut units = units(&tests, Process::Test);
            order(&mut units, past, jobs);
            units.iter().map(|unit| unit.title().name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ordered(&past, 2), ["fails", "new", "longer", "long", "quick", "like_quick"]);
        assert_eq!(ordered(&past, 1), ["fails", "new", "quick", "long", "longer", "like_quick"]);
        let listed = ["quick", "long", "fails", "new", "longer", "like_quick"];
        assert_eq!(ordered(&Past::default(), 2), listed, "without a past as listed");
    }
}
