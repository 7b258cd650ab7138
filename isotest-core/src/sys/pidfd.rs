//! Opens descriptors of processes, which cannot be taken for other processes: `pidfd_open(2)`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Opens the process with this id, with pidfd_open(2).
///
/// # Errors
/// Errors of pidfd_open(2); `ESRCH` if there is no such process.
pub(crate) fn open(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two plain numbers.
    let returned = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    // SAFETY: the call has just made this descriptor.
    unsafe { super::owned(returned) }
}

/// Sends a signal to a process, with pidfd_send_signal(2).
///
/// # Errors
/// Errors of pidfd_send_signal(2); `ESRCH` if the process has ended.
pub(crate) fn send(process: BorrowedFd<'_>, signal: libc::c_int) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: without a siginfo the kernel makes one; the others are plain numbers.
    let returned =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, none, 0) };
    super::checked(returned).map(drop)
}
