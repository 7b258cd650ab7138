//! Test harnesses: how they are asked for their tests, and how for one of them.

pub(crate) mod ask;
mod error;
pub(crate) mod libtest;
pub(crate) mod result;
pub(crate) mod together;
