//! Tests with the highest peaks of memory, and the slowest; pure.

use super::line::{INDENT, title};
use crate::testcase::TestCase;
use crate::text::style::{NOTE, headed};
use crate::text::units::{marked, memory, plural};
use isotest_core::record::Record;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

/// Figures of the tests of a run, of which the highest are listed.
#[derive(Debug, Default)]
pub(super) struct Top {
    /// Number of tests in each list.
    number: usize,
    /// Peak in bytes, whether it is only approximate, and title of each test.
    peaks: Vec<(u64, bool, String)>,
    walls: Vec<(Duration, String)>,
}

impl Top {
    /// Creates lists of so many tests each.
    pub(super) fn of(number: usize) -> Self {
        Self { number, ..Self::default() }
    }

    /// Takes the last attempt at a test into account. Figures that were not measured, or are not to be trusted, are
    /// in no list.
    pub(super) fn add(&mut self, test: &TestCase, record: &Record) {
        if self.number == 0 || record.suspect.is_some() {
            return;
        }
        let title = title(test);
        if let Some(peak) = record.usage.memory_peak {
            self.peaks.push((peak.value.get(), peak.source.is_approximate(), title.clone()));
        }
        if let Some(ending) = &record.ending {
            self.walls.push((ending.wall, title));
        }
    }

    /// Returns the lists, the highest and the slowest first.
    pub(super) fn lines(mut self) -> String {
        self.peaks.sort_by_key(|(bytes, ..)| Reverse(*bytes));
        self.walls.sort_by_key(|(wall, _)| Reverse(*wall));
        // A test that is executed several times counts with its highest figure.
        let (mut of_peaks, mut of_walls) = (HashSet::new(), HashSet::new());
        self.peaks.retain(|(.., title)| of_peaks.insert(title.clone()));
        self.walls.retain(|(_, title)| of_walls.insert(title.clone()));
        let peaks = self.peaks.iter().take(self.number);
        let peaks = peaks.map(|(bytes, approximate, title)| (marked(memory(*bytes), *approximate), title));
        let walls = self.walls.iter().take(self.number);
        let walls = walls.map(|(wall, title)| (format!("{:.3} s", wall.as_secs_f64()), title));
        list("Highest", "peak", peaks) + &list("Slowest", "test", walls)
    }
}

fn list<'a>(heading: &str, noun: &str, rows: impl Iterator<Item = (String, &'a String)>) -> String {
    let rows: Vec<_> = rows.map(|(figure, title)| format!("{INDENT}{figure:>11}  {title}\n")).collect();
    if rows.is_empty() {
        return String::new();
    }
    headed(NOTE, heading, &format!("{}:", plural(rows.len(), noun))) + &rows.concat()
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

    fn filled(number: usize) -> Top {
        let mut top = Top::of(number);
        for (name, mib, source, millis) in [
            ("small", 1, Source::MemoryPeak, 1_500),
            ("big", 2_048, Source::MemoryPeak, 2),
            ("unsure", 30, Source::MaxRss, 61_000),
            ("big", 2_000, Source::MemoryPeak, 1),
        ] {
            let mut record = builders::record(Outcome::Passed);
            record.usage.memory_peak = Some(Reading { value: Bytes::mib(mib), source });
            if let Some(ending) = &mut record.ending {
                ending.wall = Duration::from_millis(millis);
            }
            top.add(&builders::test("tour", name), &record);
        }
        let mut unmeasured = builders::record(Outcome::Passed);
        unmeasured.usage.memory_peak = None;
        unmeasured.ending = None;
        top.add(&builders::test("tour", "unmeasured"), &unmeasured);
        let mut suspect = builders::record(Outcome::Passed);
        suspect.usage.memory_peak = Some(Reading { value: Bytes::gib(9), source: Source::MemoryPeak });
        suspect.suspect = Some("it left its cgroup".to_owned());
        top.add(&builders::test("tour", "suspect"), &suspect);
        top
    }

    #[test]
    fn the_highest_and_the_slowest_come_first() {
        assert_data_eq!(
            anstream::adapter::strip_str(&filled(2).lines()).to_string(),
            str![[r#"
     Highest 2 peaks:
              2048.0 MiB  tour big
               ~30.0 MiB  tour unsure
     Slowest 2 tests:
                61.000 s  tour unsure
                 1.500 s  tour small

"#]]
        );
        let all = filled(9).lines();
        assert!(!all.contains("unmeasured") && !all.contains("suspect"), "{all}");
        assert_eq!(filled(0).lines(), "");
    }
}
