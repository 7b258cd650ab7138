//! Names of unpacked entries. Pure.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Tree of the names of all entries, in which a directory's name is held once for all its entries.
#[derive(Debug, Default)]
pub(super) struct Names {
    root: Name,
    /// Number of the present layer.
    layer: usize,
}

/// Permissions and time of a directory that has an entry of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) mode: u32,
    /// Modification time in seconds since 1970.
    pub(super) modified: u64,
}

#[derive(Debug, Default)]
struct Name {
    inner: BTreeMap<OsString, Name>,
    /// Number of the last layer with an entry of this name, or of one below it.
    layer: usize,
    /// Number of the last layer that has removed the entries of earlier layers below this name.
    cleared: usize,
    look: Option<Look>,
}

impl Names {
    /// Begins the next layer.
    pub(super) fn next_layer(&mut self) {
        self.layer += 1;
    }

    /// Adds the name of an entry of the present layer. Returns the number of unknown names that its path implied.
    pub(super) fn add(&mut self, path: &Path) -> u64 {
        let (mut name, mut implied) = (&mut self.root, 0);
        let mut parts = path.iter().peekable();
        while let Some(part) = parts.next() {
            if !name.inner.contains_key(part) {
                name.inner.insert(part.to_owned(), Name::default());
                implied += u64::from(parts.peek().is_some());
            }
            name = name.inner.entry(part.to_owned()).or_default();
            name.layer = self.layer;
        }
        implied
    }

    /// Keeps the permissions and the time of a directory entry.
    pub(super) fn keep(&mut self, path: &Path, look: Look) {
        if let Some(name) = self.find(path) {
            name.look = Some(look);
        }
    }

    /// Removes all names below a path that is no longer a directory.
    pub(super) fn forget_below(&mut self, path: &Path) {
        if let Some(name) = self.find(path) {
            name.inner.clear();
            name.look = None;
        }
    }

    /// Returns whether the present layer has an entry of this name, or one below it.
    pub(super) fn is_of_present_layer(&self, path: &Path) -> bool {
        let name = path.iter().try_fold(&self.root, |name, part| name.inner.get(part));
        name.is_some_and(|name| name.layer == self.layer)
    }

    /// Returns whether no entries of earlier layers are left below a path.
    pub(super) fn is_cleared(&self, path: &Path) -> bool {
        let mut parts = path.iter();
        let mut name = Some(&self.root);
        while let Some(there) = name {
            if there.cleared == self.layer {
                return true;
            }
            name = parts.next().and_then(|part| there.inner.get(part));
        }
        false
    }

    /// Notes that no entries of earlier layers are left below a path.
    pub(super) fn clear(&mut self, path: &Path) {
        let layer = self.layer;
        if let Some(name) = self.find(path) {
            name.cleared = layer;
        }
    }

    /// Calls a function with each directory that has an entry of its own, inner ones first, until a call fails.
    pub(super) fn for_each_directory<E>(
        &self,
        mut apply: impl FnMut(&Path, Look) -> Result<(), E>,
    ) -> Result<(), E> {
        self.root.for_each_directory(&mut PathBuf::new(), &mut apply)
    }

    fn find(&mut self, path: &Path) -> Option<&mut Name> {
        path.iter().try_fold(&mut self.root, |name, part: &OsStr| name.inner.get_mut(part))
    }
}

impl Name {
    fn for_each_directory<E>(
        &self,
        path: &mut PathBuf,
        apply: &mut impl FnMut(&Path, Look) -> Result<(), E>,
    ) -> Result<(), E> {
        for (part, inner) in &self.inner {
            path.push(part);
            inner.for_each_directory(path, apply)?;
            path.pop();
        }
        self.look.map_or(Ok(()), |look| apply(path, look))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_counts_once() {
        let mut names = Names::default();
        assert_eq!(names.add(Path::new("a/b/c")), 2);
        assert_eq!(names.add(Path::new("a/b/d")), 0);
        names.forget_below(Path::new("a"));
        assert_eq!(names.add(Path::new("a/b/c")), 1);
    }

    #[test]
    fn what_is_cleared_is_known_with_all_below_it_until_the_next_layer() {
        let mut names = Names::default();
        names.next_layer();
        names.add(Path::new("a/b/c"));
        names.clear(Path::new("a/b"));
        let cleared = ["a", "a/b", "a/b/c"].map(|path| names.is_cleared(Path::new(path)));
        assert_eq!(cleared, [false, true, true]);
        names.next_layer();
        assert!(!names.is_of_present_layer(Path::new("a/b")));
        names.add(Path::new("a/b/d"));
        assert!(names.is_of_present_layer(Path::new("a")) && !names.is_of_present_layer(Path::new("a/b/c")));
        assert!(!names.is_cleared(Path::new("a/b/d")));
    }

    #[test]
    fn directories_come_from_the_inside_out() {
        let mut names = Names::default();
        for (path, mode) in [("a", 1), ("a/b/c", 2), ("", 3)] {
            names.add(Path::new(path));
            names.keep(Path::new(path), Look { mode, modified: 0 });
        }
        let mut told = Vec::new();
        let failed = names.for_each_directory(|path, look| {
            told.push((path.to_owned(), look.mode));
            if look.mode == 3 { Err("the end") } else { Ok(()) }
        });
        assert_eq!(failed, Err("the end"));
        assert_eq!(told, [("a/b/c".into(), 2), ("a".into(), 1), (PathBuf::new(), 3)]);
    }
}
