//! Handles descriptors: `close_range(2)`, `recvmsg(2)`, `fsetxattr(2)`, `flistxattr(2)`, `fgetxattr(2)`, and taking over the one that was inherited.

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use std::ffi::{CStr, CString};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Marks every descriptor from `first` on close-on-exec (close_range(2) with `CLOSE_RANGE_CLOEXEC`).
///
/// # Errors
/// Errors of close_range(2).
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: CLOSE_RANGE_CLOEXEC only sets a flag; no descriptor that somebody owns is closed.
    let returned =
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    super::checked(returned).map(drop)
}

/// Takes ownership of the standard input this process was started with.
///
/// # Errors
/// `EBADF` if the standard input is not open, or was taken before.
pub(crate) fn standard_input() -> io::Result<OwnedFd> {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    if IS_TAKEN.swap(true, Ordering::Relaxed) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: F_GETFD reads a flag and demands nothing.
    let flags = unsafe { libc::fcntl(libc::STDIN_FILENO, libc::F_GETFD) };
    super::checked(flags.into())?;
    // SAFETY: the descriptor is open, a process start hands it to nobody else, and this line is reached once.
    Ok(unsafe { OwnedFd::from_raw_fd(libc::STDIN_FILENO) })
}

/// Limit on the number of descriptors received, above the longest list that is sent.
const MAX_DESCRIPTORS: usize = 16;

/// Receives with recvmsg(2): returns the number of bytes and the descriptors with them, which are closed on exec.
///
/// # Errors
/// Errors of recvmsg(2); `ENOBUFS` if there were more than 16 descriptors.
pub(crate) fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = cmsg_space!([RawFd; MAX_DESCRIPTORS]);
    let mut parts = [IoSliceMut::new(bytes)];
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let rights = message.cmsgs()?.filter_map(|message| match message {
        ControlMessageOwned::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    // SAFETY: the kernel made these descriptors for this very call, and nobody else knows their numbers.
    let owned = rights.flatten().map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect();
    Ok((message.bytes, owned))
}

/// Gives a file an attribute without a value, with fsetxattr(2).
///
/// # Errors
/// Errors of fsetxattr(2); `EOPNOTSUPP` if the file system keeps no such attributes.
pub(crate) fn set_attribute(file: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: `name` is a NUL-terminated string that outlives the call; of a value without length nothing is read.
    let returned = unsafe { libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), std::ptr::null(), 0, 0) };
    super::checked(returned.into()).map(drop)
}

/// Returns the names of a file's attributes in the order of the file system, with flistxattr(2).
///
/// # Errors
/// Errors of flistxattr(2); `EOPNOTSUPP` if the file system keeps no attributes.
pub(crate) fn attributes(file: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    // SAFETY: the kernel writes at most as many bytes as the buffer has, which lives until the call has returned.
    let list = filled(|bytes| unsafe {
        libc::flistxattr(file.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len())
    })?;
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| CString::new(name).map_err(io::Error::other)).collect()
}

/// Returns the value of a file's attribute, with fgetxattr(2).
///
/// # Errors
/// Errors of fgetxattr(2); `ENODATA` if the file has no attribute of that name.
pub(crate) fn attribute(file: BorrowedFd<'_>, name: &CStr) -> io::Result<Vec<u8>> {
    // SAFETY: `name` is a NUL-terminated string, and the kernel writes at most as many bytes as the buffer has; both
    // live until the call has returned.
    filled(|bytes| unsafe {
        libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), bytes.as_mut_ptr().cast(), bytes.len())
    })
}

/// Returns what a system call writes into a buffer as large as the kernel allows lists and values of attributes to be.
fn filled(call: impl FnOnce(&mut [u8]) -> isize) -> io::Result<Vec<u8>> {
    // XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h.
    const MAX_BYTES: usize = 64 << 10;
    let mut bytes = vec![0; MAX_BYTES];
    let length = super::checked(i64::try_from(call(&mut bytes)).map_err(io::Error::other)?)?;
    bytes.truncate(usize::try_from(length).map_err(io::Error::other)?);
    Ok(bytes)
}
