//! Values that are written on the command line as in a file; pure.

mod max_fail;
mod retries;
mod slow_timeout;
mod time;

pub(crate) use max_fail::MaxFail;
pub(crate) use retries::{FlakyResult, Retries};
pub(crate) use slow_timeout::{OnTimeout, SlowTimeout};
