//! Values that are written on the command line as in a file; pure.

mod retries;
mod time;

pub(crate) use retries::{FlakyResult, Retries};
