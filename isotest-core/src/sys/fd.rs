//! Descriptors: `close_range(2)`, `fsetxattr(2)`, and taking over a number that was inherited.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Marks every descriptor from `first` on close-on-exec (close_range(2) with `CLOSE_RANGE_CLOEXEC`).
///
/// # Errors
/// Those of close_range(2).
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: CLOSE_RANGE_CLOEXEC only sets a flag; no descriptor that somebody owns is closed.
    let returned =
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    super::checked(returned).map(drop)
}

/// Takes ownership of a descriptor this process was started with.
///
/// # Errors
/// `EBADF` if it is not open.
pub(crate) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD reads a flag and demands nothing.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    super::checked(flags.into())?;
    // SAFETY: the descriptor is open, and a process start hands its descriptors to nobody else; the one caller
    // asks once for the number its parent told it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Takes ownership of a descriptor that recvmsg(2) has just put into this process.
pub(crate) fn received(number: RawFd) -> OwnedFd {
    // SAFETY: the kernel made this descriptor for the one who called recvmsg, and nobody else knows its number.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// fsetxattr(2): gives a file an attribute without a value.
///
/// # Errors
/// Those of fsetxattr(2); `EOPNOTSUPP` if the file system keeps no such attributes.
pub(crate) fn set_attribute(file: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: `name` is a NUL-terminated string that outlives the call; of a value without length nothing is read.
    let returned = unsafe { libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), std::ptr::null(), 0, 0) };
    super::checked(returned.into()).map(drop)
}
