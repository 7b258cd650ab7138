//! Version of the format, which holds for every object.

pub(super) use isotest_core::metric::microseconds;

/// Version of the format. Fields may be added without changing it.
pub(super) const SCHEMA: u32 = 1;
