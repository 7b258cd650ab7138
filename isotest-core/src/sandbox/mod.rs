//! One attempt in one sandbox.

pub mod step;
