//! `pidfd_open(2)`: a process that cannot be taken for another one.

use std::io;
use std::os::fd::OwnedFd;

/// The process with this id.
///
/// # Errors
/// Those of pidfd_open(2); `ESRCH` if there is none.
pub(crate) fn open(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two plain numbers.
    let returned = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    // SAFETY: the call has just made this descriptor.
    unsafe { super::owned(returned) }
}
