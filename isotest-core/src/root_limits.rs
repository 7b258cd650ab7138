//! Limits that the capabilities of root lift (getrlimit(2)). In a user namespace of its own a workload has capabilities that do not.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;
use std::io;

/// Limits that root's capabilities lift, and for each the value at which it limits nothing: locked memory
/// (`CAP_IPC_LOCK`), the nice value and the real-time priority (`CAP_SYS_NICE`).
const LIFTED: [(Resource, u64); 3] = [
    (Resource::RLIMIT_MEMLOCK, RLIM_INFINITY),
    // 20 minus the lowest nice value.
    (Resource::RLIMIT_NICE, 40),
    (Resource::RLIMIT_RTPRIO, 99),
];

/// Returns how many bytes a workload of root may lock, if root itself may lock more: its limit was not [lifted](lift).
pub fn locked_memory() -> Option<u64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_MEMLOCK).ok()?;
    (geteuid().is_root() && soft != RLIM_INFINITY).then_some(soft)
}

/// Lifts the limits of this process, if it is root's, that do not limit root. Workloads that are started afterwards have them so.
///
/// # Errors
/// Errors of getrlimit(2) and setrlimit(2). Root that may not raise them is no error: they hold for it, too.
pub fn lift() -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    for (limit, unlimited) in LIFTED {
        let (soft, hard) = getrlimit(limit)?;
        match setrlimit(limit, soft.max(unlimited), hard.max(unlimited)) {
            Ok(()) | Err(nix::errno::Errno::EPERM) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
