//! Peaks of memory that are expected of units, by earlier runs and by what this one has seen; pure.

use std::collections::HashMap;

/// Peak of memory that is expected of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Peak in bytes; 0 if nothing is expected.
    Peak(u64),
    /// Median of what tests of a binary turn out to need in this run, and no more than a limit in bytes.
    LikeOthers {
        /// Number of the binary.
        binary: usize,
        /// Limit of the test.
        limit: u64,
    },
}

impl Default for Expected {
    fn default() -> Self {
        Self::Peak(0)
    }
}

/// Peaks of the tests of which nothing was known before the run, by the numbers of their binaries.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<usize, Vec<u64>>);

impl Seen {
    /// Takes note of the peak of a test.
    pub(super) fn add(&mut self, expected: Expected, peak: u64) {
        if let Expected::LikeOthers { binary, .. } = expected {
            let peaks = self.0.entry(binary).or_default();
            peaks.insert(peaks.partition_point(|other| *other < peak), peak);
        }
    }

    /// Returns the peak that is expected now; 0 if nothing is.
    pub(super) fn expected(&self, expected: Expected) -> u64 {
        match expected {
            Expected::Peak(bytes) => bytes,
            Expected::LikeOthers { binary, limit } => {
                let peaks = self.0.get(&binary).map_or(&[][..], Vec::as_slice);
                peaks.get(peaks.len().saturating_sub(1) / 2).map_or(0, |median| (*median).min(limit))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_unknown_the_median_of_those_before_is_expected() {
        let mut seen = Seen::default();
        let [one, other] = [1, 2].map(|binary| Expected::LikeOthers { binary, limit: 50 });
        let now = |seen: &Seen| [one, other, Expected::Peak(7)].map(|of| seen.expected(of));
        assert_eq!(now(&seen), [0, 0, 7]);
        for peak in [30, 10, 20, 40] {
            seen.add(one, peak);
        }
        seen.add(other, 100);
        seen.add(Expected::Peak(7), 9);
        assert_eq!(now(&seen), [20, 50, 7], "no more than the limit");
    }
}
