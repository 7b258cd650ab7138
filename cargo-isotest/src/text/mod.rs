//! Text for terminals: figures in their units, and foreign text that cannot harm.

pub(crate) mod captured;
pub(crate) mod sanitize;
pub(crate) mod style;
pub(crate) mod units;
