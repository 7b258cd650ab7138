//! Points in time until which is waited.

use nix::poll::PollTimeout;
use std::time::{Duration, Instant};

/// The time so long after `start`; `None` if that is beyond the clock, and so will never be.
pub(crate) fn after(start: Instant, time: Duration) -> Option<Instant> {
    start.checked_add(time)
}

/// How long to wait for `deadline`, which may be never. Rounded up, so that who waits does not wake a moment too early again and
/// again; who may not wait for so long at once wakes early.
pub(crate) fn timeout(deadline: Option<Instant>, now: Instant) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(now);
    if left.is_zero() {
        return PollTimeout::ZERO;
    }
    PollTimeout::try_from(left.saturating_add(Duration::from_millis(1))).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_clock_is_never() {
        let now = Instant::now();
        assert_eq!(after(now, Duration::from_secs(1)), Some(now + Duration::from_secs(1)));
        assert_eq!(after(now, Duration::MAX), None);
        assert_eq!(timeout(None, now), PollTimeout::NONE);
    }

    #[test]
    fn a_wait_is_never_shorter_than_what_is_left() {
        let now = Instant::now();
        let until = |time| timeout(Some(now + time), now);
        assert_eq!(until(Duration::ZERO), PollTimeout::ZERO);
        assert_eq!(until(Duration::from_micros(1)), PollTimeout::from(1_u8));
        assert_eq!(until(Duration::from_micros(1500)), PollTimeout::from(2_u8));
        assert_eq!(until(Duration::from_secs(1 << 40)), PollTimeout::MAX);
        let past = now + Duration::from_secs(1);
        assert_eq!(timeout(Some(now), past), PollTimeout::ZERO);
    }
}
