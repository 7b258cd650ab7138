//! Versions of cgroups, behind one interface.

use super::interface::Interface;
use super::setting::Setting;
use super::{v1, v2};
use crate::host::CgroupMount;
use crate::limits::{Control, Limits};

/// Version of cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Version 1: a hierarchy for each controller.
    V1,
    /// Version 2: one hierarchy for all controllers.
    V2,
}

impl Version {
    /// Returns the version of what is mounted.
    pub const fn from_mount(mount: &CgroupMount) -> Self {
        if mount.unified { Self::V2 } else { Self::V1 }
    }

    pub(super) fn interface(self) -> &'static dyn Interface {
        match self {
            Self::V1 => &v1::Files,
            Self::V2 => &v2::Files,
        }
    }

    /// Returns the name of the file by which a process enters a directory.
    pub(crate) fn entrance(self) -> &'static str {
        self.interface().entrance()
    }

    /// Returns the kernel's name of a controller.
    pub(crate) fn controller(self, control: Control) -> &'static str {
        self.interface().controller(control)
    }

    /// Returns whether a directory hands controllers on to those in it, and may then hold no process.
    pub(crate) fn hands_on(self) -> bool {
        self.interface().hands_on()
    }

    /// Returns the settings to write, in order, into a directory of a hierarchy that has `control`. `devices` are the
    /// numbers of the block devices.
    pub(crate) fn settings(self, limits: &Limits, control: Control, devices: &[String]) -> Vec<Setting> {
        self.interface().settings(limits, control, devices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bytes, MilliCpu};

    fn files(limits: &Limits, control: Control, version: Version) -> Vec<(&'static str, String)> {
        version
            .settings(limits, control, &["8:0".to_owned(), "8:16".to_owned()])
            .into_iter()
            .map(|setting| (setting.file, setting.value))
            .collect()
    }

    fn texts<const N: usize>(expected: [(&'static str, &str); N]) -> Vec<(&'static str, String)> {
        expected.map(|(file, text)| (file, text.to_owned())).to_vec()
    }

    #[test]
    fn a_memory_limit_forbids_swap() {
        let limits = Limits { memory: Some(Bytes::new(4096)), ..Limits::default() };
        let expected = [("memory.max", "4096"), ("memory.swap.max", "0"), ("memory.oom.group", "1")];
        assert_eq!(files(&limits, Control::Memory, Version::V2), texts(expected));
        let expected = [("memory.limit_in_bytes", "4096"), ("memory.memsw.limit_in_bytes", "69632")];
        assert_eq!(files(&limits, Control::Memory, Version::V1), texts(expected));
    }

    #[test]
    fn swap_that_is_limited_must_be_accounted_for() {
        let limits =
            Limits { memory: Some(Bytes::new(4096)), swap: Some(Bytes::mib(1)), ..Limits::default() };
        let expected = [("memory.limit_in_bytes", "4096"), ("memory.memsw.limit_in_bytes", "1052672")];
        assert_eq!(files(&limits, Control::Memory, Version::V1), texts(expected));
        assert_eq!(
            files(&limits, Control::Memory, Version::V2)[1],
            ("memory.swap.max", "1048576".to_owned())
        );
        assert!(
            Version::V2
                .settings(&limits, Control::Memory, &[])
                .iter()
                .all(|one| one.optional == (one.file == "memory.oom.group"))
        );
    }

    #[test]
    fn processor_time_is_a_part_of_a_period_and_a_weight_becomes_shares() {
        let limits = Limits { cpu: Some(MilliCpu::new(1500)), cpu_weight: Some(100), ..Limits::default() };
        let expected = [("cpu.max", "150000 100000"), ("cpu.weight", "100")];
        assert_eq!(files(&limits, Control::Cpu, Version::V2), texts(expected));
        let expected =
            [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "150000"), ("cpu.shares", "1024")];
        assert_eq!(files(&limits, Control::Cpu, Version::V1), texts(expected));
        let shares = |weight| {
            let limits = Limits { cpu_weight: Some(weight), ..Limits::default() };
            files(&limits, Control::Cpu, Version::V1).remove(0).1
        };
        assert_eq!([shares(1), shares(300), shares(10_000)], ["10", "3072", "102400"]);
    }

    #[test]
    fn block_io_is_limited_for_each_device() {
        let limits = Limits { io: Some(Bytes::new(1000)), ..Limits::default() };
        let expected = [("io.max", "8:0 rbps=1000 wbps=1000"), ("io.max", "8:16 rbps=1000 wbps=1000")];
        assert_eq!(files(&limits, Control::Io, Version::V2), texts(expected));
        assert_eq!(files(&limits, Control::Io, Version::V1).len(), 4);
        assert_eq!(
            files(&limits, Control::Io, Version::V1)[0],
            ("blkio.throttle.read_bps_device", "8:0 1000".to_owned())
        );
    }

    #[test]
    fn only_what_is_limited_is_written() {
        let limits = Limits { pids: Some(7), ..Limits::default() };
        assert_eq!(files(&limits, Control::Pids, Version::V1), texts([("pids.max", "7")]));
        for control in Control::ALL {
            assert_eq!(files(&Limits::default(), control, Version::V2), []);
        }
    }
}
