//! Baselines: memory peaks of tests in earlier runs, kept under a name or in a file, and the conditions under which they were
//! measured. It knows tests by their names only, and not what follows for them.

mod error;
mod file;
mod key;

pub(crate) use error::BaselineError;
pub(crate) use file::{Baseline, MAX_VALUES};
pub(crate) use key::Key;
