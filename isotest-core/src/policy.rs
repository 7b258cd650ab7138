//! What the user wants of every sandbox: for each capability `require`, `prefer` or `off`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something a sandbox can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Capability {
    /// A user namespace.
    User,
    /// A process id namespace.
    Pid,
    /// A mount namespace.
    Mount,
    /// A network namespace.
    Net,
    /// A System V and POSIX IPC namespace.
    Ipc,
    /// A host name of its own.
    Uts,
    /// A cgroup namespace.
    Cgroup,
    /// The tmpfs-backed root.
    Rootfs,
    /// Copy-on-write views of workspace, target directory and home.
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
    /// What the directories hold that are thrown away.
    Disk,
}

impl Capability {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 15] = [
        Self::User,
        Self::Pid,
        Self::Mount,
        Self::Net,
        Self::Ipc,
        Self::Uts,
        Self::Cgroup,
        Self::Rootfs,
        Self::CopyOnWrite,
        Self::Memory,
        Self::Cpu,
        Self::Pids,
        Self::Io,
        Self::Pressure,
        Self::Disk,
    ];

    /// Its word on the command line and in reports, and what kind it is of.
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

    /// Its word on the command line and in reports.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Whether it is a figure rather than a wall.
    pub const fn is_metric(self) -> bool {
        matches!(self.row().1, Kind::Metric)
    }

    /// Whether the other capabilities are built on it.
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

/// What kind a capability is of.
enum Kind {
    /// The rest of the sandbox is built on it.
    Foundation,
    /// It keeps tests apart.
    Wall,
    /// It lets a test write where others see nothing of it.
    Views,
    /// It is a figure.
    Metric,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a capability is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Without it the run does not start.
    Require,
    /// Without it the run goes on and says so.
    Prefer,
    /// It is not wanted.
    Off,
}

/// What holds of a capability in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Every attempt has it.
    InForce,
    /// It was preferred and could not be had, for this reason.
    Missing(String),
    /// It was switched off.
    Off,
}

/// The isolation line as data: what is in force for each capability, in the order of [`Capability::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Isolation {
    /// One state for each capability.
    pub states: Vec<(Capability, State)>,
    /// The cgroup layout in use: `v1`, `v2` or `hybrid`; `None` without cgroups.
    pub cgroup_layout: Option<&'static str>,
    /// Anything else a reader of the report must know, such as directories that are read-only.
    pub remarks: Vec<String>,
}

/// A level for each capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// In the order of [`Capability::ALL`].
    levels: [Level; Capability::ALL.len()],
}

impl Default for Policy {
    /// Walls are required, figures and the copy-on-write views preferred.
    fn default() -> Self {
        Self { levels: Capability::ALL.map(Capability::default_level) }
    }
}

impl Policy {
    /// The default policy with what was asked for laid over it.
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

    /// How much it is wanted.
    pub const fn level(&self, capability: Capability) -> Level {
        self.levels[capability as usize]
    }
}

impl Level {
    /// Its word on the command line and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::Prefer => "prefer",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The wishes contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// One capability at two levels.
    #[error("`{capability}` cannot be both `{first}` and `{second}`")]
    TwoLevels {
        /// The capability.
        capability: Capability,
        /// What was said first.
        first: Level,
        /// What was said then.
        second: Level,
    },
    /// What the rest is built on cannot be done without.
    #[error("`{capability}` cannot be `{level}`: the rest of the sandbox is built on it")]
    Foundation {
        /// The capability.
        capability: Capability,
        /// What was said.
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
