//! Maps memory with mmap(2).

use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use std::ffi::c_void;
use std::io;
use std::num::NonZero;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

/// Maps the beginning of a file into the memory of this process, to be written, and shared with all who map it so.
///
/// # Errors
/// Errors of mmap(2).
pub(super) fn map_shared(file: BorrowedFd<'_>, length: NonZero<usize>) -> io::Result<NonNull<c_void>> {
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: without an address of the caller's the kernel covers nothing that is there already.
    Ok(unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, file, 0) }?)
}
