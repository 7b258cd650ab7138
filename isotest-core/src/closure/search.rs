//! Lists the places at which a loader looks for a library, in order. Pure.

use super::cache::Entry;
use super::object::Facts;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

/// Names that musl has built in, behind `lib`: an object that needs one of these gets the loader itself.
const IN_MUSL: [&str; 7] = ["c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."];

/// Flavour of a loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// Dynamic linker of the GNU C library.
    Glibc,
    /// Dynamic linker of musl.
    Musl,
}

/// Loader with everything that directs its search but the objects themselves.
#[derive(Debug)]
pub(super) struct Linker {
    pub(super) flavour: Flavour,
    /// Directories of `LD_LIBRARY_PATH`.
    pub(super) library_path: Vec<PathBuf>,
    /// Entries of the index, of glibc only.
    pub(super) index: Vec<Entry>,
    /// File that gave the index or, with musl, the default directories.
    pub(super) configuration: Option<PathBuf>,
    /// Default directories.
    pub(super) defaults: Vec<PathBuf>,
    /// Subdirectories of `glibc-hwcaps` for this processor, best first.
    pub(super) levels: &'static [&'static str],
    /// Values of `$LIB` and `$PLATFORM`.
    pub(super) lib: String,
    pub(super) platform: &'static str,
}

/// Object as far as the search for its needs is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeker<'a> {
    pub(super) facts: &'a Facts,
    /// Value of `$ORIGIN`: the directory of the object.
    pub(super) origin: &'a Path,
}

/// Path at which a library may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// Whether the path came from the index.
    pub(super) by_index: bool,
}

impl Linker {
    /// Returns whether the name means the loader itself.
    pub(super) fn is_own_name(&self, name: &OsStr) -> bool {
        let name = name.as_bytes().strip_prefix(b"lib");
        self.flavour == Flavour::Musl
            && name.is_some_and(|name| IN_MUSL.iter().any(|own| name.starts_with(own.as_bytes())))
    }

    /// Returns every place at which the library `name` is looked for. `chain` is the object that needs it, the one
    /// that needed that, and so on up to the program.
    pub(super) fn candidates(&self, name: &OsStr, chain: &[Seeker<'_>]) -> Vec<Candidate> {
        if name.as_bytes().contains(&b'/') {
            return vec![Candidate { path: name.into(), by_index: false }];
        }
        let mut found = Vec::new();
        match self.flavour {
            Flavour::Glibc => self.as_glibc(name, chain, &mut found),
            Flavour::Musl => {
                let of_objects = chain.iter().flat_map(|seeker| {
                    let path = seeker.facts.runpath.as_deref().or(seeker.facts.rpath.as_deref());
                    self.expanded(path, seeker.origin)
                });
                let directories = self.library_path.iter().cloned().chain(of_objects);
                found.extend(
                    directories.chain(self.defaults.clone()).map(|directory| plain(&directory, name)),
                );
            }
        }
        found
    }

    fn as_glibc(&self, name: &OsStr, chain: &[Seeker<'_>], found: &mut Vec<Candidate>) {
        let Some(seeker) = chain.first() else { return };
        let mut directories = Vec::new();
        if seeker.facts.runpath.is_none() {
            // `DT_RPATH` of an object is ignored if it has a `DT_RUNPATH`.
            for one in chain.iter().filter(|one| one.facts.runpath.is_none()) {
                directories.extend(self.expanded(one.facts.rpath.as_deref(), one.origin));
            }
        }
        directories.extend(self.library_path.iter().cloned());
        directories.extend(self.expanded(seeker.facts.runpath.as_deref(), seeker.origin));
        found.extend(directories.iter().flat_map(|directory| self.in_directory(directory, name)));
        if seeker.facts.skips_defaults {
            return;
        }
        let mut indexed: Vec<_> = self
            .index
            .iter()
            .filter(|entry| entry.name == name.as_bytes())
            .filter_map(|entry| Some((self.rank(&entry.path)?, &entry.path)))
            .collect();
        indexed.sort_by_key(|(rank, _)| *rank);
        found.extend(indexed.iter().map(|(_, path)| Candidate { path: (*path).clone(), by_index: true }));
        found.extend(self.defaults.iter().flat_map(|directory| self.in_directory(directory, name)));
    }

    fn in_directory<'a>(
        &'a self,
        directory: &'a Path,
        name: &'a OsStr,
    ) -> impl Iterator<Item = Candidate> + 'a {
        let level = move |level| Candidate {
            path: directory.join("glibc-hwcaps").join(level).join(name),
            by_index: false,
        };
        self.levels.iter().map(level).chain([plain(directory, name)])
    }

    /// Ranks a path of the index: lower for better processors; `None` if it needs a better one than this.
    fn rank(&self, path: &Path) -> Option<usize> {
        let mut parts = path.components().map(Component::as_os_str);
        if !parts.any(|part| part == "glibc-hwcaps") {
            return Some(self.levels.len());
        }
        let level = parts.next()?;
        self.levels.iter().position(|known| level == *known)
    }

    /// Returns the absolute directories of a run path with variables replaced; unknown ones are left out.
    fn expanded(&self, path: Option<&OsStr>, origin: &Path) -> Vec<PathBuf> {
        let parts = path.into_iter().flat_map(|path| path.as_bytes().split(|byte| *byte == b':'));
        let parts = parts.filter_map(|part| self.replaced(part, origin)).map(PathBuf::from);
        parts.filter(|directory| directory.is_absolute()).collect()
    }

    fn replaced(&self, text: &[u8], origin: &Path) -> Option<OsString> {
        let mut replaced = Vec::new();
        let mut rest = text;
        while let Some((&byte, tail)) = rest.split_first() {
            if byte != b'$' {
                replaced.push(byte);
                rest = tail;
                continue;
            }
            let (value, name): (&[u8], &[u8]) = if let Some(name) = variable(tail, b"ORIGIN") {
                (origin.as_os_str().as_bytes(), name)
            } else if let Some(name) = variable(tail, b"LIB").filter(|_| self.flavour == Flavour::Glibc) {
                (self.lib.as_bytes(), name)
            } else {
                let name = variable(tail, b"PLATFORM").filter(|_| self.flavour == Flavour::Glibc)?;
                (self.platform.as_bytes(), name)
            };
            replaced.extend_from_slice(value);
            rest = name;
        }
        Some(OsString::from_vec(replaced))
    }
}

/// Returns the text after the variable `name` or `{name}`, if it begins with that.
fn variable<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if let Some(inside) = text.strip_prefix(b"{") {
        return inside.strip_prefix(name)?.strip_prefix(b"}");
    }
    let rest = text.strip_prefix(name)?;
    let goes_on = rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    (!goes_on).then_some(rest)
}

fn plain(directory: &Path, name: &OsStr) -> Candidate {
    Candidate { path: directory.join(name), by_index: false }
}

/// Finds the default directories that stand in the file of a loader of glibc: strings one behind the other, each with
/// a slash at both ends.
pub(super) fn built_in(loader: &[u8]) -> Option<Vec<PathBuf>> {
    let is_directory = |text: &&[u8]| text.starts_with(b"/") && text.ends_with(b"/");
    let mut strings = loader.split(|byte| *byte == 0).peekable();
    loop {
        let mut found = vec![strings.find(is_directory)?];
        while let Some(next) = strings.next_if(is_directory) {
            found.push(next);
        }
        let is_of_libraries = |text: &&[u8]| text.windows(4).any(|part| part == b"/lib");
        if found.len() > 1 && found.iter().all(is_of_libraries) {
            let directory = |text: &[u8]| Some(OsStr::from_bytes(text.strip_suffix(b"/")?).into());
            return found.into_iter().map(directory).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_says_which_directories_it_has_built_in() {
        let directories = |text: &str| built_in(text.as_bytes()).unwrap_or_default();
        let found = directories(
            "x\0/proc/self/\0x\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0y",
        );
        let expected = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"];
        assert_eq!(found, expected.map(PathBuf::from));
        assert_eq!(directories("\0/lib64/\0/usr/lib64/\0"), ["/lib64", "/usr/lib64"].map(PathBuf::from));
        assert_eq!(directories("/lib\0/lib/\0x\0/a/\0/b/\0"), [""; 0].map(PathBuf::from));
    }

    #[test]
    fn mutated_loaders_are_read_or_refused() {
        let seed = b"\x7fELF\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0end";
        mutations::try_all("loader", &[seed], |bytes| {
            let _ = built_in(bytes);
        });
    }
}
