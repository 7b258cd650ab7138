//! How many job slots the limit of open files leaves room for.

use super::error::SandboxError;
use crate::error::{Error, HostError};
use isotest_core::descriptors;
use isotest_core::plan::Template;
use std::num::NonZeroUsize;

/// What is open at times besides the slots' and what is open already: signals, the files of a report, whoever asks what is
/// running.
const OTHERS: usize = 16;

/// What those have open who make a sandbox, each for itself, if the root has no more parts than usual.
const INSIDE: usize = 128;

/// What takes room where sandboxes are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inside {
    descriptors: usize,
    /// The private parts of the root.
    parts: usize,
}

impl Inside {
    /// Of the template that needs most.
    pub(super) fn of<'a>(templates: impl Iterator<Item = &'a Template>) -> Self {
        let inside = |template: &Template| Self {
            descriptors: template.descriptors(),
            parts: template.private.layers.len(),
        };
        templates.map(inside).max().unwrap_or_default()
    }
}

/// The slots there is room for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) jobs: NonZeroUsize,
    /// What is said if these are fewer than were asked for.
    pub(super) remark: Option<String>,
}

impl Room {
    /// As many slots of `each` descriptors as were asked for, or as many as there may be if `allowed` may be open.
    ///
    /// # Errors
    /// When there is no room for one.
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
        let remark = (most < jobs).then(|| {
            format!(
                "{most} of {jobs} jobs are executed at once: all of them need {needed} open files, and no more than \
                 {allowed} are allowed (`ulimit -Hn`)"
            )
        });
        Ok(Self { jobs: jobs.min(most), remark })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(allowed: usize, jobs: usize) -> Result<(usize, Option<String>), String> {
        let room = Room::beside(30, allowed, 50, NonZeroUsize::new(jobs).unwrap());
        room.map(|room| (room.jobs.get(), room.remark)).map_err(|error| error.to_string())
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
