//! Limits of what an attempt may use. Pure.

use crate::units::{Bytes, MilliCpu};
use serde::{Deserialize, Serialize};
use std::fmt;
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// Limits of one attempt. A limit is enforced by the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Memory.
    pub memory: Option<Bytes>,
    /// Swap besides, if memory is limited; without it, none is allowed then.
    pub swap: Option<Bytes>,
    /// Number of processes and threads at once.
    pub pids: Option<u64>,
    /// Processor time that may be used at once.
    pub cpu: Option<MilliCpu>,
    /// Weight of the attempt where there is not enough processor time, from 1 to 10,000; 100 is usual.
    pub cpu_weight: Option<u32>,
    /// Size that may be read from each block device in a second, and as much that may be written.
    pub io: Option<Bytes>,
    /// Limits that hold for each process by itself.
    pub process: ProcessLimits,
}

/// Limits that a process has and hands on, without a cgroup. A workload may narrow them further, and extend `cpus`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProcessLimits {
    /// Numbers of the processors on which the process runs; none for all.
    pub cpus: Vec<usize>,
    /// Resource limits: which, the soft one, the hard one.
    pub rlimits: Vec<(Rlimit, u64, u64)>,
}

impl ProcessLimits {
    /// Returns whether there is any limit.
    pub fn any(&self) -> bool {
        !(self.cpus.is_empty() && self.rlimits.is_empty())
    }
}

/// Controller that limits, whatever the version of cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Control {
    /// Memory and swap.
    Memory,
    /// Processes and threads.
    Pids,
    /// Processor time.
    Cpu,
    /// Block I/O.
    Io,
}

impl Control {
    /// List of all controllers.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS.as_array().unwrap();

    /// Returns the controller's word in reports, by which the kernel knows it in version 2.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Limits {
    /// Returns whether there is any limit that a cgroup enforces.
    pub fn any(&self) -> bool {
        !self.controls().is_empty()
    }

    /// Returns the controllers that enforce the limits.
    pub fn controls(&self) -> Vec<Control> {
        Control::ALL.into_iter().filter(|control| self.needs(*control)).collect()
    }

    const fn needs(&self, control: Control) -> bool {
        match control {
            Control::Memory => self.memory.is_some(),
            Control::Pids => self.pids.is_some(),
            Control::Cpu => self.cpu.is_some() || self.cpu_weight.is_some(),
            Control::Io => self.io.is_some(),
        }
    }
}

/// Resource limit of setrlimit(2).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Rlimit {
    /// `RLIMIT_AS`, bytes of address space.
    As,
    /// `RLIMIT_CORE`, bytes of a core dump.
    Core,
    /// `RLIMIT_CPU`, seconds of processor time.
    Cpu,
    /// `RLIMIT_DATA`, bytes of data.
    Data,
    /// `RLIMIT_FSIZE`, bytes of a file.
    Fsize,
    /// `RLIMIT_MEMLOCK`, bytes of locked memory.
    Memlock,
    /// `RLIMIT_MSGQUEUE`, bytes of message queues.
    Msgqueue,
    /// `RLIMIT_NICE`, the ceiling of 20 minus the nice value.
    Nice,
    /// `RLIMIT_NOFILE`, one more than the highest descriptor.
    Nofile,
    /// `RLIMIT_NPROC`, processes of the user.
    Nproc,
    /// `RLIMIT_RTPRIO`, the ceiling of the real-time priority.
    Rtprio,
    /// `RLIMIT_RTTIME`, microseconds of real-time scheduling.
    Rttime,
    /// `RLIMIT_SIGPENDING`, queued signals.
    Sigpending,
    /// `RLIMIT_STACK`, bytes of stack.
    Stack,
}

impl Rlimit {
    /// List of all resource limits.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS.as_array().unwrap();

    /// Returns the limit's name, as in limits.conf(5) and prlimit(1).
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for Rlimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_limited_needs_a_controller() {
        assert!(!Limits::default().any());
        let process = ProcessLimits { cpus: Vec::new(), rlimits: vec![(Rlimit::Nofile, 64, 64)] };
        assert!(process.any() && !ProcessLimits::default().any());
        assert!(!Limits { process, ..Limits::default() }.any());
        let limits = Limits { cpu_weight: Some(1), io: Some(Bytes::new(1)), ..Limits::default() };
        assert_eq!(limits.controls(), [Control::Cpu, Control::Io]);
    }
}
