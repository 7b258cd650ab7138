//! Tree of the host's entries that becomes `/`: which are seen, where writes go, and what is covered. Pure.

use super::mount_walk::{MountWalk, walk_mounts};
use super::slash_run;
use crate::host::{CgroupMount, Host};
use crate::join_list;
use crate::plan::{Access, Content, Entry, Layer, Link, Mark, NAMES_BYTES, Private, View};
use std::path::{Path, PathBuf};

/// Directories of a run. All paths are absolute and free of symbolic links; a link's own path ends in one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Views {
    /// Directories whose writes succeed and are thrown away.
    pub copy_on_write: Vec<PathBuf>,
    /// Further directories for temporary files, such as `$TMPDIR`.
    pub temporary: Vec<PathBuf>,
    /// Directory that `$XDG_RUNTIME_DIR` names.
    pub runtime: Option<PathBuf>,
    /// Paths of the host seen read-only even where something private would cover them.
    pub read_only: Vec<PathBuf>,
    /// Paths of the host whose writes go through.
    pub kept: Vec<PathBuf>,
    /// Devices of the host that are opened as outside, and directories of such.
    pub devices: Vec<PathBuf>,
    /// Directories within kept ones whose writes are thrown away all the same.
    pub copied_within: Vec<PathBuf>,
    /// Home directory that is not there: attempts have an empty one, if it can be made in `/`.
    pub missing_home: Option<PathBuf>,
    /// Symbolic links by which tests may call any of the paths of a run.
    pub links: Vec<Link>,
    /// Marks of the changed files that are handed over before they are thrown away.
    pub evidence: Vec<Mark>,
}

/// Path that stands for the directory, beside the tree, in which the template keeps what attempts mount elsewhere.
const HIDDEN_DIR: &str = "/isotest-hidden";

/// Number of places to write in a zygote: it has an attempt that runs, one that is being prepared, and some whose
/// last process is on its way out.
const SCRATCHES: usize = 8;

/// Names of the devices in `/dev`; no others stand there.
const NODES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Names of the top-level directories that are never the host's.
pub(super) const OURS: [&str; 5] = ["proc", "sys", "dev", "run", "tmp"];

/// Parts of `/proc` that a process with user id 0 may write whatever its capabilities.
const GUARDED_PROC: [&str; 5] = ["sys", "irq", "bus", "fs", "sysrq-trigger"];

/// Root file system: the tree, what each attempt adds, and what a reader of the report should know about it.
#[derive(Debug)]
pub(in crate::plan) struct Rootfs {
    pub(in crate::plan) tree: Vec<Entry>,
    pub(in crate::plan) private: Private,
    pub(in crate::plan) remarks: Vec<String>,
    /// Reason why a directory that should be copy-on-write is read-only, if one is.
    pub(in crate::plan) not_copied: Option<String>,
}

/// Decides the whole tree of a root that shows the host.
pub(super) fn rootfs(views: &Views, host: &Host, cgroups: &[View], jobs: usize) -> Rootfs {
    let mut tree = Vec::new();
    own_directories(&mut tree);
    host_entries(&mut tree, host);
    let run = slash_run::seen(host);
    tree.extend(run.tree);
    devices(&mut tree);
    system(&mut tree, cgroups, host);
    tree.extend(missing_home(views).map(|path| Entry::Directory { path: path.clone(), mode: 0o700 }));

    let mut layers = Layers { tree, covering: private_directories(views, host), ..Layers::default() };
    layers.remarks.extend(run.remark);
    layers.finish(views, host, cgroups, jobs)
}

fn scratch() -> impl Iterator<Item = PathBuf> {
    (0..SCRATCHES).map(|n| Path::new(HIDDEN_DIR).join(format!("scratch-{n}")))
}

/// Describes what is read-only because it is mounted within a copy-on-write directory.
fn mounted(mounts: &[PathBuf]) -> Option<String> {
    const NAMED: usize = 3;
    let names = join_list::paths(mounts, NAMED);
    let (are, each) = if mounts.len() == 1 { ("is", "it is") } else { ("are", "each is") };
    (!mounts.is_empty())
        .then(|| format!("{names} {are} read-only: {each} mounted below a copy-on-write directory"))
}

/// Adds links to the private directories that cover them: what the host has as a link below such a directory is no
/// longer there; elsewhere it is.
fn add_links(layers: &mut [Layer], links: &[Link]) {
    for link in links {
        let innermost = layers.iter_mut().rfind(|layer| link.path.starts_with(&layer.path));
        if let Some(Layer { content: Content::Private { links, .. }, .. }) = innermost {
            links.push(link.clone());
        }
    }
}

/// Computes the size of an attempt's tmpfs, half the machine's memory, shared among the jobs: a test that fills its
/// `/tmp` finds it full before its neighbours find the machine out of memory.
fn tmpfs_bytes(memory_total: u64, jobs: usize) -> u64 {
    let jobs = u64::try_from(jobs.max(1)).unwrap_or(u64::MAX);
    (memory_total / 2 / jobs).max(64 << 20)
}

/// Adds the host's top-level entries: links as they are, empty directories as empty directories (a mount less), the
/// rest bound.
fn host_entries(tree: &mut Vec<Entry>, host: &Host) {
    for entry in &host.root_entries {
        if OURS.iter().any(|ours| entry.path == Path::new("/").join(ours)) {
            continue;
        }
        tree.push(Entry::from(entry));
    }
}

/// Adds the directories for [`OURS`]; that of `/proc` is there already.
pub(super) fn own_directories(tree: &mut Vec<Entry>) {
    for name in OURS.into_iter().filter(|name| *name != "proc") {
        let mode = if name == "tmp" { 0o1777 } else { 0o755 };
        tree.push(Entry::Directory { path: Path::new("/").join(name), mode });
    }
}

pub(super) fn devices(tree: &mut Vec<Entry>) {
    for name in NODES {
        let path = Path::new("/dev").join(name);
        tree.push(Entry::Bind { from: path.clone(), to: path, access: Access::Device, recursive: false });
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ];
    for (name, target) in links {
        tree.push(Entry::Symlink { path: Path::new("/dev").join(name), target: target.into() });
    }
    for path in ["/dev/pts", "/dev/shm"] {
        tree.push(Entry::Directory { path: path.into(), mode: 0o755 });
    }
    tree.push(Entry::Tmpfs { path: HIDDEN_DIR.into(), bytes: NAMES_BYTES });
    tree.extend(scratch().map(|path| Entry::Directory { path, mode: 0o755 }));
}

/// Adds `/sys`, with a mount point for each cgroup hierarchy.
pub(super) fn system(tree: &mut Vec<Entry>, cgroups: &[View], host: &Host) {
    let top = Path::new("/sys/fs/cgroup");
    let share = processor_share(cgroups, host).filter(|mount| mount.mount_point.parent() == Some(top));
    tree.push(Entry::Sysfs { path: "/sys".into() });
    if share.is_some() || cgroups.iter().any(|view| view.path != top) {
        tree.push(Entry::Tmpfs { path: top.into(), bytes: NAMES_BYTES });
    }
    for (n, view) in cgroups.iter().enumerate() {
        if view.path != top {
            tree.push(Entry::Directory { path: view.path.clone(), mode: 0o555 });
        }
        let to = cgroup_view(n, view).from;
        tree.push(Entry::Bind { from: view.from.clone(), to, access: Access::ReadOnly, recursive: false });
    }
    if let Some(mount) = share {
        let (from, to) = (mount.own.clone(), mount.mount_point.clone());
        tree.push(Entry::Directory { path: to.clone(), mode: 0o555 });
        tree.push(Entry::Bind { from, to, access: Access::ReadOnly, recursive: false });
    }
}

/// Finds the version 1 hierarchy that divides processor time, where attempts have no cgroup of their own. They find
/// the caller's, as they do outside: every harness asks it for its number of threads, and one that does not find it
/// where it is looked for first searches all mounts.
fn processor_share<'host>(cgroups: &[View], host: &'host Host) -> Option<&'host CgroupMount> {
    let carries_cpu = |mount: &&CgroupMount| mount.controllers.iter().any(|controller| controller == "cpu");
    let mount = host.cgroups.iter().find(carries_cpu)?;
    (!cgroups.iter().any(|view| view.path == mount.mount_point)).then_some(mount)
}

fn cgroup_view(n: usize, view: &View) -> View {
    View { from: Path::new(HIDDEN_DIR).join(format!("cgroup-{n}")), path: view.path.clone() }
}

/// Makes layers for `/tmp`, `/var/tmp`, `/dev/shm` and what else the environment names.
pub(super) fn private_directories(views: &Views, host: &Host) -> Vec<Layer> {
    let mut paths: Vec<PathBuf> = vec!["/tmp".into(), "/dev/shm".into()];
    if host.has_var_tmp {
        paths.push("/var/tmp".into());
    }
    for path in views.temporary.iter().filter(|path| is_safe_to_cover(path)) {
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    let layer = |path, mode| Layer { path, content: Content::Private { mode, links: Vec::new() } };
    let temporary = paths.into_iter().map(|path| layer(path, 0o1777));
    let own = views.runtime.iter().chain(missing_home(views)).map(|path| layer(path.clone(), 0o700));
    temporary.chain(own).collect()
}

/// Returns the missing home directory if it is in `/`. Elsewhere there is no place for it: what the host shows is
/// read-only.
fn missing_home(views: &Views) -> impl Iterator<Item = &PathBuf> {
    views.missing_home.iter().filter(|home| home.parent() == Some(Path::new("/")))
}

/// Returns whether hiding the host's content of a directory leaves a system that works: never `/`, and never an
/// ancestor of the system's own directories.
fn is_safe_to_cover(path: &Path) -> bool {
    const SYSTEM: [&str; 10] =
        ["/usr", "/etc", "/proc", "/sys", "/dev", "/bin", "/lib", "/lib64", "/sbin", "/run"];
    !SYSTEM.iter().any(|system| Path::new(system).starts_with(path))
}

/// Returns the directories that are not below another of them.
pub(super) fn outermost(paths: &[PathBuf]) -> Vec<&Path> {
    let mut kept: Vec<&Path> = Vec::new();
    let mut sorted: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    sorted.sort_by_key(|path| path.components().count());
    for path in sorted {
        if !kept.iter().any(|outer| path.starts_with(outer)) {
            kept.push(path);
        }
    }
    kept
}

fn within(outer: &Path, paths: &[PathBuf]) -> Vec<PathBuf> {
    paths.iter().filter(|path| path.starts_with(outer)).cloned().collect()
}

/// Tree and the layers over it while they are decided: what a layer shows waits in the hidden directory, since the
/// layer's parent may cover the original.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) tree: Vec<Entry>,
    pub(super) covering: Vec<Layer>,
    pub(super) not_copied: Vec<String>,
    /// Mounts below copy-on-write directories that are read-only.
    pub(super) mounts: Vec<PathBuf>,
    pub(super) remarks: Vec<String>,
}

impl Layers {
    /// Adds the views and a place for each layer, and returns the root file system, in which all is decided.
    pub(super) fn finish(mut self, views: &Views, host: &Host, cgroups: &[View], jobs: usize) -> Rootfs {
        self.copy_on_write(&views.copy_on_write, host);
        views.read_only.iter().for_each(|path| self.again(path, Access::ReadOnly));
        views.kept.iter().for_each(|path| self.again(path, Access::ReadWrite));
        views.devices.iter().for_each(|path| self.again(path, Access::Device));
        self.copy_on_write(&views.copied_within, host);
        self.make_room();
        self.mounts.retain(|mount| !views.kept.iter().any(|kept| mount.starts_with(kept)));
        let Self { mut tree, covering: mut layers, not_copied, mounts, remarks } = self;
        layers.sort_by_key(|layer| layer.path.components().count());
        let guarded_proc = if host.ids.uid == 0 { &GUARDED_PROC[..] } else { &[] };
        if !guarded_proc.is_empty() {
            tree.push(Entry::Proc { path: Path::new(HIDDEN_DIR).join("proc") });
        }
        add_links(&mut layers, &views.links);
        let private = Private {
            tmpfs_bytes: tmpfs_bytes(host.memory_total, jobs),
            hidden_dir: HIDDEN_DIR.into(),
            scratch: scratch().collect(),
            layers,
            cgroups: cgroups.iter().enumerate().map(|(n, view)| cgroup_view(n, view)).collect(),
            guarded_proc: guarded_proc.iter().copied().map(String::from).collect(),
            changed_paths_most: 200,
            evidence: views.evidence.clone(),
            evidence_most: 256,
            evidence_bytes_most: 64 << 20,
        };
        let mut not_copied = not_copied.into_iter();
        let first = not_copied.next();
        let remarks = not_copied.chain(remarks).chain(mounted(&mounts)).collect();
        Rootfs { tree, private, not_copied: first, remarks }
    }

    /// Makes views of the outermost of the copy-on-write directories. One that cannot be had does not cost those
    /// within it.
    fn copy_on_write(&mut self, roots: &[PathBuf], host: &Host) {
        for root in outermost(roots) {
            let inner = within(root, roots);
            let beneath: Vec<_> = inner.iter().filter(|path| *path != root).cloned().collect();
            if !is_safe_to_cover(root) {
                self.not_copied
                    .push(format!("`{}` is read-only: it holds the system itself", root.display()));
                self.copy_on_write(&beneath, host);
            } else if let Some(error) = host.cow_sources.refusal(root) {
                self.refused(root, error);
                self.copy_on_write(&beneath, host);
            } else if host.ids.uid == 0 || host.mounts_below(root).next().is_none() {
                self.view(root, host);
                host.mounts_below(root).for_each(|mount| self.mounted(mount, &inner, host));
            } else {
                match walk_mounts(root, &self.next_hidden_path(), &inner, host) {
                    Ok(walk) => self.walk_mounts(root, walk, &inner, host),
                    Err(why) => {
                        self.not_descended(root, why, host);
                        self.copy_on_write(&beneath, host);
                    }
                }
            }
        }
    }

    fn refused(&mut self, root: &Path, error: &str) {
        let name = root.display();
        self.not_copied
            .push(format!("`{name}` is read-only: the kernel makes no copy-on-write view of it ({error})"));
        self.again(root, Access::ReadOnly);
    }

    fn view(&mut self, root: &Path, host: &Host) {
        if let Some(error) = host.cow_sources.refusal(root) {
            return self.refused(root, error);
        }
        let from = self.hide(root, Access::ReadOnly, false);
        self.covering.push(Layer { path: root.to_path_buf(), content: Content::CopyOnWrite { from } });
    }

    /// Shows something mounted below a copy-on-write directory; some of `roots` may lie in it.
    fn mounted(&mut self, mount: &Path, roots: &[PathBuf], host: &Host) {
        let inner = within(mount, roots);
        if !inner.iter().any(|path| path == mount) {
            self.again(mount, Access::ReadOnly);
            self.mounts.push(mount.to_path_buf());
        }
        self.copy_on_write(&inner, host);
    }

    /// Adds an ordinary user's directory with something mounted below it; `roots` are that and those within it.
    fn walk_mounts(&mut self, root: &Path, walk: MountWalk, roots: &[PathBuf], host: &Host) {
        let content = Content::CopyOnWrite { from: self.next_hidden_path() };
        self.tree.extend(walk.lower);
        self.widen_stash(walk.room);
        self.covering.push(Layer { path: root.to_path_buf(), content });
        walk.views.iter().for_each(|view| self.view(view, host));
        walk.read_only.iter().for_each(|path| self.again(path, Access::ReadOnly));
        walk.mounts.iter().for_each(|mount| self.mounted(mount, roots, host));
        if walk.excess > 0 {
            self.remarks.push(format!(
                "{} entries of `{}` and below it are read-only: something is mounted there, and they are too many or too \
                 large to be copied",
                walk.excess,
                root.display()
            ));
        }
    }

    fn widen_stash(&mut self, room: u64) {
        for entry in &mut self.tree {
            if let Entry::Tmpfs { path, bytes } = entry
                && path == Path::new(HIDDEN_DIR)
            {
                *bytes += room;
            }
        }
    }

    fn not_descended(&mut self, root: &Path, why: &str, host: &Host) {
        let mount = host.mounts_below(root).next().unwrap_or(root).display();
        let name = root.display();
        self.not_copied.push(format!(
            "`{name}` is read-only: `{mount}` is mounted below it, which only root can leave out of a copy-on-write view, \
             {why}"
        ));
        self.again(root, Access::ReadOnly);
    }

    /// Shows the host's own file or directory at its own path, with what is mounted below.
    fn again(&mut self, path: &Path, access: Access) {
        self.show(path, path, access, true);
    }

    /// Shows what the host has at `from` at the path `to`. Where nothing private covers that, the template shows it.
    pub(super) fn show(&mut self, from: &Path, to: &Path, access: Access, recursive: bool) {
        if self.covering.iter().any(|layer| to.starts_with(&layer.path)) {
            let from = self.hide(from, access, recursive);
            self.covering.push(Layer { path: to.to_path_buf(), content: Content::Again { from } });
        } else {
            let (from, to) = (from.to_path_buf(), to.to_path_buf());
            self.tree.push(Entry::Bind { from, to, access, recursive });
        }
    }

    fn next_hidden_path(&self) -> PathBuf {
        Path::new(HIDDEN_DIR).join(format!("layer-{}", self.covering.len()))
    }

    pub(super) fn hide(&mut self, from: &Path, access: Access, recursive: bool) -> PathBuf {
        let to = self.next_hidden_path();
        self.tree.push(Entry::Bind { from: from.to_path_buf(), to: to.clone(), access, recursive });
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{CowSources, ListedKind, Listing, sample};

    fn host(uid: u32, mount_points: &[&str]) -> Host {
        Host { mount_points: mount_points.iter().map(PathBuf::from).collect(), ..sample(uid) }
    }

    fn copied(roots: &[&str], host: &Host) -> (Vec<PathBuf>, bool) {
        let copy_on_write = roots.iter().map(PathBuf::from).collect();
        let made = rootfs(&Views { copy_on_write, ..Views::default() }, host, &[], 1);
        let is_copied = |layer: &Layer| matches!(layer.content, Content::CopyOnWrite { .. });
        let layers = made.private.layers.into_iter().filter(is_copied);
        (layers.map(|layer| layer.path).collect(), made.not_copied.is_none())
    }

    #[test]
    fn only_the_outermost_directory_is_copied() {
        let roots = ["/home/u/project/target", "/home/u", "/home/u/project"];
        assert_eq!(copied(&roots, &host(1000, &["/", "/home"])), (vec!["/home/u".into()], true));
    }

    #[test]
    fn a_mount_in_the_home_of_a_user_does_not_cost_the_project() {
        let roots = ["/home/u", "/home/u/project", "/home/u/project/target"];
        let mounts = ["/", "/home/u/remote"];
        assert_eq!(copied(&roots, &host(0, &mounts)), (vec!["/home/u".into()], true));
        // Where the home directory cannot be listed, it is all that is lost.
        assert_eq!(copied(&roots, &host(1000, &mounts)), (vec!["/home/u/project".into()], false));
        let entry = |path: &str| (PathBuf::from(path), ListedKind::Directory);
        let entries = vec![entry("/home/u/project"), entry("/home/u/remote")];
        let listings = vec![Listing { directory: "/home/u".into(), mode: 0o755, entries }];
        let listed =
            Host { cow_sources: CowSources { listings, ..CowSources::default() }, ..host(1000, &mounts) };
        assert_eq!(copied(&roots, &listed), (vec!["/home/u".into(), "/home/u/project".into()], true));
    }

    #[test]
    fn a_project_on_a_mount_of_its_own_is_copied() {
        let roots = ["/root", "/root/project"];
        let mounts = ["/", "/root/project", "/root/project/data"];
        let paths: Vec<PathBuf> = roots.iter().map(PathBuf::from).collect();
        assert_eq!(copied(&roots, &host(0, &mounts)), (paths, true));
    }

    #[test]
    fn what_is_mounted_is_said() {
        let views = Views { copy_on_write: vec!["/w".into()], ..Views::default() };
        let remarks = |views: &Views| rootfs(views, &host(0, &["/", "/w/a", "/w/b"]), &[], 1).remarks;
        let text = "`/w/a`, `/w/b` are read-only: each is mounted below a copy-on-write directory";
        assert_eq!(remarks(&views), [text]);
        let kept = Views { kept: vec!["/w/b".into()], ..views };
        assert_eq!(remarks(&kept), ["`/w/a` is read-only: it is mounted below a copy-on-write directory"]);
    }

    #[test]
    fn what_is_copied_within_a_kept_directory_lies_over_it() {
        let (project, target) = (PathBuf::from("/home/me/project"), PathBuf::from("/home/me/project/target"));
        let views = Views {
            copy_on_write: vec![project.clone(), target.clone()],
            kept: vec![project.clone()],
            copied_within: vec![target.clone()],
            ..Views::default()
        };
        let layers = rootfs(&views, &host(0, &["/"]), &[], 1).private.layers;
        let at = |path: &Path| layers.iter().rfind(|layer| layer.path == path).map(|layer| &layer.content);
        assert!(matches!(at(&project), Some(Content::Again { .. })), "{layers:?}");
        assert!(matches!(at(&target), Some(Content::CopyOnWrite { .. })), "{layers:?}");
        assert_eq!(layers.last().map(|layer| &layer.path), Some(&target));
    }

    #[test]
    fn the_system_is_never_covered() {
        for root in ["/", "/usr"] {
            assert_eq!(copied(&[root], &host(0, &["/"])), (Vec::new(), false));
        }
    }

    #[test]
    fn what_lies_deeper_is_mounted_later() {
        let views = Views {
            copy_on_write: vec!["/tmp/project".into()],
            kept: vec!["/tmp/project/snapshots".into()],
            ..Views::default()
        };
        let rootfs = rootfs(&views, &host(0, &["/"]), &[], 1);
        let depths: Vec<_> =
            rootfs.private.layers.iter().map(|layer| layer.path.components().count()).collect();
        assert!(depths.is_sorted(), "{depths:?}");
        assert_eq!(rootfs.private.layers.last().map(|layer| layer.path.clone()), views.kept.first().cloned());
    }
}
