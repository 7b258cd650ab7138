//! Fences off the only `unsafe` of the workspace: one function per system call that `nix` lacks or marks unsafe, the
//! clock that several processes share, and the one wait for descriptors.
#![expect(unsafe_code, reason = "raw system calls live here and nowhere else")]

pub mod clock;
pub(crate) mod clone3;
pub(crate) mod exec;
pub(crate) mod fd;
pub(crate) mod keyring;
mod memory;
pub(crate) mod mount;
pub(crate) mod pidfd;
mod poll;
pub(crate) mod seccomp;
pub(crate) mod signal;
pub(crate) mod spawn;
pub(crate) mod terminal;
pub(crate) mod wait;

pub use poll::{is_ready, readable, wait_for};
pub use signal::ByDefault;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// Turns the return value of a raw system call into a result.
fn checked(returned: libc::c_long) -> io::Result<libc::c_long> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

/// Turns the return value of a raw system call that makes a descriptor into a result.
///
/// # Safety
/// The call has just made the descriptor for the caller, so that nobody else owns it.
unsafe fn owned(returned: libc::c_long) -> io::Result<OwnedFd> {
    let fd = checked(returned)?;
    let fd = i32::try_from(fd).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
