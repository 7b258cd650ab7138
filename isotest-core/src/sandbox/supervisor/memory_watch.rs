//! Samples the memory of an attempt while it lasts.

use crate::record::Samples;
use crate::sys::clock::Instant;
use std::time::Duration;

/// Interval between two looks, at first.
const INTERVAL: Duration = Duration::from_millis(100);
/// Maximal number of samples that are kept; where there are more, the interval is doubled.
const MOST: usize = 100;
/// Duration below which nothing of an attempt is kept.
const SHORTEST: Duration = Duration::from_secs(1);

/// Samples of the memory of an attempt.
#[derive(Debug)]
pub(super) struct MemoryWatch {
    started: Instant,
    interval: Duration,
    /// Time of the next look.
    pub(super) next: Instant,
    seen: Vec<Option<u64>>,
}

impl MemoryWatch {
    /// Makes a watch of an attempt that starts at this time.
    pub(super) fn from(started: Instant) -> Self {
        Self { started, interval: INTERVAL, next: started + INTERVAL, seen: Vec::new() }
    }

    /// Notes the memory that is occupied `now`, if it is known. Intervals in which nobody looked have no figure.
    pub(super) fn saw(&mut self, now: Instant, bytes: Option<u64>) {
        let elapsed = now.saturating_duration_since(self.started);
        while self.interval.saturating_mul(u32::try_from(MOST).unwrap_or(u32::MAX)) < elapsed {
            self.interval = self.interval.saturating_mul(2);
            self.seen = self.seen.chunks(2).map(|pair| pair.iter().copied().max().flatten()).collect();
        }
        let ended = elapsed.as_nanos() / self.interval.as_nanos();
        let ended = usize::try_from(ended).unwrap_or(MOST).min(MOST);
        if ended > 0 {
            self.seen.resize(self.seen.len().max(ended), None);
            let last = &mut self.seen[ended - 1];
            *last = (*last).max(bytes);
        }
        // The next sample is due at a multiple of the interval, however late this one was.
        self.next = self.started + self.interval.saturating_mul(u32::try_from(ended + 1).unwrap_or(u32::MAX));
    }

    /// Returns the samples, if the attempt was long enough for that.
    pub(super) fn samples(self) -> Option<Samples> {
        let lasted = self.interval.saturating_mul(u32::try_from(self.seen.len()).unwrap_or(u32::MAX));
        let is_worth = lasted >= SHORTEST && self.seen.iter().any(Option::is_some);
        is_worth.then_some(Samples { interval: self.interval, bytes: self.seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(looks: impl IntoIterator<Item = (u64, Option<u64>)>) -> Option<Samples> {
        let started = Instant::now();
        let mut watch = MemoryWatch::from(started);
        for (millis, bytes) in looks {
            watch.saw(started + Duration::from_millis(millis), bytes);
        }
        watch.samples()
    }

    #[test]
    fn each_interval_has_what_was_seen_in_it_or_nothing() {
        let samples = watched([(100, Some(1)), (205, Some(2)), (510, Some(5)), (1000, Some(9))]);
        let bytes = [Some(1), Some(2), None, None, Some(5), None, None, None, None, Some(9)].to_vec();
        assert_eq!(samples, Some(Samples { interval: INTERVAL, bytes }));
        assert_eq!(watched([(100, Some(1)), (900, Some(1))]), None, "too short");
        assert_eq!(watched((1..20).map(|look| (look * 100, None))), None, "nothing was seen");
    }

    #[test]
    fn however_long_it_lasts_there_are_few_and_the_highest_is_among_them() {
        let looks = (1..5000).map(|look| (look * 100, Some(if look == 77 { 1000 } else { look % 10 })));
        let samples = watched(looks).unwrap();
        assert!((MOST / 2..=MOST).contains(&samples.bytes.len()), "{samples:?}");
        assert_eq!(samples.bytes.iter().max(), Some(&Some(1000)));
        let place = samples.bytes.iter().position(|bytes| *bytes == Some(1000)).unwrap();
        let seen = samples.interval * u32::try_from(place).unwrap();
        assert!(
            seen <= Duration::from_millis(7700) && Duration::from_millis(7700) <= seen + 2 * samples.interval,
            "{samples:?}"
        );
    }
}
