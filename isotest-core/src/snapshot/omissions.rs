//! Counts things that could not be seen.

use super::Unseen;
use procfs::{ProcError, ProcResult};
use std::collections::BTreeMap;

/// Things that could not be seen so far, counted by thing and reason.
#[derive(Debug, Default)]
pub(super) struct Omissions(BTreeMap<(&'static str, String), u64>);

impl Omissions {
    /// Returns the value of a result, or notes the error as the reason why a thing could not be seen.
    pub(super) fn seen<T>(&mut self, what: &'static str, result: ProcResult<T>) -> Option<T> {
        result.map_err(|error| self.note(what, why(&error))).ok()
    }

    /// Notes one thing that could not be seen, and why.
    pub(super) fn note(&mut self, what: &'static str, why: impl Into<String>) {
        *self.0.entry((what, why.into())).or_default() += 1;
    }

    /// Returns all things that could not be seen.
    pub(super) fn list(self) -> Vec<Unseen> {
        let omissions = self.0.into_iter();
        omissions.map(|((what, why), count)| Unseen { what: what.to_owned(), why, count }).collect()
    }
}

/// Describes an error in words that are the same for every process.
pub(super) fn why(error: &ProcError) -> String {
    match error {
        ProcError::PermissionDenied(_) => "permission denied".to_owned(),
        ProcError::NotFound(_) => "gone, or not known to this kernel".to_owned(),
        ProcError::Io(error, _) => error.to_string(),
        other => other.to_string(),
    }
}
