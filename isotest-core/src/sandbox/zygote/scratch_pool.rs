//! Pool of scratch directories, in which attempts write: a tmpfs each, with their private directories and the upper
//! layers of their copy-on-write views. A scratch that nobody has written to is handed on, since mounting and
//! unmounting one costs as much as executing a small test.

use crate::plan::{Content, Layer, Link, OverlayNotes, Private};
use crate::sandbox::mounts;
use crate::sandbox::scratch_paths::{private_directory, upper, view};
use crate::step::{PlanEntry, Step, StepError};
use crate::sys::mount::attr;
use nix::mount::{MntFlags, umount2};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Scratch directories of one zygote.
#[derive(Debug)]
pub(super) struct ScratchPool {
    notes: OverlayNotes,
    pool: Vec<Option<Scratch>>,
}

#[derive(Debug)]
struct Scratch {
    /// Directories that attempts see, and their look when nobody had seen them.
    directories: Vec<(File, Look)>,
    /// Init of the attempt that has the scratch, or had it last.
    user: Option<Pid>,
}

/// Metadata that show whether a directory was touched. An entry anywhere below an upper layer has its parents copied
/// up to the layer's own directory, so that one tells for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    mode: u32,
    owner: (u32, u32),
    links: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl ScratchPool {
    /// Makes a pool without any scratch, and with room for as many as the template has directories for.
    pub(super) fn new(private: &Private, notes: OverlayNotes) -> Self {
        Self { notes, pool: private.scratch.iter().map(|_| None).collect() }
    }

    /// Returns the place of a scratch that nobody has written to; `None` if all are in use. `gone` tells whether an
    /// init has been reaped.
    ///
    /// # Errors
    /// Error of a new scratch that cannot be made.
    pub(super) fn unused(
        &mut self,
        private: &Private,
        gone: impl Fn(Pid) -> bool,
    ) -> Result<Option<usize>, StepError> {
        let mut room = None;
        for (place, (scratch, path)) in self.pool.iter_mut().zip(&private.scratch).enumerate() {
            match scratch {
                Some(used) if used.user.is_some_and(|user| !gone(user)) => {}
                Some(left) if left.is_untouched() => return Ok(Some(place)),
                Some(_) => {
                    Step::MountTmpfs.on(path.display(), || umount2(path, MntFlags::MNT_DETACH))?;
                    *scratch = None;
                    room = room.or(Some((place, path)));
                }
                None => room = room.or(Some((place, path))),
            }
        }
        let Some((place, path)) = room else { return Ok(None) };
        let made = Scratch::make(private, path, self.notes)?;
        if let Some(scratch) = self.pool.get_mut(place) {
            *scratch = Some(made);
        }
        Ok(Some(place))
    }

    /// Notes the init of the attempt that has the scratch at `place`.
    pub(super) fn lend(&mut self, place: usize, init: Pid) {
        if let Some(Some(scratch)) = self.pool.get_mut(place) {
            scratch.user = Some(init);
        }
    }
}

impl Scratch {
    fn make(private: &Private, path: &Path, notes: OverlayNotes) -> Result<Self, StepError> {
        let tmpfs = || mounts::attach(&mounts::tmpfs(private.tmpfs_bytes)?, path);
        Step::MountTmpfs.on(path.display(), tmpfs)?;
        Self::furnish(private, path, notes).inspect_err(|_| {
            // The reason for the failure is returned, rather than one of the cleaning up.
            let _ = umount2(path, MntFlags::MNT_DETACH);
        })
    }

    /// Makes all layers in the tmpfs.
    fn furnish(private: &Private, path: &Path, notes: OverlayNotes) -> Result<Self, StepError> {
        let mut made = Vec::new();
        let inner = inner_layers(&private.layers);
        for ((n, layer), inner) in private.layers.iter().enumerate().zip(&inner) {
            let making = Making { scratch: path, n, inner, notes };
            let entry = PlanEntry::Layer(n);
            made.extend(Step::MakeLayers.at(entry, layer.path.display(), || making.make(layer))?);
        }
        let look = |path: PathBuf| -> io::Result<_> {
            let directory = File::open(path)?;
            let look = Look::at(&directory)?;
            Ok((directory, look))
        };
        let directories = Step::MountTmpfs.run(|| made.into_iter().map(look).collect::<io::Result<_>>())?;
        Ok(Self { directories, user: None })
    }

    fn is_untouched(&self) -> bool {
        self.directories.iter().all(|(directory, look)| Look::at(directory).is_ok_and(|now| now == *look))
    }
}

impl Look {
    fn at(directory: &File) -> io::Result<Self> {
        let meta = directory.metadata()?;
        Ok(Self {
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            links: meta.nlink(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

/// Layer number `n` on its way into a scratch.
#[derive(Clone, Copy)]
struct Making<'a> {
    scratch: &'a Path,
    n: usize,
    /// Layers whose mount points are to be made in this one, those further out first.
    inner: &'a [&'a Layer],
    notes: OverlayNotes,
}

impl Making<'_> {
    /// Makes the layer's directories in the scratch, and returns those in which writes would show.
    fn make(self, layer: &Layer) -> io::Result<Vec<PathBuf>> {
        let Self { scratch, n, .. } = self;
        match &layer.content {
            Content::Private { mode, links } => {
                let directory = private_directory(scratch, n);
                mounts::make_directory(&directory, *mode)?;
                let mut watched = Vec::new();
                for link in links {
                    watched.extend(make_link(&directory, &layer.path, link)?);
                }
                watched.extend(self.with_room(layer, directory, None)?);
                Ok(watched)
            }
            Content::CopyOnWrite { from } => {
                let upper = upper(scratch, n);
                make_like(&upper, from)?;
                let watched = self.with_room(layer, upper.clone(), Some(from))?;
                let work = scratch.join(format!("work-{n}"));
                mounts::make_directory(&work, 0o700)?;
                let view = view(scratch, n);
                mounts::make_directory(&view, 0o755)?;
                mounts::attach(&overlay([from, &upper, &work], self.notes)?, &view)?;
                Ok(watched)
            }
            Content::Again { .. } => Ok(Vec::new()),
        }
    }

    /// Makes mount points for the layers that lie in this one, as far as the lower layer has none. Returns
    /// `directory` and all directories that were made in it.
    fn with_room(self, layer: &Layer, directory: PathBuf, lower: Option<&Path>) -> io::Result<Vec<PathBuf>> {
        let mut made = Vec::new();
        for inner in self.inner {
            let Ok(below) = inner.path.strip_prefix(&layer.path) else { continue };
            if lower.is_some_and(|lower| lower.join(below).exists()) {
                continue;
            }
            let is_directory = match &inner.content {
                Content::Private { .. } | Content::CopyOnWrite { .. } => true,
                Content::Again { from } => fs::metadata(from)?.is_dir(),
            };
            let mut way: Vec<&Path> = below.ancestors().skip(1).collect();
            way.pop();
            for step in way.into_iter().rev() {
                match lower.map(|lower| lower.join(step)).filter(|path| path.is_dir()) {
                    Some(original) => make_like(&directory.join(step), &original)?,
                    None => mounts::make_mount_point(&directory.join(step), true)?,
                }
                made.push(directory.join(step));
            }
            mounts::make_mount_point(&directory.join(below), is_directory)?;
        }
        made.push(directory);
        Ok(made)
    }
}

/// Returns for each layer those whose mount points are made in it, since it is the innermost around them. Layers
/// further out come first.
fn inner_layers(layers: &[Layer]) -> Vec<Vec<&Layer>> {
    let places: HashMap<&Path, usize> =
        layers.iter().enumerate().map(|(n, layer)| (layer.path.as_path(), n)).collect();
    let mut inner = vec![Vec::new(); layers.len()];
    for layer in layers {
        let around = layer.path.ancestors().skip(1).filter_map(|outer| places.get(outer)).max();
        if let Some(inner) = around.and_then(|&n| inner.get_mut(n)) {
            inner.push(layer);
        }
    }
    inner
}

/// Makes a link in the directory that is seen at `seen`, and returns the directories on the way to it.
fn make_link(directory: &Path, seen: &Path, link: &Link) -> io::Result<Vec<PathBuf>> {
    let Ok(below) = link.path.strip_prefix(seen) else { return Ok(Vec::new()) };
    let path = directory.join(below);
    let way = path.ancestors().skip(1).take_while(|step| *step != directory);
    let way: Vec<_> = way.map(Path::to_path_buf).collect();
    fs::create_dir_all(path.parent().unwrap_or(directory))?;
    std::os::unix::fs::symlink(&link.target, path)?;
    Ok(way)
}

/// Makes an upper layer with the permissions and owner of the lower one, which the root of an overlay takes from it.
fn make_like(upper: &Path, lower: &Path) -> io::Result<()> {
    let lower = fs::metadata(lower)?;
    mounts::make_directory(upper, lower.permissions().mode() & 0o7777)?;
    let made = fs::metadata(upper)?;
    if (made.uid(), made.gid()) == (lower.uid(), lower.gid()) {
        return Ok(());
    }
    match std::os::unix::fs::chown(upper, Some(lower.uid()), Some(lower.gid())) {
        // An owner without an id in this namespace cannot be set: the directory then belongs to this process's user.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM | libc::EOVERFLOW)) => {
            Ok(())
        }
        done => done,
    }
}

pub(super) fn overlay([lower, upper, work]: [&Path; 3], notes: OverlayNotes) -> io::Result<OwnedFd> {
    let (lower, upper, work): (CString, CString, CString) =
        (mounts::c_path(lower)?, mounts::c_path(upper)?, mounts::c_path(work)?);
    let mut options = vec![
        (c"lowerdir", Some(lower.as_c_str())),
        (c"upperdir", Some(upper.as_c_str())),
        (c"workdir", Some(work.as_c_str())),
        // Files keep the inode numbers that they have on the host. Otherwise numbers of files outside the upper layer have their
        // highest bit set, which neither SQLite's integers nor `off_t` can hold.
        (c"xino", Some(c"off")),
    ];
    match notes {
        OverlayNotes::UserAttributes => options.push((c"userxattr", None)),
        OverlayNotes::TrustedAttributes => {}
        // A directory is renamed as such, and a file that was changed is still known for what it was, by all its names.
        OverlayNotes::Redirects => options.push((c"redirect_dir", Some(c"on"))),
    }
    mounts::new_file_system(c"overlay", &options, attr::NOSUID | attr::NODEV)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    use std::thread;

    #[test]
    fn a_mount_point_is_made_in_the_innermost_layer_around_it() {
        let layer = |path: &&str| Layer {
            path: path.into(),
            content: Content::Private { mode: 0o700, links: Vec::new() },
        };
        let layers: Vec<_> = ["/a", "/b", "/a/c", "/a/c/d/e", "/ab"].iter().map(layer).collect();
        let inner: Vec<Vec<_>> = inner_layers(&layers)
            .into_iter()
            .map(|inner| inner.into_iter().map(|layer| layer.path.display().to_string()).collect())
            .collect();
        assert_eq!(inner, [vec!["/a/c"], vec![], vec!["/a/c/d/e"], vec![], vec![]]);
    }

    #[test]
    fn a_scratch_that_is_not_finished_is_unmounted() {
        if !nix::unistd::geteuid().is_root() {
            // A thread cannot have a user namespace of its own, and others may not mount.
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let layer = |content| Layer { path: "/layer".into(), content };
        let privately = layer(Content::Private { mode: 0o700, links: Vec::new() });
        let of_nothing = layer(Content::CopyOnWrite { from: place.path().join("nothing") });
        let mounted = |layers: Vec<Layer>| {
            let private = Private {
                tmpfs_bytes: 1 << 20,
                hidden_dir: place.path().into(),
                scratch: vec![place.path().into()],
                layers,
                cgroups: Vec::new(),
                guarded_proc: Vec::new(),
                changed_paths_most: 0,
                evidence: Vec::new(),
                evidence_most: 0,
                evidence_bytes_most: 0,
            };
            let made = Scratch::make(&private, place.path(), OverlayNotes::Redirects);
            let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
            (made.map(drop), mounts.contains(&*place.path().to_string_lossy()))
        };
        let in_namespace = || {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
            let (failed, is_mounted) = mounted(vec![privately.clone(), of_nothing]);
            let error = failed.unwrap_err();
            assert_eq!((error.step, error.errno, is_mounted), (Step::MakeLayers, libc::ENOENT, false));
            assert_eq!(error.entry, Some(PlanEntry::Layer(1)));
            assert_eq!(mounted(vec![privately]), (Ok(()), true));
        };
        thread::scope(|scope| scope.spawn(in_namespace).join()).unwrap();
    }
}
