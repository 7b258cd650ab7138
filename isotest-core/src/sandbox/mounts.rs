//! Mounts by descriptor: makes a detached mount, restricts it, attaches it.

use crate::sys::mount::{self, attr};
use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Returns a path as a C string for the kernel.
pub(super) fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

/// Makes a detached copy of the mount at `path`.
pub(super) fn detached_copy(path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    mount::open_tree_clone(&c_path(path)?, recursive)
}

/// Adds mount attributes.
pub(super) fn restrict(mount: &OwnedFd, attributes: u64, recursive: bool) -> io::Result<()> {
    mount::mount_setattr(mount.as_fd(), attributes, recursive)
}

/// Attaches a detached mount at a place that exists.
pub(super) fn attach(mount: &OwnedFd, path: &Path) -> io::Result<()> {
    mount::move_mount(mount.as_fd(), &c_path(path)?)
}

/// Makes a detached mount of a new file system. An option without a value is a flag.
pub(super) fn new_file_system(
    kind: &CStr,
    options: &[(&CStr, Option<&CStr>)],
    attributes: u64,
) -> io::Result<OwnedFd> {
    let context = mount::fsopen(kind)?;
    for (key, value) in options {
        mount::fsconfig(context.as_fd(), key, *value)?;
    }
    mount::fsconfig_create(context.as_fd())?;
    mount::fsmount(context.as_fd(), attributes)
}

/// Makes a detached proc of this process's pid namespace, and returns whether it is read-only: within the sandbox of
/// a run of root the kernel gives no other.
pub(super) fn proc() -> io::Result<(OwnedFd, bool)> {
    match new_proc(0) {
        Err(refused) if refused.raw_os_error() == Some(libc::EPERM) => {
            new_proc(attr::RDONLY).map(|proc| (proc, true)).map_err(|_| refused)
        }
        made => made.map(|proc| (proc, false)),
    }
}

/// Makes a detached proc of this process's pid namespace with these attributes besides its own.
pub(super) fn new_proc(attributes: u64) -> io::Result<OwnedFd> {
    new_file_system(c"proc", &[], attributes | attr::NOSUID | attr::NODEV | attr::NOEXEC)
}

/// Makes a detached tmpfs that can hold this number of bytes.
pub(super) fn tmpfs(bytes: u64) -> io::Result<OwnedFd> {
    let size = CString::new(bytes.to_string())?;
    let options = [(c"size", Some(size.as_c_str())), (c"mode", Some(c"0755"))];
    new_file_system(c"tmpfs", &options, attr::NOSUID | attr::NODEV)
}

/// Makes a directory with exactly these permissions, whatever the umask.
pub(super) fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Makes a mount point at `path`, a directory or a file, if there is nothing yet.
pub(super) fn make_mount_point(path: &Path, is_directory: bool) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    if is_directory {
        return fs::create_dir_all(path);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    File::create_new(path).map(drop)
}
