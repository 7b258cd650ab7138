//! What one attempt mounts over the template: its own tmpfs, private directories, copy-on-write views, its cgroup.

use super::mounts;
use super::step::{Step, StepError};
use crate::plan::{Content, Layer, Private};
use crate::sys::mount::attr;
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The attempt's tmpfs is mounted here first, and then covered by its own private `/tmp`.
const SCRATCH: &str = "/tmp";

/// The upper layer of one copy-on-write view: what was written is found in it.
#[derive(Debug)]
pub(super) struct Upper {
    /// The directory, which nothing but this descriptor reaches any more.
    pub(super) directory: File,
    /// Where it is seen.
    pub(super) path: PathBuf,
}

/// Mounts everything; `leaf` is the attempt's directory below each of the run's cgroup directories.
///
/// # Errors
/// The step that failed.
pub(super) fn mount(private: &Private, leaf: Option<&str>) -> Result<Vec<Upper>, StepError> {
    Step::MountTmpfs
        .run(|| mounts::attach(&mounts::tmpfs(Some(private.tmpfs_bytes))?, Path::new(SCRATCH)))?;
    let mut uppers = Vec::new();
    let mut made = Vec::new();
    for (n, layer) in private.layers.iter().enumerate() {
        let mount = Step::MakeLayers.on(layer.path.display(), || make(n, layer, &mut uppers))?;
        made.push((mount, layer.path.as_path()));
    }
    if let Some(leaf) = leaf {
        for view in &private.cgroups {
            let mount = Step::MakeLayers
                .on(view.path.display(), || mounts::detached_copy(&view.stash.join(leaf), false))?;
            made.push((mount, view.path.as_path()));
        }
    }
    for (mount, path) in made {
        Step::AttachLayers.on(path.display(), || {
            if fs::symlink_metadata(path).is_err() {
                mounts::make_mount_point(path, File::from(mount.try_clone()?).metadata()?.is_dir())?;
            }
            mounts::attach(&mount, path)
        })?;
    }
    Ok(uppers)
}

fn make(n: usize, layer: &Layer, uppers: &mut Vec<Upper>) -> io::Result<OwnedFd> {
    match &layer.content {
        Content::Private { mode } => {
            let directory = Path::new(SCRATCH).join(format!("private-{n}"));
            mounts::make_directory(&directory, *mode)?;
            mounts::detached_copy(&directory, false)
        }
        Content::CopyOnWrite { stash } => {
            let upper = Path::new(SCRATCH).join(format!("upper-{n}"));
            make_like(&upper, stash)?;
            uppers.push(Upper { directory: File::open(&upper)?, path: layer.path.clone() });
            overlay(stash, &upper, &Path::new(SCRATCH).join(format!("work-{n}")))
        }
        Content::Again { stash } => mounts::detached_copy(stash, true),
    }
}

/// The root of an overlay has the permissions and owner of its upper layer.
fn make_like(upper: &Path, lower: &Path) -> io::Result<()> {
    let lower = fs::metadata(lower)?;
    mounts::make_directory(upper, lower.permissions().mode() & 0o7777)?;
    let made = fs::metadata(upper)?;
    if (made.uid(), made.gid()) != (lower.uid(), lower.gid()) {
        match std::os::unix::fs::chown(upper, Some(lower.uid()), Some(lower.gid())) {
            // An owner without an id in this namespace cannot be had; the directory is then ours.
            Err(error)
                if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM | libc::EOVERFLOW)) => {}
            done => done?,
        }
    }
    Ok(())
}

fn overlay(lower: &Path, upper: &Path, work: &Path) -> io::Result<OwnedFd> {
    mounts::make_directory(work, 0o700)?;
    let (lower, upper, work): (CString, CString, CString) =
        (mounts::c_path(lower)?, mounts::c_path(upper)?, mounts::c_path(work)?);
    let options = [
        (c"lowerdir", Some(lower.as_c_str())),
        (c"upperdir", Some(upper.as_c_str())),
        (c"workdir", Some(work.as_c_str())),
        // Attributes of the layers go where a user namespace may write them.
        (c"userxattr", None),
        // Device and inode numbers stay those of one file system, as programs expect of a directory tree.
        (c"xino", Some(c"on")),
    ];
    mounts::new_file_system(c"overlay", &options, attr::NOSUID | attr::NODEV)
}
