//! Fixtures shared by the tests of several modules, and the comparison with cargo.

pub(crate) mod archive;
pub(crate) mod builders;
mod cargo_parity;
pub(crate) mod errors;
