//! Limits as the files and texts that set them. Pure.

use crate::limits::{Control, Limits};
use std::fmt;

/// A file and what is written into it. An optional file is one that not every kernel has. What holds only for the
/// processes of the very directory is set where they live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) file: &'static str,
    pub(crate) value: String,
    pub(crate) optional: bool,
    pub(crate) innermost: bool,
}

/// Memory and swap together may be this much more than memory alone. That sum is charged first, and its refusals are
/// not counted by every kernel: with room for the largest allocation that may end in a kill, it is the limit of memory
/// that refuses.
const SWAP_BYTES: u64 = 64 << 10;

/// In so many microseconds a limit of processor time is measured out; the kernel's own default.
const PERIOD_US: u64 = 100_000;

/// What to write, in order, into a directory of a hierarchy that has `control`. `devices` are the numbers of the block
/// devices.
pub(crate) fn settings(limits: &Limits, control: Control, unified: bool, devices: &[String]) -> Vec<Setting> {
    match control {
        Control::Memory => memory(limits, unified),
        Control::Pids => limits.pids.map(|pids| required("pids.max", pids)).into_iter().collect(),
        Control::Cpu => cpu(limits, unified),
        Control::Io => limits.io.map_or_else(Vec::new, |bytes| {
            devices.iter().flat_map(|device| io(bytes, device, unified)).collect()
        }),
    }
}

fn required(file: &'static str, value: impl fmt::Display) -> Setting {
    Setting { file, value: value.to_string(), optional: false, innermost: false }
}

/// The files of swap are absent where the kernel does not account for it.
fn memory(limits: &Limits, unified: bool) -> Vec<Setting> {
    let Some(bytes) = limits.memory else { return Vec::new() };
    let swap = |file, value: u64| Setting { optional: limits.swap.is_none(), ..required(file, value) };
    if unified {
        // With swap the limit would be no limit.
        let group = Setting { optional: true, ..required("memory.oom.group", 1) };
        return vec![required("memory.max", bytes), swap("memory.swap.max", limits.swap.unwrap_or(0)), group];
    }
    // Memory and swap together; may not be below the former.
    let both = bytes.saturating_add(limits.swap.unwrap_or(0).max(SWAP_BYTES));
    vec![required("memory.limit_in_bytes", bytes), swap("memory.memsw.limit_in_bytes", both)]
}

/// A weight of 100 is 1024 shares (`sched_weight_from_cgroup` of the kernel).
fn cpu(limits: &Limits, unified: bool) -> Vec<Setting> {
    let quota = limits.cpu.map(|thousandths| u64::from(thousandths) * PERIOD_US / 1000);
    let shares = limits.cpu_weight.map(|weight| (u64::from(weight) * 1024 + 50) / 100);
    let settings = if unified {
        [
            quota.map(|quota| required("cpu.max", format!("{quota} {PERIOD_US}"))),
            limits.cpu_weight.map(|weight| required("cpu.weight", weight)),
            None,
        ]
    } else {
        [
            quota.map(|_| required("cpu.cfs_period_us", PERIOD_US)),
            quota.map(|quota| required("cpu.cfs_quota_us", quota)),
            // The kernel takes no fewer than two.
            shares.map(|shares| required("cpu.shares", shares.max(2))),
        ]
    };
    settings.into_iter().flatten().collect()
}

fn io(bytes: u64, device: &str, unified: bool) -> Vec<Setting> {
    if unified {
        return vec![required("io.max", format!("{device} rbps={bytes} wbps={bytes}"))];
    }
    ["blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"]
        .map(|file| Setting { innermost: true, ..required(file, format!("{device} {bytes}")) })
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(limits: &Limits, control: Control, unified: bool) -> Vec<(&'static str, String)> {
        settings(limits, control, unified, &["8:0".to_owned(), "8:16".to_owned()])
            .into_iter()
            .map(|setting| (setting.file, setting.value))
            .collect()
    }

    fn texts<const N: usize>(expected: [(&'static str, &str); N]) -> Vec<(&'static str, String)> {
        expected.map(|(file, text)| (file, text.to_owned())).to_vec()
    }

    #[test]
    fn a_memory_limit_forbids_swap() {
        let limits = Limits { memory: Some(4096), ..Limits::default() };
        let expected = [("memory.max", "4096"), ("memory.swap.max", "0"), ("memory.oom.group", "1")];
        assert_eq!(files(&limits, Control::Memory, true), texts(expected));
        let expected = [("memory.limit_in_bytes", "4096"), ("memory.memsw.limit_in_bytes", "69632")];
        assert_eq!(files(&limits, Control::Memory, false), texts(expected));
    }

    #[test]
    fn swap_that_is_limited_must_be_accounted_for() {
        let limits = Limits { memory: Some(4096), swap: Some(1 << 20), ..Limits::default() };
        let expected = [("memory.limit_in_bytes", "4096"), ("memory.memsw.limit_in_bytes", "1052672")];
        assert_eq!(files(&limits, Control::Memory, false), texts(expected));
        assert_eq!(files(&limits, Control::Memory, true)[1], ("memory.swap.max", "1048576".to_owned()));
        assert!(
            settings(&limits, Control::Memory, true, &[])
                .iter()
                .all(|one| one.optional == (one.file == "memory.oom.group"))
        );
    }

    #[test]
    fn processor_time_is_a_part_of_a_period_and_a_weight_becomes_shares() {
        let limits = Limits { cpu: Some(1500), cpu_weight: Some(100), ..Limits::default() };
        let expected = [("cpu.max", "150000 100000"), ("cpu.weight", "100")];
        assert_eq!(files(&limits, Control::Cpu, true), texts(expected));
        let expected =
            [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "150000"), ("cpu.shares", "1024")];
        assert_eq!(files(&limits, Control::Cpu, false), texts(expected));
        let shares = |weight| {
            let limits = Limits { cpu_weight: Some(weight), ..Limits::default() };
            files(&limits, Control::Cpu, false).remove(0).1
        };
        assert_eq!([shares(1), shares(300), shares(10_000)], ["10", "3072", "102400"]);
    }

    #[test]
    fn block_io_is_limited_for_each_device() {
        let limits = Limits { io: Some(1000), ..Limits::default() };
        let expected = [("io.max", "8:0 rbps=1000 wbps=1000"), ("io.max", "8:16 rbps=1000 wbps=1000")];
        assert_eq!(files(&limits, Control::Io, true), texts(expected));
        assert_eq!(files(&limits, Control::Io, false).len(), 4);
        assert_eq!(
            files(&limits, Control::Io, false)[0],
            ("blkio.throttle.read_bps_device", "8:0 1000".to_owned())
        );
    }

    #[test]
    fn only_what_is_limited_is_written() {
        let limits = Limits { pids: Some(7), ..Limits::default() };
        assert_eq!(files(&limits, Control::Pids, false), texts([("pids.max", "7")]));
        for control in Control::ALL {
            assert_eq!(files(&Limits::default(), control, true), []);
        }
    }
}
