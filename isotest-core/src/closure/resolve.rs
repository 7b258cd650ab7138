//! Finds the closure of a program, over facts that somebody else reads. Pure.

use super::object::{Closure, Facts, Kind, Need, Object};
use super::search::{Candidate, Linker, Seeker};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Files in which libraries are looked for.
pub(super) trait Library {
    /// Returns the real path of the file at `path` and the facts that it states; `None` if no ELF file is there.
    fn at(&self, path: &Path) -> Option<(PathBuf, Facts)>;
}

/// Finds the closure of a program, the nearest libraries first, as loaders do.
pub(super) fn closure(
    program: &Path,
    real: PathBuf,
    facts: Facts,
    linker: &Linker,
    library: &impl Library,
) -> Closure {
    let program = Object { path: program.to_owned(), real, by_index: false, facts, needs: Vec::new() };
    let mut loading = Loading {
        linker,
        library,
        kind: program.facts.kind,
        loader: None,
        found: vec![Loaded { object: program, names: Vec::new(), needed_by: None }],
    };
    loading.interpreter();
    let mut next = 0;
    while next < loading.found.len() {
        loading.needs_of(next);
        next += 1;
    }
    let by_index = |object: &Object| {
        object.by_index
            && object.path.parent().is_none_or(|parent| !linker.defaults.iter().any(|one| one == parent))
    };
    let objects: Vec<Object> = loading.found.into_iter().map(|loaded| loaded.object).collect();
    let is_used = objects.iter().any(by_index) || linker.index.is_empty();
    Closure { objects, configuration: linker.configuration.clone().filter(|_| is_used) }
}

struct Loaded {
    object: Object,
    /// Names by which the object was found.
    names: Vec<OsString>,
    /// Index of the object that needed this one first.
    needed_by: Option<usize>,
}

struct Loading<'a, L> {
    linker: &'a Linker,
    library: &'a L,
    /// Kind of the program's file.
    kind: Kind,
    /// Index of the loader among the objects found.
    loader: Option<usize>,
    found: Vec<Loaded>,
}

impl<L: Library> Loading<'_, L> {
    fn interpreter(&mut self) {
        let Some(path) = self.found.first().and_then(|loaded| loaded.object.facts.interpreter.clone()) else {
            return;
        };
        self.loader = self.load(&Candidate { path: path.clone(), by_index: false }, path.as_os_str(), 0);
        let need = Need { name: path.into(), found: self.loader };
        self.found[0].object.needs.push(need);
    }

    fn needs_of(&mut self, user: usize) {
        for name in self.found[user].object.facts.needed.clone() {
            let found = self.loaded(&name).or_else(|| self.search(&name, user));
            if let Some(found) = found {
                let names = &mut self.found[found].names;
                if !names.contains(&name) {
                    names.push(name.clone());
                }
            }
            self.found[user].object.needs.push(Need { name, found });
        }
    }

    /// Finds a library that is loaded already by its name.
    fn loaded(&self, name: &OsStr) -> Option<usize> {
        if self.linker.is_own_name(name) {
            return self.loader;
        }
        // A program is never loaded as a library, whatever its name.
        let is_it = |loaded: &Loaded| {
            loaded.names.iter().any(|known| known == name)
                || loaded.object.facts.name.as_deref() == Some(name)
        };
        self.found.iter().skip(1).position(is_it).map(|position| position + 1)
    }

    fn search(&mut self, name: &OsStr, user: usize) -> Option<usize> {
        let candidates = {
            let mut chain = Vec::new();
            let mut next = Some(user);
            while let Some(loaded) = next.and_then(|n| self.found.get(n)) {
                let object = &loaded.object;
                // `$ORIGIN` of a program is its resolved path, which the kernel passes; that of a library is the path
                // at which it was found.
                let path = if loaded.needed_by.is_none() { &object.real } else { &object.path };
                let origin = path.parent().unwrap_or(Path::new("/"));
                chain.push(Seeker { facts: &object.facts, origin });
                next = loaded.needed_by;
            }
            self.linker.candidates(name, &chain)
        };
        candidates.iter().find_map(|candidate| self.load(candidate, name, user))
    }

    /// Loads the object at the candidate's path, if there is one of the right kind; the same file is loaded once.
    fn load(&mut self, candidate: &Candidate, name: &OsStr, user: usize) -> Option<usize> {
        let (real, facts) = self.library.at(&candidate.path)?;
        if facts.kind != self.kind {
            return None;
        }
        if let Some(known) = self.found.iter().position(|loaded| loaded.object.real == real) {
            return Some(known);
        }
        let Candidate { path, by_index } = candidate;
        let object = Object { path: path.clone(), real, by_index: *by_index, facts, needs: Vec::new() };
        self.found.push(Loaded { object, names: vec![name.to_owned()], needed_by: Some(user) });
        Some(self.found.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cache::Entry;
    use super::super::search::Flavour;
    use super::*;
    use std::collections::HashMap;

    /// Files by path. A file that only names another is a link to it.
    #[derive(Default)]
    struct Files(HashMap<PathBuf, (PathBuf, Facts)>);

    impl Library for Files {
        fn at(&self, path: &Path) -> Option<(PathBuf, Facts)> {
            let plain: PathBuf = path.components().fold(PathBuf::new(), |mut plain, part| {
                if part.as_os_str() == ".." {
                    plain.pop();
                } else {
                    plain.push(part);
                }
                plain
            });
            self.0.get(&plain).cloned()
        }
    }

    impl Files {
        fn with(mut self, path: &str, facts: Facts) -> Self {
            self.0.insert(path.into(), (path.into(), facts));
            self
        }
    }

    fn needing(names: &[&str]) -> Facts {
        Facts { needed: names.iter().map(OsString::from).collect(), ..Facts::default() }
    }

    fn linker(flavour: Flavour) -> Linker {
        Linker {
            flavour,
            library_path: Vec::new(),
            index: Vec::new(),
            configuration: None,
            defaults: vec!["/lib".into()],
            levels: &["v3", "v2"],
            lib: "lib64".into(),
            platform: "x86_64",
        }
    }

    fn paths_of(program: Facts, linker: &Linker, files: &Files) -> Vec<String> {
        let closure = closure(Path::new("/bin/p"), "/opt/p/bin/p".into(), program, linker, files);
        let found = closure.objects.iter().skip(1).map(|object| object.path.display().to_string());
        let missing =
            closure.missing().map(|(user, name)| format!("{} for {}", name.display(), user.path.display()));
        found.chain(missing).collect()
    }

    #[test]
    fn the_nearest_are_loaded_first_and_each_once() {
        let files = Files::default()
            .with("/lib/a", needing(&["c", "b"]))
            .with("/lib/b", needing(&["c"]))
            .with("/lib/c", needing(&["a"]));
        let found = paths_of(needing(&["a", "b"]), &linker(Flavour::Glibc), &files);
        assert_eq!(found, ["/lib/a", "/lib/b", "/lib/c"]);
    }

    #[test]
    fn what_is_missing_is_named_with_who_needs_it() {
        let files = Files::default().with("/lib/a", needing(&["b"]));
        assert_eq!(paths_of(needing(&["a"]), &linker(Flavour::Glibc), &files), ["/lib/a", "b for /lib/a"]);
    }

    #[test]
    fn directories_are_searched_in_the_loader_s_order() {
        let everywhere = ["/rpath/a", "/env/a", "/runpath/a", "/index/a", "/lib/a"];
        let mut linker = linker(Flavour::Glibc);
        linker.library_path = vec!["/env".into()];
        linker.index = vec![Entry { name: b"a".to_vec(), path: "/index/a".into() }];
        for (n, first) in everywhere.iter().enumerate() {
            let files = everywhere[n..]
                .iter()
                .fold(Files::default(), |files, path| files.with(path, Facts::default()));
            let with_rpath = Facts { rpath: Some("/rpath".into()), ..needing(&["a"]) };
            let with_runpath = Facts { runpath: Some("/runpath".into()), ..with_rpath.clone() };
            if *first != "/runpath/a" {
                assert_eq!(paths_of(with_rpath, &linker, &files), [*first]);
            }
            if *first != "/rpath/a" {
                assert_eq!(paths_of(with_runpath, &linker, &files), [*first]);
            }
        }
    }

    #[test]
    fn only_the_older_kind_of_run_path_is_inherited() {
        let files = Files::default().with("/run/a", needing(&["b"])).with("/run/b", Facts::default());
        let linker = linker(Flavour::Glibc);
        let rpath = Facts { rpath: Some("/run".into()), ..needing(&["a"]) };
        assert_eq!(paths_of(rpath, &linker, &files), ["/run/a", "/run/b"]);
        let runpath = Facts { runpath: Some("/run".into()), ..needing(&["a"]) };
        assert_eq!(paths_of(runpath, &linker, &files), ["/run/a", "b for /run/a"]);
    }

    #[test]
    fn the_origin_is_where_a_program_really_is() {
        let program =
            Facts { runpath: Some("$ORIGIN/../x:${ORIGIN}/$LIB:$OTHER".into()), ..needing(&["a", "b"]) };
        let files = Files::default()
            .with("/opt/p/x/a", Facts::default())
            .with("/opt/p/bin/lib64/b", Facts::default());
        let found = paths_of(program, &linker(Flavour::Glibc), &files);
        assert_eq!(found, ["/opt/p/bin/../x/a", "/opt/p/bin/lib64/b"]);
    }

    #[test]
    fn the_best_library_for_the_processor_is_taken() {
        let files = Files::default()
            .with("/lib/glibc-hwcaps/v2/a", Facts::default())
            .with("/lib/glibc-hwcaps/v4/a", Facts::default())
            .with("/lib/a", Facts::default());
        let mut linker = linker(Flavour::Glibc);
        assert_eq!(paths_of(needing(&["a"]), &linker, &files), ["/lib/glibc-hwcaps/v2/a"]);
        let entry = |path: &str| Entry { name: b"a".to_vec(), path: path.into() };
        linker.index = ["/lib/a", "/lib/glibc-hwcaps/v2/a", "/lib/glibc-hwcaps/v4/a"].map(entry).to_vec();
        assert_eq!(paths_of(needing(&["a"]), &linker, &files), ["/lib/glibc-hwcaps/v2/a"]);
    }

    #[test]
    fn libraries_of_another_kind_are_passed_over() {
        let other = Facts { kind: Kind { machine: 40, ..Kind::default() }, ..Facts::default() };
        let files = Files::default().with("/env/a", other).with("/lib/a", Facts::default());
        let mut linker = linker(Flavour::Glibc);
        linker.library_path = vec!["/env".into()];
        assert_eq!(paths_of(needing(&["a"]), &linker, &files), ["/lib/a"]);
    }

    #[test]
    fn musl_is_its_own_library_and_inherits_every_run_path() {
        let program = Facts {
            interpreter: Some("/lib/ld-musl".into()),
            runpath: Some("/run".into()),
            ..needing(&["a", "libc.so", "libm.so.6"])
        };
        let files = Files::default()
            .with("/lib/ld-musl", Facts::default())
            .with("/run/a", needing(&["b"]))
            .with("/run/b", Facts::default());
        assert_eq!(paths_of(program, &linker(Flavour::Musl), &files), ["/lib/ld-musl", "/run/a", "/run/b"]);
    }

    #[test]
    fn the_index_is_named_only_if_a_loader_could_not_do_without() {
        let mut linker = linker(Flavour::Glibc);
        linker.configuration = Some("/etc/ld.so.cache".into());
        for (path, expected) in [("/lib/a", None), ("/usr/local/lib/a", Some("/etc/ld.so.cache".into()))] {
            linker.index = vec![Entry { name: b"a".to_vec(), path: path.into() }];
            let files = Files::default().with(path, Facts::default());
            let closure = closure(Path::new("/p"), "/p".into(), needing(&["a"]), &linker, &files);
            assert_eq!(closure.configuration, expected);
        }
    }
}
