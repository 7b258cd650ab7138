//! Test harnesses: questions for their tests, arguments that execute tests, and the results that they print.

pub(crate) mod ask;
mod error;
pub(crate) mod libtest;
pub(crate) mod result;
pub(crate) mod together;

pub(crate) use error::ListingError;
