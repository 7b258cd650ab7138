//! What tests of several modules share, and the comparison with cargo itself.

pub(crate) mod archive;
pub(crate) mod builders;
mod cargo_parity;
