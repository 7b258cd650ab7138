//! `pidfd_open(2)`: a process that cannot be taken for another one.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

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

/// pidfd_send_signal(2).
///
/// # Errors
/// Those of pidfd_send_signal(2); `ESRCH` if it has ended.
pub(crate) fn send(process: BorrowedFd<'_>, signal: libc::c_int) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: without a siginfo the kernel makes one; the others are plain numbers.
    let returned =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, none, 0) };
    super::checked(returned).map(drop)
}
