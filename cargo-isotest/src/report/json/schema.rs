//! What holds for every object of the format.

pub(super) use isotest_core::metric::microseconds;

/// The version of the format. Fields may be added without changing it.
pub(super) const SCHEMA: u32 = 1;
