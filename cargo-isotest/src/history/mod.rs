//! History of a workspace's tests: their results in the last runs, in the state directory of the user. It says what is to be
//! expected of a test; no verdict depends on it.

mod error;
mod past;
mod place;
mod store;

pub(crate) use error::HistoryError;
pub(crate) use past::{Past, TestResult};
pub(crate) use place::Place;
pub(crate) use store::Store;
