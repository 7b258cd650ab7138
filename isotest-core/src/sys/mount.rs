//! Calls the mount calls on descriptors: `open_tree(2)`, `move_mount(2)`, `mount_setattr(2)`, `fsopen(2)`,
//! `fsconfig(2)`, `fsmount(2)`.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

/// Bits `MOUNT_ATTR_*`.
pub(crate) mod attr {
    pub(crate) use libc::MOUNT_ATTR_NODEV as NODEV;
    pub(crate) use libc::MOUNT_ATTR_NOEXEC as NOEXEC;
    pub(crate) use libc::MOUNT_ATTR_NOSUID as NOSUID;
    pub(crate) use libc::MOUNT_ATTR_RDONLY as RDONLY;
}

/// Copies the mount at `path`, detached, with all below it if `recursive`: open_tree(2) with `OPEN_TREE_CLONE`.
///
/// # Errors
/// Errors of open_tree(2); `EINVAL` for a non-recursive copy with locked mounts below.
pub(crate) fn open_tree_clone(path: &CStr, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = libc::OPEN_TREE_CLONE | libc::O_CLOEXEC.cast_unsigned();
    if recursive {
        flags |= libc::AT_RECURSIVE.cast_unsigned();
    }
    // SAFETY: `path` is a NUL-terminated string that outlives the call.
    let returned = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    // SAFETY: the call has just made this descriptor.
    unsafe { super::owned(returned) }
}

/// Attaches the detached mount `mount` at `path`, with move_mount(2).
///
/// # Errors
/// Errors of move_mount(2).
pub(crate) fn move_mount(mount: BorrowedFd<'_>, path: &CStr) -> io::Result<()> {
    // SAFETY: both path arguments are NUL-terminated strings that outlive the call.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    super::checked(returned).map(drop)
}

/// Adds the attributes `set` to `mount`, and to all below it if `recursive`, with mount_setattr(2).
///
/// # Errors
/// Errors of mount_setattr(2).
pub(crate) fn mount_setattr(mount: BorrowedFd<'_>, set: u64, recursive: bool) -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let mut flags = libc::AT_EMPTY_PATH;
    if recursive {
        flags |= libc::AT_RECURSIVE;
    }
    // SAFETY: the path is an empty NUL-terminated string, `attributes` has the size given; both
    // outlive the call.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    super::checked(returned).map(drop)
}

/// Opens a new file system of the type `kind`, to be configured, with fsopen(2).
///
/// # Errors
/// Errors of fsopen(2).
pub(crate) fn fsopen(kind: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: `kind` is a NUL-terminated string that outlives the call.
    let returned = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), libc::FSOPEN_CLOEXEC) };
    // SAFETY: the call has just made this descriptor.
    unsafe { super::owned(returned) }
}

/// Sets a parameter of a file system: fsconfig(2) with `FSCONFIG_SET_STRING`, or `FSCONFIG_SET_FLAG` without a value.
///
/// # Errors
/// Errors of fsconfig(2).
pub(crate) fn fsconfig(context: BorrowedFd<'_>, key: &CStr, value: Option<&CStr>) -> io::Result<()> {
    let command = if value.is_some() { libc::FSCONFIG_SET_STRING } else { libc::FSCONFIG_SET_FLAG };
    let value = value.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: key and value are NUL-terminated strings that outlive the call; a flag takes no value.
    let returned =
        unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key.as_ptr(), value, 0) };
    super::checked(returned).map(drop)
}

/// Makes the configured file system: fsconfig(2) with `FSCONFIG_CMD_CREATE`.
///
/// # Errors
/// Errors of fsconfig(2).
pub(crate) fn fsconfig_create(context: BorrowedFd<'_>) -> io::Result<()> {
    let none: *const libc::c_char = ptr::null();
    // SAFETY: the command takes neither key nor value.
    let returned = unsafe {
        libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), libc::FSCONFIG_CMD_CREATE, none, none, 0)
    };
    super::checked(returned).map(drop)
}

/// Makes a detached mount, with the attributes given, of the file system made, with fsmount(2).
///
/// # Errors
/// Errors of fsmount(2).
pub(crate) fn fsmount(context: BorrowedFd<'_>, attributes: u64) -> io::Result<OwnedFd> {
    // SAFETY: all arguments are plain numbers.
    let returned =
        unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), libc::FSMOUNT_CLOEXEC, attributes) };
    // SAFETY: the call has just made this descriptor.
    unsafe { super::owned(returned) }
}
