//! Attempts that are being executed, and since when they are slow.

use crate::schedule::queue::{Attempt, Launch};
use isotest_core::sys::clock::Instant;
use std::time::Duration;

/// Attempts that are being executed.
#[derive(Debug, Default)]
pub(super) struct Executing(Vec<Running>);

#[derive(Debug)]
struct Running {
    launch: Launch,
    /// Time until it is said again that the attempt is slow.
    period: Duration,
    /// Running time of the attempt after which it is next said to be slow.
    next: Duration,
}

impl Executing {
    pub(super) fn begin(&mut self, launch: Launch, period: Duration) {
        self.0.push(Running { launch, period, next: period });
    }

    pub(super) fn end(&mut self, attempt: Attempt) {
        self.0.retain(|running| running.launch.attempt != attempt);
    }

    /// Returns the launch of each attempt that runs, in the order in which they began. One after which another began in
    /// its slot has ended, though its figures are still being read.
    pub(super) fn launches(&self) -> impl Iterator<Item = Launch> {
        let runs = |index: usize, slot| self.0[index + 1..].iter().all(|later| later.launch.slot != slot);
        let launches = self.0.iter().map(|running| running.launch).enumerate();
        launches.filter(move |(index, launch)| runs(*index, launch.slot)).map(|(_, launch)| launch)
    }

    /// Returns the attempts that are to be called slow now, and their running times. An attempt is called slow once
    /// in each period.
    pub(super) fn slow(&mut self, now: Instant) -> Vec<(Launch, Duration)> {
        let is_due =
            |running: &&mut Running| running.next <= now.saturating_duration_since(running.launch.at);
        let due = self.0.iter_mut().filter(is_due).map(|running| {
            let time = running.next;
            running.next = time.saturating_add(running.period);
            (running.launch, time)
        });
        due.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::queue::{Answer, Queue};

    #[test]
    fn an_attempt_is_slow_once_in_each_period() {
        let attempt = Queue::new([1]).pop(Instant::now(), |_| Answer::Starts).unwrap();
        let at = Instant::now();
        let mut executing = Executing::default();
        executing.begin(Launch { attempt, slot: 0, at }, Duration::from_secs(10));
        let mut times = |seconds| -> Vec<_> {
            let slow = executing.slow(at + Duration::from_secs(seconds));
            slow.into_iter().map(|(_, time)| time.as_secs()).collect()
        };
        assert_eq!([9, 10, 11, 25, 26].map(&mut times), [vec![], vec![10], vec![], vec![20], vec![]]);
        executing.end(attempt);
        assert!(executing.slow(at + Duration::from_secs(90)).is_empty());
    }

    #[test]
    fn a_slot_has_one_attempt_that_runs() {
        let mut queue = Queue::new([1, 1, 1]);
        let mut attempt = || queue.pop(Instant::now(), |_| Answer::Starts).unwrap();
        let [first, beside, next] = [attempt(), attempt(), attempt()];
        let mut executing = Executing::default();
        for (attempt, slot) in [(first, 0), (beside, 1), (next, 0)] {
            executing.begin(Launch { attempt, slot, at: Instant::now() }, Duration::from_secs(10));
        }
        let running: Vec<_> = executing.launches().map(|launch| launch.attempt).collect();
        assert_eq!(running, [beside, next]);
    }
}
