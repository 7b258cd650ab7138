//! Parts of the host's `/run` that are seen. Pure.

use crate::host::{Host, HostEntry, Kind, REGISTRY, Run, WithSockets};
use crate::join_list;
use crate::plan::Entry;
use std::path::{Path, PathBuf};

/// Names of entries of services, whether or not they have a socket there now.
const HIDDEN: [&str; 8] = ["user", "dbus", "docker", "containerd", "podman", "crio", "libpod", "buildkit"];

/// Names of the entries at which the C library asks who has a user id, if not in `/etc/passwd` (nslcd(8),
/// winbindd(8), nss-systemd(8)). What answers host names as well, such as nscd(8), is not among them: there is no
/// network.
const ACCOUNTS: [&str; 3] = ["nslcd", "samba/winbindd", "systemd/userdb"];

/// Greatest number of mounts for `/run`, of each of which every attempt has its own copy.
const MAX_MOUNTS: usize = 256;

/// Parts of `/run` that are seen, and remarks on that for readers of the report.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) tree: Vec<Entry>,
    pub(super) remark: Option<String>,
}

/// Decides what is seen of `/run`, without sockets: that it is read-only keeps nobody from connecting to one.
pub(super) fn seen(host: &Host) -> Seen {
    let run = match &host.run {
        Ok(run) => run,
        Err(error) => {
            let remark = Some(format!("`/run` is empty: it cannot be read ({error})"));
            return Seen { remark, ..Seen::default() };
        }
    };
    let mut tree = Tree { run, entries: Vec::new(), mounts_left: MAX_MOUNTS, emptied: Vec::new() };
    let shown =
        run.entries.iter().filter(|entry| !is_among(&HIDDEN, &entry.path) && !is_registry(&entry.path));
    shown.for_each(|entry| tree.add(entry));
    Seen { remark: emptied(&tree.emptied), tree: tree.entries }
}

fn is_among(names: &[&str], path: &Path) -> bool {
    names.iter().any(|name| path == Path::new("/run").join(name))
}

/// Returns whether a path is one at which runs are found, which come and go: it may have gone before it is bound.
fn is_registry(path: &Path) -> bool {
    let number =
        path.strip_prefix("/run").ok().and_then(Path::to_str).and_then(|name| name.strip_prefix(REGISTRY));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

fn emptied(directories: &[PathBuf]) -> Option<String> {
    const NAMED: usize = 3;
    let names = join_list::paths(directories, NAMED);
    let (are, each) = if directories.len() == 1 { ("is", "it has") } else { ("are", "each has") };
    (!directories.is_empty())
        .then(|| format!("{names} {are} empty: {each} sockets of the host, and too much besides"))
}

/// Tree of `/run` while it is decided.
struct Tree<'a> {
    run: &'a Run,
    entries: Vec<Entry>,
    mounts_left: usize,
    /// Directories that would need more mounts than are left.
    emptied: Vec<PathBuf>,
}

impl<'a> Tree<'a> {
    fn add(&mut self, entry: &HostEntry) {
        match self.opened(entry) {
            Some(opened) => self.open(&entry.path, opened),
            None if entry.kind == Kind::Socket => {}
            None => self.entries.push(Entry::from(entry)),
        }
    }

    /// Returns the content of a directory that is not bound.
    fn opened(&self, entry: &HostEntry) -> Option<&'a WithSockets> {
        self.run.with_sockets.get(&entry.path).filter(|_| !is_among(&ACCOUNTS, &entry.path))
    }

    /// Puts another directory in the place of one with sockets, with all but these, in which none that is made later
    /// is seen either.
    fn open(&mut self, path: &Path, opened: &WithSockets) {
        self.entries.push(Entry::Directory { path: path.to_owned(), mode: opened.mode });
        let is_bound = |entry: &&HostEntry| {
            matches!(entry.kind, Kind::Directory | Kind::File) && self.opened(entry).is_none()
        };
        let mounts = opened.entries.iter().filter(is_bound).count();
        match self.mounts_left.checked_sub(mounts) {
            Some(left) => {
                self.mounts_left = left;
                opened.entries.iter().for_each(|entry| self.add(entry));
            }
            None => self.emptied.push(path.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::sample;

    fn entry(path: &str, kind: Kind) -> HostEntry {
        HostEntry { path: Path::new("/run").join(path), kind }
    }

    fn decided(entries: Vec<HostEntry>, with_sockets: Vec<(&str, Vec<HostEntry>)>) -> Seen {
        let opened = |(path, entries)| (Path::new("/run").join(path), WithSockets { mode: 0o750, entries });
        let with_sockets = with_sockets.into_iter().map(opened).collect();
        seen(&Host { run: Ok(Run { entries, with_sockets }), ..sample(0) })
    }

    fn paths(seen: &Seen, is_wanted: impl Fn(&Entry) -> bool) -> Vec<&Path> {
        seen.tree.iter().filter(|entry| is_wanted(entry)).map(Entry::path).collect()
    }

    #[test]
    fn a_directory_with_sockets_is_another_without_them() {
        let entries = vec![
            entry("a", Kind::Directory),
            entry("isotest-0", Kind::Directory),
            entry("link", Kind::Symlink { target: "a".into() }),
            entry("plain", Kind::Directory),
            entry("socket", Kind::Socket),
            entry("user", Kind::Directory),
        ];
        let in_a = vec![
            entry("a/b", Kind::Directory),
            entry("a/plain", Kind::Directory),
            entry("a/socket", Kind::Socket),
        ];
        let in_b = vec![entry("a/b/file", Kind::File), entry("a/b/socket", Kind::Socket)];
        let in_user = vec![entry("user/socket", Kind::Socket)];
        let seen = decided(entries, vec![("a", in_a), ("a/b", in_b), ("user", in_user)]);
        let bound = paths(&seen, |entry| matches!(entry, Entry::Bind { .. }));
        assert_eq!(bound, ["/run/a/b/file", "/run/a/plain", "/run/plain"].map(Path::new));
        let made = paths(&seen, |entry| matches!(entry, Entry::Directory { mode: 0o750, .. }));
        assert_eq!(made, ["/run/a", "/run/a/b"].map(Path::new));
        assert_eq!((seen.tree.len(), seen.remark), (6, None));
    }

    #[test]
    fn what_answers_whose_a_user_id_is_stays() {
        let winbind = || vec![entry("samba/winbindd", Kind::Directory), entry("samba/other", Kind::Socket)];
        let pipe = || vec![entry("samba/winbindd/pipe", Kind::Socket)];
        let entries = vec![entry("samba", Kind::Directory)];
        let seen = decided(entries, vec![("samba", winbind()), ("samba/winbindd", pipe())]);
        assert_eq!(paths(&seen, |_| true), ["/run/samba", "/run/samba/winbindd"].map(Path::new));
        assert!(matches!(seen.tree[1], Entry::Bind { .. }));
    }

    #[test]
    fn a_directory_that_takes_too_many_mounts_is_empty_and_that_is_said() {
        let files = |directory: &str, count: usize| {
            let names = (0..count).map(|n| format!("{directory}/{n}"));
            names.map(|name| entry(&name, Kind::File)).collect::<Vec<_>>()
        };
        let entries = || vec![entry("a", Kind::Directory), entry("b", Kind::Directory)];
        let all = |few, many| decided(entries(), vec![("a", files("a", few)), ("b", files("b", many))]);
        let fitting = all(1, MAX_MOUNTS - 1);
        assert_eq!((fitting.tree.len(), fitting.remark), (2 + MAX_MOUNTS, None));
        let seen = all(2, MAX_MOUNTS - 1);
        assert_eq!(seen.tree.len(), 4);
        let text = "`/run/b` is empty: it has sockets of the host, and too much besides";
        assert_eq!(seen.remark.as_deref(), Some(text));
    }
}
