//! Namespaces that several attempts have in common.

use crate::step::{Step, StepError};
use nix::sched::{CloneFlags, setns};
use std::os::fd::OwnedFd;

/// Namespaces that are held open, the user namespace first, since the others are entered with its rights.
#[derive(Debug)]
pub(super) struct Common(pub(super) Vec<(CloneFlags, OwnedFd)>);

impl Common {
    /// Enters all these namespaces.
    ///
    /// # Errors
    /// The step that failed.
    pub(super) fn enter(&self) -> Result<(), StepError> {
        self.0.iter().try_for_each(|(kind, handle)| Step::UnshareInit.run(|| setns(handle, *kind)))
    }
}
