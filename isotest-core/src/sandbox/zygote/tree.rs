//! Assembles the template: the tree that becomes `/` of every attempt, made once by each zygote.

use crate::host::probe::unescaped;
use crate::plan::{Access, Content, Entry, NAMES_BYTES, Private, Template};
use crate::sandbox::mounts;
use crate::step::{PlanEntry, Step, StepError};
use crate::sys::mount::attr;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, chroot, fchdir, pivot_root};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Paths of the host's tree, and of the new one that grows, while both exist.
const HOST: &str = "/host";
const ROOT: &str = "/root";

/// Assembles the tree and makes it this process's root; nothing of the host's tree is left but what it shows. The
/// hidden directory is beside that root: there this process is, and there is no path to it, so that no list of mounts
/// names what is in it.
///
/// # Errors
/// The step that failed.
pub(super) fn enter(template: &Template) -> Result<(), StepError> {
    cut_propagation()?;
    Step::MountRoot.on(template.staging_dir.display(), || step_back(template))?;
    let site = Site { hidden_dir: &template.private.hidden_dir };
    Step::MountTemplateProc.run(|| mount_proc(&site.at(Path::new("/proc"))))?;
    for (n, entry) in template.tree.iter().enumerate() {
        Step::AssembleTree.at(PlanEntry::Tree(n), entry.path().display(), || site.place(entry))?;
    }
    for (n, entry) in template.tree.iter().enumerate() {
        if let Entry::Tmpfs { path, .. } = entry {
            Step::SealTree.at(PlanEntry::Tree(n), path.display(), || seal(&site.at(path)))?;
        }
    }
    for path in [Path::new(ROOT), Path::new("/")] {
        Step::SealTree.run(|| seal(path))?;
    }
    Step::PivotRoot.run(|| change_root(site.hidden_dir))
}

/// Mounts a `/proc`. By a read-only one no ids can be mapped: then the one that is there is shown again.
fn mount_proc(path: &Path) -> io::Result<()> {
    mounts::make_directory(path, 0o555)?;
    let proc = match mounts::proc()? {
        (_, true) => mounts::detached_copy(&below(HOST, Path::new("/proc")), true)?,
        (proc, false) => proc,
    };
    mounts::attach(&proc, path)
}

/// Makes all paths in the hidden directory relative to it, which is where this process is.
pub(super) fn relative_to_hidden(private: &mut Private) {
    let hidden_dir = private.hidden_dir.clone();
    let relative = |path: &mut PathBuf| {
        if let Ok(below) = path.strip_prefix(&hidden_dir) {
            *path = below.to_path_buf();
        }
    };
    private.scratch.iter_mut().for_each(relative);
    private.cgroups.iter_mut().for_each(|view| relative(&mut view.from));
    for layer in &mut private.layers {
        match &mut layer.content {
            Content::Private { .. } => {}
            Content::CopyOnWrite { from } | Content::Again { from } => relative(from),
        }
    }
}

/// Keeps later mounts from the host. Root's new namespaces share their mounts with it, where systemd made it so.
///
/// # Errors
/// The step that failed.
pub(super) fn cut_propagation() -> Result<(), StepError> {
    Step::CutPropagation
        .run(|| mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>))
}

/// Moves to a root of its own from which the host's whole tree is seen below [`HOST`], so that nothing mounted
/// from here on covers any of it.
fn step_back(Template { staging_dir, private, .. }: &Template) -> io::Result<()> {
    mounts::attach(&mounts::tmpfs(NAMES_BYTES)?, staging_dir)?;
    let host = below(staging_dir, Path::new(HOST));
    for place in [Path::new(HOST), Path::new(ROOT), &private.hidden_dir] {
        fs::create_dir(below(staging_dir, place))?;
    }
    match pivot_root(staging_dir, &host) {
        Err(Errno::EINVAL) => cover_root(staging_dir, &host)?,
        done => done?,
    }
    chdir("/")?;
    mounts::attach(&mounts::tmpfs(NAMES_BYTES)?, Path::new(ROOT))
}

/// Covers the root of an initramfs, which cannot be pivoted away (pivot_root(2), "NOTES"): it is shown as a copy
/// below the new root, which then covers it. What was mounted in it goes: as long as there is a writable `/proc` or
/// `/sys` anywhere in the mount namespace, the kernel lets root of an attempt mount another one.
fn cover_root(staging_dir: &Path, host: &Path) -> io::Result<()> {
    let covered = fs::File::open("/")?;
    let mounted = mount_points()?;
    mounts::attach(&mounts::detached_copy(Path::new("/"), true)?, host)?;
    // In the copy the staging_dir, too, is a copy, over what the host has there.
    umount2(&host.join(staging_dir.strip_prefix("/").unwrap_or(staging_dir)), MntFlags::MNT_DETACH)?;
    chdir(staging_dir)?;
    mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)?;
    chroot(".")?;
    fchdir(&covered)?;
    for point in mounted.iter().rev().filter_map(|point| point.strip_prefix("/").ok()) {
        match umount2(point, MntFlags::MNT_DETACH) {
            // It went with the mount that it was in, or is the root; or it is locked, since this is no root's process.
            Err(Errno::EINVAL | Errno::ENOENT | Errno::EPERM) => {}
            done => done?,
        }
    }
    Ok(())
}

/// Returns the mount points that this process sees, those within others behind these (proc_pid_mountinfo(5)).
fn mount_points() -> io::Result<Vec<PathBuf>> {
    let points = fs::read_to_string("/proc/self/mountinfo")?;
    let points = points.lines().filter_map(|line| line.split(' ').nth(4));
    Ok(points.map(|point| unescaped(Path::new(point))).collect())
}

/// Lets go of the host's tree, and covers the root with the new tree, which is then this process's root, as it would
/// be after a pivot. The kernel takes the uppermost mount for the root, in every copy of this mount namespace too:
/// nobody in it is in a changed root.
fn change_root(hidden_dir: &Path) -> io::Result<()> {
    umount2(HOST, MntFlags::MNT_DETACH)?;
    let hidden = fs::File::open(hidden_dir)?;
    chdir(ROOT)?;
    mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)?;
    chroot(".")?;
    Ok(fchdir(&hidden)?)
}

fn seal(path: &Path) -> io::Result<()> {
    let mount = fs::File::open(path)?.into();
    mounts::restrict(&mount, attr::RDONLY, false)
}

fn below(top: impl AsRef<Path>, path: &Path) -> PathBuf {
    top.as_ref().join(path.strip_prefix("/").unwrap_or(path))
}

/// Site at which the tree is assembled.
#[derive(Debug, Clone, Copy)]
struct Site<'template> {
    hidden_dir: &'template Path,
}

impl Site<'_> {
    /// Returns the present path of a file that will be at `path`.
    fn at(self, path: &Path) -> PathBuf {
        if path.starts_with(self.hidden_dir) { path.to_owned() } else { below(ROOT, path) }
    }

    fn place(self, entry: &Entry) -> io::Result<()> {
        let at = self.at(entry.path());
        match entry {
            Entry::Directory { mode, .. } => mounts::make_directory(&at, *mode),
            Entry::Symlink { target, .. } => symlink(target, at),
            Entry::File { .. } => fs::File::create_new(at).map(drop),
            Entry::Copy { from, .. } => copy(&below(HOST, from), &at),
            Entry::Bind { from, access, recursive, .. } => bind(from, &at, *access, *recursive),
            Entry::Sysfs { path } => sysfs(path, &at),
            Entry::Proc { .. } => {
                mounts::make_directory(&at, 0o555)?;
                mounts::attach(&mounts::new_proc(attr::RDONLY)?, &at)
            }
            Entry::Tmpfs { bytes, .. } => mounts::attach(&mounts::tmpfs(*bytes)?, &at),
        }
    }
}

/// Copies a file with its permissions and its time.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::copy(from, to) {
        // The file has been removed since the host was read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        copied => copied?,
    };
    let modified = fs::metadata(from)?.modified()?;
    // A file that may not be written to keeps its time of modification, too.
    let times = fs::FileTimes::new().set_modified(modified);
    fs::File::open(to)?.set_times(times)
}

/// Mounts the file or directory that the host has at `from`.
fn bind(from: &Path, to: &Path, access: Access, recursive: bool) -> io::Result<()> {
    let from = below(HOST, from);
    let is_directory = match fs::metadata(&from) {
        Ok(meta) => meta.is_dir(),
        // The entry has been removed since the host was read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // A FUSE mount of another user does not even tell the type of its root.
        Err(_) => true,
    };
    let mount = mounts::detached_copy(&from, recursive)?;
    let attributes = match access {
        Access::ReadOnly => attr::RDONLY | attr::NOSUID | attr::NODEV,
        Access::ReadWrite => attr::NOSUID | attr::NODEV,
        Access::Device => attr::NOSUID | attr::NOEXEC,
    };
    mounts::restrict(&mount, attributes, recursive)?;
    mounts::make_mount_point(to, is_directory)?;
    mounts::attach(&mount, to)
}

/// Mounts a sysfs of the zygote's own network namespace, which shows only its interfaces; where the kernel refuses
/// it, as to those who do not own that namespace, shows the host's.
fn sysfs(path: &Path, to: &Path) -> io::Result<()> {
    let attributes = attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC;
    match mounts::new_file_system(c"sysfs", &[], attributes) {
        Ok(mount) => mounts::attach(&mount, to),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => bind(path, to, Access::ReadOnly, true),
        Err(error) => Err(error),
    }
}
