//! Number of job slots that the limit of open files allows.

use super::error::SandboxError;
use crate::error::{Error, HostError};
use crate::remark::Remark;
use isotest_core::descriptors;
use isotest_core::plan::Template;
use std::num::NonZeroUsize;

/// Number of descriptors beside those of the slots and the present ones: signals, the files of a report, requests
/// about the running attempts.
const OTHERS: usize = 16;

/// Number of descriptors that a process needs to make a sandbox, if the root has no more parts than usual.
const INSIDE: usize = 128;

/// Descriptors needed by a process that makes a sandbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inside {
    descriptors: usize,
    /// Number of private parts of the root.
    parts: usize,
}

impl Inside {
    /// Returns the need of the template that needs most.
    pub(super) fn of<'a>(templates: impl Iterator<Item = &'a Template>) -> Self {
        let inside = |template: &Template| Self {
            descriptors: template.descriptors(),
            parts: template.private.layers.len(),
        };
        templates.map(inside).max().unwrap_or_default()
    }
}

/// Number of job slots for which there are descriptors.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) jobs: NonZeroUsize,
    /// Remark on the number, if it is lower than requested.
    pub(super) remark: Option<Remark>,
}

impl Room {
    /// Returns as many slots of `each` descriptors as requested, or as many as fit into `allowed` open files.
    ///
    /// # Errors
    /// When not even one slot fits.
    pub(super) fn within(
        allowed: u64,
        each: usize,
        inside: Inside,
        jobs: NonZeroUsize,
    ) -> Result<Self, Error> {
        let open = descriptors::open().map_err(HostError::System)? + OTHERS;
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        let Inside { descriptors, parts } = inside;
        let inside = INSIDE.max(descriptors);
        if allowed < inside {
            return Err(SandboxError::TooFewFiles { needed: inside.max(open + each), allowed, parts }.into());
        }
        Ok(Self::beside(open, allowed, each, jobs)?)
    }

    fn beside(open: usize, allowed: usize, each: usize, jobs: NonZeroUsize) -> Result<Self, SandboxError> {
        let most = allowed.saturating_sub(open) / each;
        let Some(most) = NonZeroUsize::new(most) else {
            return Err(SandboxError::TooFewFiles { needed: open + each, allowed, parts: 0 });
        };
        let needed = each.saturating_mul(jobs.get()).saturating_add(open);
        let remark = (most < jobs).then_some(Remark::FewerJobs { most, jobs, needed, allowed });
        Ok(Self { jobs: jobs.min(most), remark })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(allowed: usize, jobs: usize) -> Result<(usize, Option<String>), String> {
        let room = Room::beside(30, allowed, 50, NonZeroUsize::new(jobs).unwrap());
        room.map(|room| (room.jobs.get(), room.remark.map(|remark| remark.to_string())))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn as_many_as_there_is_room_for() {
        assert_eq!(beside(1 << 20, 128), Ok((128, None)));
        assert_eq!(beside(130, 2), Ok((2, None)));
        let (jobs, remark) = beside(129, 2).unwrap();
        assert_eq!(jobs, 1);
        let remark = remark.unwrap();
        assert!(
            remark.contains("1 of 2 jobs") && remark.contains(" 130 ") && remark.contains(" 129 "),
            "{remark}"
        );
        assert_eq!(beside(80, 1), Ok((1, None)));
        let refused = beside(79, 4).unwrap_err();
        assert!(refused.contains(" 80 ") && refused.ends_with(" 79"), "{refused}");
    }
}
