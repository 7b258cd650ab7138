//! Policy of a run, what the user wants of every sandbox: for each capability `require`, `prefer` or `off`.

use serde::{Deserialize, Serialize};
use std::fmt;
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// Capability that a sandbox can have.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, EnumCount, VariantArray,
)]
pub enum Capability {
    /// User namespace.
    User,
    /// Process id namespace.
    Pid,
    /// Mount namespace.
    Mount,
    /// Network namespace.
    Net,
    /// Namespace of System V and POSIX IPC.
    Ipc,
    /// Host name of the sandbox's own.
    Uts,
    /// Cgroup namespace.
    Cgroup,
    /// Root file system backed by tmpfs.
    Rootfs,
    /// Views of workspace, target directory and home, copy-on-write.
    CopyOnWrite,
    /// Memory peaks.
    Memory,
    /// Processor time.
    Cpu,
    /// Peaks of processes and threads.
    Pids,
    /// Block I/O.
    Io,
    /// Stall times.
    Pressure,
    /// Content of the directories that are thrown away.
    Disk,
}

impl Capability {
    /// List of all capabilities, in the order in which they are reported.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS.as_array().unwrap();

    /// Returns the capability's word on the command line and in reports, and its kind.
    const fn row(self) -> (&'static str, Kind) {
        match self {
            Self::User => ("user", Kind::Foundation),
            Self::Pid => ("pid", Kind::Foundation),
            Self::Mount => ("mount", Kind::Foundation),
            Self::Net => ("net", Kind::Wall),
            Self::Ipc => ("ipc", Kind::Wall),
            Self::Uts => ("uts", Kind::Wall),
            Self::Cgroup => ("cgroup", Kind::Wall),
            Self::Rootfs => ("rootfs", Kind::Foundation),
            Self::CopyOnWrite => ("copy-on-write", Kind::Views),
            Self::Memory => ("memory", Kind::Metric),
            Self::Cpu => ("cpu", Kind::Metric),
            Self::Pids => ("pids", Kind::Metric),
            Self::Io => ("io", Kind::Metric),
            Self::Pressure => ("pressure", Kind::Metric),
            Self::Disk => ("disk", Kind::Metric),
        }
    }

    /// Returns the capability's word on the command line and in reports.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Returns whether the capability is a figure rather than a wall.
    pub const fn is_metric(self) -> bool {
        matches!(self.row().1, Kind::Metric)
    }

    /// Returns whether the other capabilities are built on this one.
    pub const fn is_foundation(self) -> bool {
        matches!(self.row().1, Kind::Foundation)
    }

    const fn default_level(self) -> Level {
        match self.row().1 {
            Kind::Foundation | Kind::Wall => Level::Require,
            Kind::Views | Kind::Metric => Level::Prefer,
        }
    }
}

/// Kind of a capability.
enum Kind {
    /// Capability on which the rest of the sandbox is built.
    Foundation,
    /// Capability that keeps tests apart.
    Wall,
    /// Capability that lets a test write where others see nothing of it.
    Views,
    /// Capability that is a figure.
    Metric,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Level at which a capability is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Level {
    /// Capability without which the run does not start.
    Require,
    /// Capability without which the run goes on and says so.
    Prefer,
    /// Capability that is not wanted.
    Off,
}

/// State of a capability in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Capability that every attempt has.
    InForce,
    /// Capability that was wanted and could not be had, for this reason.
    Missing(String),
    /// Capability that was switched off.
    Off,
}

/// Isolation line as data: what is in force for each capability, in the order of [`Capability::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Isolation {
    /// State of each capability.
    pub states: Vec<(Capability, State)>,
    /// Cgroup layout in use: `v1`, `v2` or `hybrid`; `None` without cgroups.
    pub cgroup_layout: Option<&'static str>,
    /// Remarks on anything else a reader of the report must know, such as directories that are read-only.
    pub remarks: Vec<String>,
}

/// Level for each capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Levels in the order of [`Capability::ALL`].
    levels: [Level; Capability::ALL.len()],
}

impl Default for Policy {
    /// Returns the policy in which walls are required, figures and the copy-on-write views preferred.
    fn default() -> Self {
        Self { levels: Capability::ALL.map(Capability::default_level) }
    }
}

impl Policy {
    /// Returns the default policy with what was asked for laid over it.
    ///
    /// # Errors
    /// When one capability is asked for at two levels, or one that everything else is built on is not required.
    pub fn new(wishes: &[(Capability, Level)]) -> Result<Self, PolicyError> {
        let mut policy = Self::default();
        for (index, &(capability, level)) in wishes.iter().enumerate() {
            let earlier = wishes[..index].iter().find(|(other, _)| *other == capability);
            if let Some(&(_, first)) = earlier.filter(|(_, first)| *first != level) {
                return Err(PolicyError::TwoLevels { capability, first, second: level });
            }
            if level != Level::Require && capability.is_foundation() {
                return Err(PolicyError::Foundation { capability, level });
            }
            policy.levels[capability as usize] = level;
        }
        Ok(policy)
    }

    /// Returns the level at which a capability is wanted.
    pub const fn level(&self, capability: Capability) -> Level {
        self.levels[capability as usize]
    }
}

impl Level {
    /// Returns the level's word on the command line and in reports.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Contradiction among the wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Capability that is wanted at two levels.
    #[error("`{capability}` cannot be both `{first}` and `{second}`")]
    TwoLevels {
        /// Capability in question.
        capability: Capability,
        /// Level that was asked for first.
        first: Level,
        /// Level that was asked for then.
        second: Level,
    },
    /// Capability that is not required although the rest is built on it.
    #[error("`{capability}` cannot be `{level}`: the rest of the sandbox is built on it")]
    Foundation {
        /// Capability in question.
        capability: Capability,
        /// Level that was asked for.
        level: Level,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_follow_the_order_of_all() {
        for (index, capability) in Capability::ALL.into_iter().enumerate() {
            assert_eq!(capability as usize, index);
        }
    }

    #[test]
    fn walls_are_required_and_figures_preferred() {
        let policy = Policy::new(&[]).unwrap();
        assert_eq!(policy, Policy::default());
        for capability in Capability::ALL {
            let wall = !capability.is_metric() && capability != Capability::CopyOnWrite;
            let expected = if wall { Level::Require } else { Level::Prefer };
            assert_eq!(policy.level(capability), expected, "{capability}");
        }
    }

    #[test]
    fn a_wish_changes_one_level_only() {
        let policy = Policy::new(&[(Capability::Net, Level::Off)]).unwrap();
        for capability in Capability::ALL.into_iter().filter(|&capability| capability != Capability::Net) {
            assert_eq!(policy.level(capability), Policy::default().level(capability), "{capability}");
        }
        assert_eq!(policy.level(Capability::Net), Level::Off);
    }

    #[test]
    fn what_the_rest_is_built_on_stays() {
        let error = Policy::new(&[(Capability::Mount, Level::Off)]).unwrap_err();
        assert_eq!(error.to_string(), "`mount` cannot be `off`: the rest of the sandbox is built on it");
        assert!(Policy::new(&[(Capability::Mount, Level::Prefer)]).is_err());
        assert!(Policy::new(&[(Capability::Mount, Level::Require)]).is_ok());
    }

    #[test]
    fn two_levels_for_one_capability_are_a_contradiction() {
        let error = Policy::new(&[(Capability::Memory, Level::Off), (Capability::Memory, Level::Require)]);
        assert_eq!(error.unwrap_err().to_string(), "`memory` cannot be both `off` and `require`");
        assert!(Policy::new(&[(Capability::Memory, Level::Off), (Capability::Memory, Level::Off)]).is_ok());
    }
}
