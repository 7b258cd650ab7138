//! A promise as a trial of the suite.

use crate::sandboxed::Suite;
use isotest_core::limits::Control;
use isotest_core::policy::Capability;
use libtest_mimic::{Failed, Trial};
use nix::sys::resource::{Resource, getrlimit};
use std::sync::{Arc, PoisonError};

/// `Ok` if the promise is kept inside and broken outside.
pub(crate) type Kept = Result<(), Failed>;

/// A sentence that can be false, and how to find out.
#[derive(Debug)]
pub(crate) struct Promise {
    sentence: &'static str,
    holds: fn(&Suite) -> Kept,
    needs: &'static [Need],
    alone: bool,
}

/// What a promise is about, where not every host has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// The caller is root.
    Root,
    /// The caller is not.
    User,
    /// The metric is measured.
    Measured(Capability),
    /// The metric is not measured.
    NotMeasured(Capability),
    /// Attempts enter version 1 hierarchies.
    V1,
    /// The attempts have a cgroup, of whatever version.
    Cgroup,
    /// Files of the caller's can be on a block device.
    BlockDevice,
    /// It can be limited.
    Limited(Control),
    /// There is swap.
    Swap,
    /// The caller may raise its own limits.
    RaisedLimits,
    /// This program is installed.
    Program(&'static str),
}

impl Promise {
    /// A promise that every host keeps.
    pub(crate) const fn new(sentence: &'static str, holds: fn(&Suite) -> Kept) -> Self {
        Self { sentence, holds, needs: &[], alone: false }
    }

    /// The same, where all of `needs` are given.
    pub(crate) const fn needs(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }

    /// The same, while no other promise is tried.
    pub(crate) const fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    pub(crate) const fn sentence(&self) -> &'static str {
        self.sentence
    }

    /// The trial; an ignored one where the promise does not apply.
    pub(crate) fn trial(&'static self, group: &str, suite: &Arc<Suite>) -> Trial {
        let name = format!("{group}::{}", self.sentence);
        if let Some(lacking) = self.needs.iter().find_map(|need| need.lacking(suite)) {
            return Trial::test(format!("{name} ({lacking})"), || Ok(())).with_ignored_flag(true);
        }
        let suite = Arc::clone(suite);
        Trial::test(name, move || {
            // A trial that failed has left nothing behind that would be in the way of others.
            if self.alone {
                let _alone = suite.order.write().unwrap_or_else(PoisonError::into_inner);
                return (self.holds)(&suite);
            }
            let _with_others = suite.order.read().unwrap_or_else(PoisonError::into_inner);
            (self.holds)(&suite)
        })
    }
}

impl Need {
    /// Why it is not given.
    fn lacking(self, suite: &Suite) -> Option<String> {
        let (given, lacking) = match self {
            Self::Root => (suite.is_root(), "only root has it".to_owned()),
            Self::User => (!suite.is_root(), "not for root".to_owned()),
            Self::Measured(metric) => (suite.cgroups.serves(metric), suite.why_missing(metric)),
            Self::NotMeasured(metric) => {
                (!suite.cgroups.serves(metric), format!("{metric} is measured here"))
            }
            Self::V1 => (
                suite.cgroups.layout().is_some_and(|layout| layout != "v2"),
                "no version 1 hierarchy".to_owned(),
            ),
            Self::Cgroup => (suite.cgroups.layout().is_some(), "no cgroups may be made here".to_owned()),
            Self::Limited(control) => {
                let name = control.as_str();
                (suite.cgroups.can(control), format!("the {name} controller is not handed on here"))
            }
            Self::Swap => (has_swap(), "no swap here".to_owned()),
            Self::RaisedLimits => {
                let highest = getrlimit(Resource::RLIMIT_NICE).is_ok_and(|(_, hard)| hard >= 40);
                (highest, "root may not raise its limits here".to_owned())
            }
            Self::Program(path) => (std::path::Path::new(path).exists(), format!("no {path} here")),
            Self::BlockDevice => (suite.block_device(), "no directory on a block device".to_owned()),
        };
        (!given).then_some(lacking)
    }
}

fn has_swap() -> bool {
    // The first line is a heading.
    std::fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() > 1)
}
