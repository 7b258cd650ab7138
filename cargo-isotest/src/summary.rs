//! The counts and peaks of a run.

/// The whole run in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Summary {}
