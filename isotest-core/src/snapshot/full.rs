//! Reads what a full snapshot has besides the tree.

use super::descriptors::{self, Sockets};
use super::files::{Bytes, MAX_STRINGS, beginning};
use super::omissions::Omissions;
use super::{Capabilities, Details, Limit, Mount, MountNamespace, Process, Thread, Wait, WaitsFor, waits};
use crate::host::probe::unescaped;
use procfs::ProcResult;
use procfs::process::{self, LimitValue, Limits, MountInfo, MountInfos, Status};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Maximum number of descriptors of one poll(2) that are told.
const MAX_POLLED: usize = 32;

/// Number of bytes that are read of the mounts of one namespace.
const MAX_MOUNTS: usize = 256 << 10;

/// Facts that processes share, which are looked at once.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    sockets: BTreeMap<u64, Sockets>,
    mounts: BTreeMap<u64, Vec<Mount>>,
}

impl Surroundings {
    /// Adds facts that are known only when all processes have been seen, and returns the mounts.
    pub(super) fn finish(self, processes: &mut [Process]) -> Vec<MountNamespace> {
        let tables: Vec<_> = self.sockets.into_values().collect();
        descriptors::find_peers(processes, &tables);
        let mounts = self.mounts.into_iter();
        mounts.map(|(namespace, mounts)| MountNamespace { namespace, mounts }).collect()
    }
}

/// Reads everything of a process but its threads, and estimates the number of bytes of that as text.
pub(super) fn details(
    seen: &process::Process,
    status: &Status,
    surroundings: &mut Surroundings,
    omissions: &mut Omissions,
) -> (Details, usize) {
    let mut bytes = 0;
    let namespaces = omissions.seen("ns", namespaces(seen));
    let number = |kind| namespaces.as_ref().and_then(|all: &BTreeMap<String, u64>| all.get(kind).copied());
    let mut tables = None;
    if let Some(network) = number("net") {
        let known = surroundings.sockets.entry(network);
        tables = Some(&*known.or_insert_with(|| Sockets::seen_by(seen, omissions)));
    }
    if let Some(mount) = number("mnt") {
        surroundings.mounts.entry(mount).or_insert_with(|| {
            let lines = beginning(seen, "mountinfo", (MAX_MOUNTS, b'\n'), omissions);
            bytes += lines.as_ref().map_or(0, Bytes::len);
            mounts(lines, omissions)
        });
    }
    let details = Details {
        exe: omissions.seen("exe", seen.exe()),
        cwd: omissions.seen("cwd", seen.cwd()),
        environ: beginning(seen, "environ", (MAX_STRINGS, 0), omissions).map(|variables| {
            bytes += variables.len();
            let variables = variables.strings().into_iter();
            let pair = |variable: String| {
                variable.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
            };
            variables.filter_map(pair).collect()
        }),
        descriptors: descriptors::list(seen, tables, omissions),
        limits: omissions.seen("limits", seen.limits()).as_ref().map(limits),
        capabilities: Some(capabilities(status)),
        namespaces,
    };
    let descriptors = details.descriptors.iter().flatten();
    bytes += descriptors.map(descriptors::bytes).sum::<usize>();
    (details, bytes)
}

fn namespaces(seen: &process::Process) -> ProcResult<BTreeMap<String, u64>> {
    let all = seen.namespaces()?.0.into_values();
    Ok(all.map(|one| (one.ns_type.to_string_lossy().into_owned(), one.identifier)).collect())
}

fn mounts(lines: Option<Bytes>, omissions: &mut Omissions) -> Vec<Mount> {
    let infos = lines.and_then(|lines| omissions.seen("mountinfo", lines.parsed::<MountInfos>()));
    infos.map(|MountInfos(infos)| infos.into_iter().map(mount).collect()).unwrap_or_default()
}

fn mount(info: MountInfo) -> Mount {
    let plain = |word: String| unescaped(Path::new(&word)).to_string_lossy().into_owned();
    Mount {
        path: unescaped(&info.mount_point),
        root: plain(info.root),
        file_system: info.fs_type,
        source: info.mount_source.map(plain),
        options: options(info.mount_options),
        file_system_options: options(info.super_options),
    }
}

fn options(options: impl IntoIterator<Item = (String, Option<String>)>) -> Vec<String> {
    let texts = options.into_iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => name,
    });
    let mut texts: Vec<_> = texts.collect();
    texts.sort_unstable();
    texts
}

fn limits(limits: &Limits) -> BTreeMap<&'static str, Limit> {
    let value = |value| match value {
        LimitValue::Unlimited => None,
        LimitValue::Value(value) => Some(value),
    };
    [
        ("cpu", limits.max_cpu_time),
        ("fsize", limits.max_file_size),
        ("data", limits.max_data_size),
        ("stack", limits.max_stack_size),
        ("core", limits.max_core_file_size),
        ("rss", limits.max_resident_set),
        ("nproc", limits.max_processes),
        ("nofile", limits.max_open_files),
        ("memlock", limits.max_locked_memory),
        ("as", limits.max_address_space),
        ("locks", limits.max_file_locks),
        ("sigpending", limits.max_pending_signals),
        ("msgqueue", limits.max_msgqueue_size),
        ("nice", limits.max_nice_priority),
        ("rtprio", limits.max_realtime_priority),
        ("rttime", limits.max_realtime_timeout),
    ]
    .into_iter()
    .map(|(name, limit)| (name, Limit { soft: value(limit.soft_limit), hard: value(limit.hard_limit) }))
    .collect()
}

fn capabilities(status: &Status) -> Capabilities {
    let mask = |bits: u64| format!("{bits:016x}");
    Capabilities {
        effective: mask(status.capeff),
        permitted: mask(status.capprm),
        inheritable: mask(status.capinh),
        bounding: status.capbnd.map(mask),
        ambient: status.capamb.map(mask),
    }
}

/// Reads where in the kernel a thread is.
pub(super) fn wait(seen: &process::Process, omissions: &mut Omissions) -> Wait {
    let channel = omissions.seen("wchan", seen.wchan());
    let call = omissions.seen("syscall", seen.syscall()).and_then(waits::system_call);
    let mut waits_for = call.as_ref().and_then(waits::waits_for);
    if let (Some(WaitsFor::Descriptors { descriptors }), Some((address, count))) =
        (&mut waits_for, call.as_ref().and_then(waits::polled))
    {
        *descriptors = omissions.seen("mem", polled(seen, address, count)).unwrap_or_default();
    }
    Wait {
        // The kernel shows 0 for a thread that computes, and to readers without permission.
        channel: channel.filter(|name| name != "0"),
        system_call: call,
        waits_for,
        stack: omissions.seen("stack", seen.read::<_, Bytes>("stack")).map(|stack| stack.lines()),
    }
}

fn polled(seen: &process::Process, address: u64, count: usize) -> ProcResult<Vec<i32>> {
    let mut array = vec![0; count.min(MAX_POLLED) * 8];
    seen.mem()?.read_exact_at(&mut array, address)?;
    Ok(waits::descriptors_in(&array))
}

/// Keeps, of the threads whose end seems to be waited for, those that are there.
pub(super) fn name_awaited_threads(threads: &mut [Thread]) {
    let known: Vec<_> = threads.iter().filter_map(|thread| thread.inside).collect();
    for wait in threads.iter_mut().filter_map(|thread| thread.wait.as_mut()) {
        if let Some(WaitsFor::Futex { ends, .. }) = &mut wait.waits_for {
            *ends = ends.filter(|tid| known.contains(tid));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_named_as_they_are() -> ProcResult<()> {
        let line = r"36 35 98:0 /r\040t /a\040b\134 rw,noatime - ext4 /dev/d\011k rw";
        let mount = mount(MountInfo::from_line(line)?);
        assert_eq!((mount.path.as_path(), mount.root.as_str()), (Path::new(r"/a b\"), "/r t"));
        assert_eq!(mount.source.as_deref(), Some("/dev/d\tk"));
        Ok(())
    }
}
