//! Installs filters with a listener, with seccomp(2), and answers as the listener (seccomp_unotify(2)).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Gives this process and all it starts a filter, with seccomp(2), and returns the listener of calls it asks about.
///
/// # Errors
/// Errors of seccomp(2); `EBUSY` if there is a listener already.
pub(crate) fn listen(filter: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    let length = u16::try_from(filter.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let program = libc::sock_fprog { len: length, filter: filter.as_ptr().cast_mut() };
    let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: `program` names as many instructions as it says, which the kernel only reads, and outlives the call.
    let returned = unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program) };
    // SAFETY: the call has just made this descriptor.
    unsafe { super::owned(returned) }
}

/// Waits for a call that is asked about: ioctl(2) with `SECCOMP_IOCTL_NOTIF_RECV`.
///
/// # Errors
/// `ENOENT` if the process that made the call is gone; others when nobody is left to be heard of.
pub(crate) fn receive(listener: BorrowedFd<'_>) -> io::Result<libc::seccomp_notif> {
    let data = libc::seccomp_data { nr: 0, arch: 0, instruction_pointer: 0, args: [0; 6] };
    let mut call = libc::seccomp_notif { id: 0, pid: 0, flags: 0, data };
    // SAFETY: the kernel writes one `seccomp_notif`, which `call` is and has to be zero before.
    let returned =
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) };
    super::checked(returned.into()).map(|_| call)
}

/// Lets the call go on as if nobody had asked: ioctl(2) with `SECCOMP_IOCTL_NOTIF_SEND`.
///
/// # Errors
/// `ENOENT` if the process that made the call is gone.
pub(crate) fn go_on(listener: BorrowedFd<'_>, id: u64) -> io::Result<()> {
    let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(1);
    let answer = libc::seccomp_notif_resp { id, val: 0, error: 0, flags };
    // SAFETY: the kernel reads one `seccomp_notif_resp`, which `answer` is.
    let returned =
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const answer) };
    super::checked(returned.into()).map(drop)
}
