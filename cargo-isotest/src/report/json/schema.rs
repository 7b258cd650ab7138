//! What holds for every object of the format.

use std::time::Duration;

/// The version of the format. Fields may be added without changing it.
pub(super) const SCHEMA: u32 = 1;

/// A duration as its fields give it; the most that fits if it is longer.
pub(super) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
