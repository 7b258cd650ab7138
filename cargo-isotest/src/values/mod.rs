//! Values that are written on the command line as in a file; pure.

mod jobs;
mod max_fail;
mod number_or_word;
mod partition;
mod platforms;
mod priority;
mod retries;
mod slow_timeout;
mod stress;
mod threads_required;
mod time;

pub(crate) use jobs::Jobs;
pub(crate) use max_fail::MaxFail;
pub(crate) use partition::{Partition, PartitionBy, PartitionWord};
pub(crate) use platforms::{Features, Machine, Platforms};
pub(crate) use priority::Priority;
pub(crate) use retries::{Backoff, FlakyResult, Retries};
pub(crate) use slow_timeout::{OnTimeout, SlowTimeout};
pub(crate) use stress::Stress;
pub(crate) use threads_required::ThreadsRequired;
