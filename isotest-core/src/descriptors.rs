//! Number of descriptors that may be open. A process that executes sandboxes, and those that make them, need more
//! than many a caller allows itself; a workload is to have what the caller has.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs;
use std::io;
use std::sync::OnceLock;

/// Limits before they were raised, the soft one and the hard one.
static CALLERS: OnceLock<(u64, u64)> = OnceLock::new();

/// Raises the soft limit of this process to the hard one, and returns how many descriptors may be open now. Workloads
/// that are started afterwards have the limit that the process had.
///
/// # Errors
/// Errors of getrlimit(2) and setrlimit(2).
pub fn raise() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        CALLERS.get_or_init(|| (soft, hard));
    }
    Ok(hard)
}

/// Counts the descriptors that are open in this process.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn open() -> io::Result<usize> {
    // One of the entries is the descriptor of this directory.
    Ok(fs::read_dir("/proc/self/fd")?.count().saturating_sub(1))
}

/// Returns the limits that a workload is to have, the soft one and the hard one, if this process has others.
pub(crate) fn callers() -> Option<(u64, u64)> {
    CALLERS.get().copied()
}
