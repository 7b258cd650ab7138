//! mmap(2).

use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use std::ffi::c_void;
use std::io;
use std::num::NonZero;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

/// The beginning of a file in the memory of this process, written to and shared with everybody else who has it so.
///
/// # Errors
/// Those of mmap(2).
pub(super) fn map_shared(file: BorrowedFd<'_>, length: NonZero<usize>) -> io::Result<NonNull<c_void>> {
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: without an address of the caller's the kernel covers nothing that is there already.
    Ok(unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, file, 0) }?)
}
