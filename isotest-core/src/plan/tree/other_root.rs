//! Roots other than the host's: a tree from elsewhere, or next to nothing. They are resolved to the same entries and
//! layers, so that nobody else knows the difference. Pure.

use super::host_root::{self, Layers, OURS, Rootfs, Views};
use crate::host::{Host, HostEntry, Kind};
use crate::plan::{Access, Content, Entry, Layer, View};
use std::path::{Path, PathBuf};

/// Root that becomes `/` of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Root {
    /// Root of the host.
    #[default]
    Host,
    /// Root with nothing of the host but the views and these files.
    Minimal(Minimal),
    /// Root file system in a directory of the host, which is not changed.
    Tree(Tree),
}

/// Directories of a root that has nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Minimal {
    /// Files of the host: where they really are, and where they are seen. Read-only.
    pub files: Vec<(PathBuf, PathBuf)>,
    /// Empty directories.
    pub directories: Vec<PathBuf>,
}

/// Root file system in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// Path of the directory, absolute and free of symbolic links.
    pub path: PathBuf,
    /// Entries in the directory, by their paths inside.
    pub entries: Vec<HostEntry>,
    /// Whether writes succeed and are thrown away; otherwise the root is read-only.
    pub copy_on_write: bool,
}

/// Decides the tree of a root other than the host's.
pub(super) fn rootfs(root: &Root, views: &Views, host: &Host, cgroups: &[View], jobs: usize) -> Rootfs {
    let mut tree = Vec::new();
    host_root::own_directories(&mut tree);
    host_root::devices(&mut tree);
    host_root::system(&mut tree, cgroups, host);
    let mut layers = Layers { tree, covering: own(views, host), ..Layers::default() };
    match root {
        Root::Host => {}
        Root::Minimal(minimal) => layers.minimal(minimal),
        Root::Tree(tree) => layers.tree(tree, host),
    }
    layers.finish(views, host, cgroups, jobs)
}

/// Makes the layers of the private directories. Here `/run` is one of them, since nothing of the host's is seen in
/// it.
fn own(views: &Views, host: &Host) -> Vec<Layer> {
    let mut layers = host_root::private_directories(views, host);
    let homes = views.missing_home.iter().map(|path| (path.clone(), 0o700));
    for (path, mode) in [("/run".into(), 0o755), ("/var/tmp".into(), 0o1777)].into_iter().chain(homes) {
        if !layers.iter().any(|layer| layer.path == path) {
            layers.push(private(path, mode));
        }
    }
    layers
}

fn private(path: PathBuf, mode: u32) -> Layer {
    Layer { path, content: Content::Private { mode, links: Vec::new() } }
}

impl Layers {
    fn minimal(&mut self, minimal: &Minimal) {
        for (from, to) in &minimal.files {
            self.show(from, to, Access::ReadOnly, false);
        }
        for directory in &minimal.directories {
            self.directories_to(directory);
        }
    }

    /// Adds the entries of a tree. Each top-level directory is a view of its own: `/` itself holds the mount points
    /// and is sealed.
    fn tree(&mut self, tree: &Tree, host: &Host) {
        for HostEntry { path, kind } in &tree.entries {
            if OURS.iter().any(|ours| *path == Path::new("/").join(ours)) {
                continue;
            }
            let from = path.strip_prefix("/").map_or_else(|_| tree.path.clone(), |name| tree.path.join(name));
            // The kernel refuses ordinary users a view that leaves out what is mounted below.
            let has_mounts = host.mount_points.iter().any(|point| point.starts_with(&from));
            let refusal = host.cow_sources.refusal(path);
            let is_refused = has_mounts && host.ids.uid != 0 || refusal.is_some();
            match kind {
                Kind::Symlink { target } => {
                    self.tree.push(Entry::Symlink { path: path.clone(), target: target.clone() });
                }
                Kind::EmptyDirectory { mode } if tree.copy_on_write => {
                    self.covering.push(private(path.clone(), *mode));
                }
                Kind::Directory if tree.copy_on_write && !is_refused => {
                    let from = self.hide(&from, Access::ReadOnly, false);
                    self.covering.push(Layer { path: path.clone(), content: Content::CopyOnWrite { from } });
                }
                Kind::Directory | Kind::EmptyDirectory { .. } | Kind::File => {
                    if is_refused && tree.copy_on_write {
                        let why =
                            refusal.unwrap_or("something is mounted in it, which only root can leave out");
                        self.not_copied.push(format!("`{}` is read-only: {why}", from.display()));
                    }
                    let to = path.clone();
                    self.tree.push(Entry::Bind { from, to, access: Access::ReadOnly, recursive: true });
                }
                Kind::Socket => {}
            }
        }
    }

    /// Makes a place for each layer that is not below another; those are made with the other.
    pub(super) fn make_room(&mut self) {
        let paths: Vec<PathBuf> = self.covering.iter().map(|layer| layer.path.clone()).collect();
        for path in paths {
            if !self.covering.iter().any(|layer| path != layer.path && path.starts_with(&layer.path)) {
                self.directories_to(&path);
            }
        }
    }

    /// Adds what is not there of a directory and those on the way to it. What is bound has its own.
    fn directories_to(&mut self, directory: &Path) {
        let mut way: Vec<&Path> = directory.ancestors().collect();
        way.pop();
        for path in way.into_iter().rev() {
            let is_here = |entry: &Entry| match entry {
                Entry::Directory { path: other, .. }
                | Entry::Symlink { path: other, .. }
                | Entry::File { path: other }
                | Entry::Copy { to: other, .. } => other == path,
                Entry::Bind { to, .. } => to.starts_with(path) || path.starts_with(to),
                Entry::Sysfs { path: other }
                | Entry::Proc { path: other }
                | Entry::Tmpfs { path: other, .. } => path.starts_with(other),
            };
            if !self.tree.iter().any(is_here) {
                self.tree.push(Entry::Directory { path: path.to_owned(), mode: 0o755 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::sample;

    fn host(uid: u32, mount_points: &[&str]) -> Host {
        let root_entries = vec![HostEntry { path: "/host".into(), kind: Kind::Directory }];
        Host { root_entries, mount_points: mount_points.iter().map(PathBuf::from).collect(), ..sample(uid) }
    }

    fn tree(copy_on_write: bool) -> Root {
        let entry = |path: &str, kind| HostEntry { path: path.into(), kind };
        let entries = vec![
            entry("/bin", Kind::Symlink { target: "usr/bin".into() }),
            entry("/home", Kind::EmptyDirectory { mode: 0o755 }),
            entry("/proc", Kind::EmptyDirectory { mode: 0o555 }),
            entry("/tmp", Kind::Directory),
            entry("/usr", Kind::Directory),
        ];
        Root::Tree(Tree { path: "/trees/a".into(), entries, copy_on_write })
    }

    fn layer<'a>(rootfs: &'a Rootfs, path: &str) -> Option<&'a Content> {
        let mut layers = rootfs.private.layers.iter();
        layers.find(|layer| layer.path == Path::new(path)).map(|layer| &layer.content)
    }

    fn bound(rootfs: &Rootfs, path: &str) -> bool {
        rootfs.tree.iter().any(|entry| matches!(entry, Entry::Bind { from, .. } if from == Path::new(path)))
    }

    #[test]
    fn a_tree_is_copied_and_the_sandbox_s_own_directories_are_not_its() {
        let rootfs = rootfs(&tree(true), &Views::default(), &host(0, &["/"]), &[], 1);
        assert!(matches!(layer(&rootfs, "/usr"), Some(Content::CopyOnWrite { .. })));
        assert!(matches!(layer(&rootfs, "/home"), Some(Content::Private { .. })));
        assert!(matches!(layer(&rootfs, "/tmp"), Some(Content::Private { .. })));
        assert!(
            bound(&rootfs, "/trees/a/usr") && !bound(&rootfs, "/trees/a/tmp") && !bound(&rootfs, "/host")
        );
        assert!(layer(&rootfs, "/proc").is_none());
    }

    #[test]
    fn without_copying_a_tree_is_read_only() {
        let rootfs = rootfs(&tree(false), &Views::default(), &host(0, &["/"]), &[], 1);
        assert!(bound(&rootfs, "/trees/a/usr") && layer(&rootfs, "/usr").is_none());
    }

    #[test]
    fn a_mount_in_a_tree_costs_a_user_the_directory_it_is_in() {
        let mounts = ["/", "/trees/a/usr/proc"];
        let of_user = rootfs(&tree(true), &Views::default(), &host(1000, &mounts), &[], 1);
        assert!(layer(&of_user, "/usr").is_none() && of_user.not_copied.is_some());
        let of_root = rootfs(&tree(true), &Views::default(), &host(0, &mounts), &[], 1);
        assert!(layer(&of_root, "/usr").is_some() && of_root.not_copied.is_none());
    }

    #[test]
    fn every_layer_has_a_place() {
        let views = Views {
            copy_on_write: vec!["/code/project".into(), "/usr/src/project".into()],
            missing_home: Some("/away/home".into()),
            ..Views::default()
        };
        let minimal = Root::Minimal(Minimal {
            files: vec![("/real/lib/a".into(), "/lib/a".into())],
            directories: vec!["/lib/empty".into(), "/x/y".into()],
        });
        let rootfs = rootfs(&minimal, &views, &host(0, &["/"]), &[], 1);
        let is_made = |path: &str| {
            rootfs.tree.iter().any(
                |entry| matches!(entry, Entry::Directory { path: other, .. } if other == Path::new(path)),
            )
        };
        for path in ["/code", "/code/project", "/usr/src", "/away/home", "/var", "/var/tmp", "/x", "/x/y"] {
            assert!(is_made(path), "{path}");
        }
    }
}
