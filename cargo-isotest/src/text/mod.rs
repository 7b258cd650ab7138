//! Text for terminals: quantities with units, styles, and sanitized foreign text.

pub(crate) mod captured;
pub(crate) mod markdown;
pub(crate) mod nearest;
pub(crate) mod sanitize;
pub(crate) mod style;
pub(crate) mod units;
