//! Shows directories at other paths, to this process and all that it starts from then on.

use super::mounts;
use crate::sys::clone3::SingleThreaded;
use crate::sys::mount::attr;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{chdir, chroot, fchdir, getegid, geteuid};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Maximal number of entries of a directory that can be shown with a further one. Each is a mount.
const MOST_ENTRIES: usize = 400;
/// Size of a file system that holds only the names of directories, in bytes.
const NAMES_BYTES: u64 = 1 << 20;

/// Directory that is shown at another path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAt {
    /// Path of the directory.
    pub from: PathBuf,
    /// Absolute path at which the directory is shown.
    pub to: PathBuf,
}

/// Directory that cannot be shown at a path.
#[derive(Debug, thiserror::Error)]
#[error("cannot show a directory at `{}`", path.display())]
pub struct ShowError {
    /// Path concerned: one at which a directory was to be shown, or the current directory.
    pub path: PathBuf,
    /// Error of the system at that path.
    pub source: io::Error,
}

/// Shows directories at other paths, to this process and all that it starts from then on; nobody else sees them there. Where
/// a path is not there yet, the directory that is to hold it is shown again, read-only, with that path in it. A directory in
/// which this process is going to write, one of `written`, is not: in it the path is made, and stays.
///
/// # Errors
/// Errors of the system calls; also when the process has threads and no capabilities.
pub fn show_at(directories: &[ShownAt], written: &[PathBuf]) -> Result<(), ShowError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        |source| ShowError { path, source }
    };
    let Some(first) = directories.first() else { return Ok(()) };
    let here = std::env::current_dir().map_err(at(&first.to))?;
    enter().map_err(at(&first.to))?;
    // All mounts are copied before the first of them covers the source of another.
    let take = |directory: &ShownAt| mounts::detached_copy(&directory.from, true).map_err(at(&directory.to));
    let taken: Vec<OwnedFd> = directories.iter().map(take).collect::<Result<_, _>>()?;
    let mut places = Places { written, covered: Vec::new(), made: BTreeSet::new() };
    for (mount, ShownAt { to, .. }) in taken.iter().zip(directories) {
        places.make(to).and_then(|()| mounts::attach(mount, to)).map_err(at(to))?;
    }
    let Places { covered, .. } = places;
    covered
        .iter()
        .try_for_each(|mount| mounts::restrict(mount, attr::RDONLY, false))
        .map_err(at(&first.to))?;
    // The working directory of this process may be covered: it is entered anew.
    chdir(&here).map_err(|errno| at(&here)(errno.into()))
}

/// Enters a new mount namespace, and for that, without capabilities, a user namespace in which it is the same user.
fn enter() -> io::Result<()> {
    match unshare(CloneFlags::CLONE_NEWNS) {
        Err(Errno::EPERM) => enter_user()?,
        done => done?,
    }
    Ok(mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?)
}

fn enter_user() -> io::Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    SingleThreaded::verify()?;
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

/// Mount points that are made.
struct Places<'a> {
    written: &'a [PathBuf],
    /// File systems that cover directories.
    covered: Vec<OwnedFd>,
    /// Directories that were made in these file systems.
    made: BTreeSet<PathBuf>,
}

impl Places<'_> {
    /// Makes a directory, if it is not there.
    fn make(&mut self, path: &Path) -> io::Result<()> {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
            Err(_) => {}
        }
        let holder = path.ancestors().skip(1).find(|holder| holder.exists());
        let holder = holder.ok_or(io::ErrorKind::NotFound)?;
        if !self.made.contains(holder) && !self.written.iter().any(|written| written == holder) {
            self.cover(holder)?;
        }
        fs::create_dir_all(path)?;
        if self.made.contains(holder) {
            let below = path.ancestors().take_while(|ancestor| *ancestor != holder);
            self.made.extend(below.map(Path::to_owned));
        }
        Ok(())
    }

    /// Covers a directory with one that has the same entries, and in which further ones can be made.
    fn cover(&mut self, directory: &Path) -> io::Result<()> {
        let entries = entries(directory)?;
        let cover = mounts::tmpfs(NAMES_BYTES)?;
        mounts::attach(&cover, directory)?;
        if directory == Path::new("/") {
            // The uppermost mount covers the root, but this process still has the old one.
            fchdir(&cover)?;
            chroot(".")?;
            chdir("/")?;
        }
        for (name, entry) in entries {
            let at = directory.join(name);
            match entry {
                Entry::Symlink(target) => symlink(target, at)?,
                Entry::Mount { mount, is_directory } => {
                    mounts::make_mount_point(&at, is_directory)?;
                    mounts::attach(&mount, &at)?;
                }
            }
        }
        self.made.insert(directory.to_owned());
        self.covered.push(cover);
        Ok(())
    }
}

enum Entry {
    Symlink(PathBuf),
    Mount { mount: OwnedFd, is_directory: bool },
}

fn entries(directory: &Path) -> io::Result<Vec<(OsString, Entry)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        let kind = match fs::symlink_metadata(&path) {
            // The directory has been removed since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            meta => meta?.file_type(),
        };
        let entry = if kind.is_symlink() {
            Entry::Symlink(fs::read_link(&path)?)
        } else {
            Entry::Mount { mount: mounts::detached_copy(&path, true)?, is_directory: kind.is_dir() }
        };
        entries.push((name, entry));
        if entries.len() > MOST_ENTRIES {
            return Err(io::Error::other(format!(
                "`{}` holds more than {MOST_ENTRIES} entries; make the path with `mkdir -p`",
                directory.display()
            )));
        }
    }
    Ok(entries)
}
