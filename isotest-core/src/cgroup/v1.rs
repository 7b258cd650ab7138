//! Cgroups of version 1: a hierarchy for each controller, entered by `tasks`.

use super::attempt_files::AttemptFiles;
use super::interface::Interface;
use super::parse;
use super::setting::{PERIOD_US, Setting, required};
use crate::limits::{Control, Limits};
use crate::policy::Capability;
use crate::units::Bytes;
use crate::usage::{Cpu, Oom, Reading, Source, Usage};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Controllers that each metric needs. `blkio` does not count what is written back later, which is nearly all that is
/// written, and on recent kernels nothing at all unless something is throttled; init's accounts do.
pub(super) const CONTROLLERS: [(Capability, &str); 3] =
    [(Capability::Memory, "memory"), (Capability::Pids, "pids"), (Capability::Cpu, "cpuacct")];

/// Number of bytes by which the limit of memory and swap together may exceed that of memory alone. That sum is
/// charged first, and its refusals are not counted by every kernel: with room for the largest allocation that may end
/// in a kill, it is the limit of memory that refuses.
const MIN_SWAP: Bytes = Bytes::kib(64);

/// Files of version 1.
#[derive(Debug)]
pub(super) struct Files;

impl Interface for Files {
    fn entrance(&self) -> &'static str {
        "tasks"
    }

    fn takes_births(&self) -> bool {
        false
    }

    fn hands_on(&self) -> bool {
        false
    }

    fn controller(&self, control: Control) -> &'static str {
        match control {
            Control::Io => "blkio",
            other => other.as_str(),
        }
    }

    fn settings(&self, limits: &Limits, control: Control, devices: &[String]) -> Vec<Setting> {
        match control {
            Control::Memory => memory(limits),
            Control::Pids => limits.pids.map(|pids| required("pids.max", pids)).into_iter().collect(),
            Control::Cpu => cpu(limits),
            Control::Io => limits
                .io
                .map_or_else(Vec::new, |each| devices.iter().flat_map(|device| io(each, device)).collect()),
        }
    }

    fn read(&self, metric: Capability, files: AttemptFiles<'_>, limits: &Limits, usage: &mut Usage) {
        match metric {
            Capability::Memory => read_memory(files, limits, usage),
            Capability::Cpu => usage.cpu = read_cpu(files),
            Capability::Pids => {
                usage.pids_peak = files.number(Source::PidsPeak);
                usage.pids_refused = limits.pids.and_then(|_| events(files, "pids.events", "max"));
            }
            // No other capability is measured by this hierarchy.
            _ => {}
        }
    }

    fn memory_now(&self) -> &'static str {
        "memory.usage_in_bytes"
    }

    fn witness(&self, metric: Capability) -> &'static str {
        match metric {
            Capability::Memory => "memory.stat",
            Capability::Pids => "pids.current",
            _ => "cpuacct.usage",
        }
    }
}

/// Returns the cgroups directly below the own one that somebody has given to this user.
pub(super) fn handed_over(own: &Path, uid: u32) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(own).into_iter().flatten().flatten();
    let is_given = move |meta: fs::Metadata| uid != 0 && meta.is_dir() && meta.uid() == uid;
    entries.filter(move |entry| entry.metadata().is_ok_and(is_given)).map(|entry| entry.path())
}

/// Returns the settings of memory. The files of swap are absent where the kernel does not account for it.
fn memory(limits: &Limits) -> Vec<Setting> {
    let Some(memory) = limits.memory else { return Vec::new() };
    // Memory plus swap; the kernel refuses a value below that of memory alone.
    let both = memory.saturating_add(limits.swap.unwrap_or_default().max(MIN_SWAP)).get();
    let swap = Setting { optional: limits.swap.is_none(), ..required("memory.memsw.limit_in_bytes", both) };
    vec![required("memory.limit_in_bytes", memory.get()), swap]
}

/// Returns the settings of processor time. A weight of 100 is 1024 shares (`sched_weight_from_cgroup` of the kernel).
fn cpu(limits: &Limits) -> Vec<Setting> {
    let quota = limits.cpu.map(|cpu| u64::from(cpu.get()) * PERIOD_US / 1000);
    let shares = limits.cpu_weight.map(|weight| (u64::from(weight) * 1024 + 50) / 100);
    let settings = [
        quota.map(|_| required("cpu.cfs_period_us", PERIOD_US)),
        quota.map(|quota| required("cpu.cfs_quota_us", quota)),
        // The kernel's minimum is 2.
        shares.map(|shares| required("cpu.shares", shares.max(2))),
    ];
    settings.into_iter().flatten().collect()
}

fn io(each: Bytes, device: &str) -> [Setting; 2] {
    ["blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"]
        .map(|file| Setting { innermost: true, ..required(file, format!("{device} {}", each.get())) })
}

fn read_memory(files: AttemptFiles<'_>, limits: &Limits, usage: &mut Usage) {
    usage.memory_peak = files.size(Source::MemoryMaxUsage);
    if let Some(stat) = files.text("memory.stat") {
        usage.faults_most = files.faults_most(&stat, "total_pgfault");
        let split = parse::memory_split_v1(&stat, files.value("memory.kmem.usage_in_bytes").map(Bytes::new));
        usage.memory_split = split.map(|value| Reading { value, source: Source::MemoryStat });
    }
    usage.oom = events(files, "memory.oom_control", "oom_kill").map(|kills| {
        // A kill is the attempt's own doing only if its own limit was hit; the machine may have been short.
        let hits = |text: Option<String>| text.and_then(|text| text.trim().parse().ok()).unwrap_or(0_u64);
        let is_hit =
            || hits(files.text("memory.failcnt")) > 0 || hits(files.innermost_text("memory.failcnt")) > 0;
        let own_limit = kills > 0 && limits.memory.is_some() && is_hit();
        Reading { value: Oom { kills, own_limit }, source: Source::MemoryOomControl }
    });
}

/// Reads a count of events, each of which is counted only in the directory of the process that it happened to.
fn events(files: AttemptFiles<'_>, file: &str, key: &str) -> Option<u64> {
    let outer = parse::keyed(&files.text(file)?, key)?;
    match files.inner {
        Some(_) => Some(outer + parse::keyed(&files.innermost_text(file)?, key)?),
        None => Some(outer),
    }
}

fn read_cpu(files: AttemptFiles<'_>) -> Option<Reading<Cpu>> {
    let time = |file| files.value(file).map(Duration::from_nanos);
    let value = Cpu { user: time("cpuacct.usage_user")?, system: time("cpuacct.usage_sys")? };
    Some(Reading { value, source: Source::CpuAcct })
}
