//! Compares memory peaks with those of earlier runs; pure.
//!
//! A peak may be too high by the [grain](super::grain), never too low. So the least of several peaks is the best estimate of what a
//! test needs, and one above the highest peak of unchanged runs by no more than the grain says nothing.

use std::sync::Arc;

/// Minimum of a growth in bytes, whatever share of the peak it is.
const LEAST_BYTES: u64 = 1 << 20;

/// Memory peaks of a test in earlier runs, and the rule for growth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Before {
    /// Name of the baseline.
    pub(crate) baseline: Arc<str>,
    /// Peaks in bytes, in ascending order.
    values: Vec<u64>,
    percent: u32,
    grain: u64,
    /// Whether growth fails the test.
    pub(crate) is_enforced: bool,
}

/// Mode of the peaks of a test: one of two values around which they all lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Highest peak of the mode.
    pub(crate) highest: u64,
    /// Number of peaks of the mode.
    pub(crate) count: usize,
}

impl Before {
    /// Creates the record from peaks of earlier runs in any order; `None` without any.
    pub(crate) fn new(
        baseline: Arc<str>,
        values: &[u64],
        (percent, is_enforced): (u32, bool),
        grain: u64,
    ) -> Option<Self> {
        let mut values = values.to_vec();
        values.sort_unstable();
        (!values.is_empty()).then_some(Self { baseline, values, percent, grain, is_enforced })
    }

    /// Returns the highest peak.
    pub(crate) fn highest(&self) -> u64 {
        self.values.last().copied().unwrap_or_default()
    }

    /// Returns the peaks in ascending order.
    pub(crate) fn values(&self) -> &[u64] {
        &self.values
    }

    /// Returns the least peak that counts as growth: above the highest peak by more than the grain, and above the
    /// least that this peak may really have been by the percentage and by a MiB.
    pub(crate) fn limit(&self) -> u64 {
        let highest = self.highest();
        let needed = highest.saturating_sub(self.grain);
        let share = u64::try_from(u128::from(needed) * u128::from(self.percent) / 100).unwrap_or(u64::MAX);
        let enough = needed.saturating_add(share.max(LEAST_BYTES));
        enough.max(highest.saturating_add(self.grain).saturating_add(1))
    }

    /// Returns the two modes of the peaks, if they have two: all are within the grain or 5 % of one of two values,
    /// each value occurs more than once, and no peak is between.
    pub(crate) fn modes(&self) -> Option<[Mode; 2]> {
        let (gap, at) =
            self.values.windows(2).enumerate().map(|(at, pair)| (pair[1] - pair[0], at + 1)).max()?;
        let (low, high) = self.values.split_at(at);
        let room = |values: &[u64]| self.grain.max(values[0] / 20);
        let is_mode =
            |values: &[u64]| values.len() > 1 && values[values.len() - 1] - values[0] <= room(values);
        let is_apart = gap > 2 * room(low);
        let mode = |values: &[u64]| Mode { highest: values[values.len() - 1], count: values.len() };
        (is_apart && is_mode(low) && is_mode(high)).then(|| [mode(low), mode(high)])
    }
}

/// Memory peak of an attempt, compared with those of earlier runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Growth<'a> {
    /// Peaks of earlier runs.
    pub(crate) before: &'a Before,
    /// Peak of the attempt in bytes.
    pub(crate) used: u64,
}

impl Growth<'_> {
    /// Returns whether the test has grown by as much as counts.
    pub(crate) fn is_grown(&self) -> bool {
        self.used >= self.before.limit()
    }

    /// Returns the growth above the highest peak, in percent, rounded down.
    pub(crate) fn percent(&self) -> i128 {
        let (used, highest) = (i128::from(self.used), i128::from(self.before.highest().max(1)));
        (used - highest) * 100 / highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GRAIN: u64 = 512 << 10;

    fn before(values: &[u64], percent: u32) -> Before {
        Before::new("main".into(), values, (percent, true), GRAIN).unwrap()
    }

    fn is_grown(values: &[u64], percent: u32, used: u64) -> bool {
        Growth { before: &before(values, percent), used }.is_grown()
    }

    /// Checks the limit with peaks that are too high by different amounts.
    #[test]
    fn true_growth_by_a_tenth_and_a_mebibyte_is_found_and_grain_is_not() {
        for need in [MIB, 3 * MIB, 10 * MIB, 64 * MIB, 1000 * MIB] {
            let grown = need + (need / 10).max(MIB);
            for too_high in [0, 64 << 10, GRAIN] {
                for now_too_high in [0, 64 << 10, GRAIN] {
                    let before = [need + too_high / 2, need + too_high];
                    assert!(!is_grown(&before, 10, need + now_too_high), "{need} {too_high} {now_too_high}");
                    let is_exactly_grain = grown + now_too_high == need + too_high + GRAIN;
                    assert!(
                        is_grown(&before, 10, grown + now_too_high) || is_exactly_grain,
                        "{need} {too_high}"
                    );
                }
            }
        }
        assert!(!is_grown(&[100 * MIB], 20, 115 * MIB), "less than the percentage");
        assert!(!is_grown(&[MIB], 10, MIB + MIB / 2), "less than a mebibyte");
        assert!(!is_grown(&[10 * MIB, 58 * MIB], 10, 58 * MIB), "the highest counts");
        assert!(Before::new("main".into(), &[], (10, true), GRAIN).is_none());
    }

    /// Peaks of the same tests in several runs.
    #[derive(serde::Deserialize)]
    struct Runs {
        grain: u64,
        /// Number of runs in a row that are a baseline.
        beside: usize,
        unchanged: Vec<Vec<u64>>,
        grown: Vec<Vec<u64>>,
    }

    impl Runs {
        /// Judges each run beside each baseline in which it is not. Returns the numbers of comparisons, and of tests that are said
        /// to have grown, in runs that need as much and in those that need more.
        fn judged(&self) -> [[usize; 2]; 2] {
            let mut counts = [[0; 2]; 2];
            for (at, beside) in self.unchanged.windows(self.beside).enumerate() {
                let others = self.unchanged.iter().enumerate();
                let others = others.filter(|(other, _)| !(at..at + self.beside).contains(other));
                let unchanged = others.map(|(_, run)| (0, run));
                for (kind, run) in unchanged.chain(self.grown.iter().map(|run| (1, run))) {
                    for (test, used) in run.iter().enumerate() {
                        let values: Vec<_> = beside.iter().map(|run| run[test]).collect();
                        let before = Before::new("main".into(), &values, (10, true), self.grain).unwrap();
                        counts[kind][0] += 1;
                        counts[kind][1] += usize::from(Growth { before: &before, used: *used }.is_grown());
                    }
                }
            }
            counts
        }
    }

    /// Judges peaks that `ci/check growth` has recorded on a busy machine, now if `RECORDED_PEAKS` names a file of others, as runs
    /// do at their first look.
    #[test]
    #[expect(clippy::print_stdout, reason = "the check shows how much was compared")]
    fn recorded_peaks_of_unchanged_runs_are_not_called_grown() {
        let kept = include_str!("../../../fixtures/peaks/busy.json");
        let text = std::env::var_os("RECORDED_PEAKS").map(|path| std::fs::read_to_string(path).unwrap());
        let runs: Runs = serde_json::from_str(text.as_deref().unwrap_or(kept)).unwrap();
        let [[unchanged, alarms], [grown, found]] = runs.judged();
        let tests = runs.unchanged[0].len();
        println!(
            "recorded peaks: {} comparisons of an unchanged run of {tests} tests with {} others ({} real runs): {alarms} false \
             alarms at the first look; {found} of {grown} true growths found",
            unchanged / tests,
            runs.beside,
            runs.unchanged.len(),
        );
        assert!(unchanged > 0 && alarms == 0, "{alarms} of {unchanged}");
        assert!(grown > 0 && found == grown, "{found} of {grown}");
    }

    #[test]
    fn modes_are_two_values_with_nothing_between() {
        let of = |mebibytes: &[u64]| {
            let values: Vec<_> = mebibytes.iter().map(|number| number * MIB).collect();
            let modes = before(&values, 10).modes()?;
            Some(modes.map(|mode| (mode.highest / MIB, mode.count)))
        };
        assert_eq!(of(&[58, 66, 66, 59, 66]), Some([(59, 2), (66, 3)]));
        assert_eq!(of(&[58, 58, 58, 58, 66]), None, "one is no mode");
        assert_eq!(of(&[58, 60, 62, 64, 66]), None, "all between");
        assert_eq!(of(&[58, 58, 59, 59]), None, "no difference");
        assert_eq!(of(&[58]), None);
    }
}
