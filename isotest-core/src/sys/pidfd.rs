//! `pidfd_open(2)`: a process that cannot be taken for another one.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// The process with this id.
///
/// # Errors
/// Those of pidfd_open(2); `ESRCH` if there is none.
pub(crate) fn open(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two plain numbers.
    let returned = super::checked(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = i32::try_from(returned).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: the kernel just returned this descriptor to us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
