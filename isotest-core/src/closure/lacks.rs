//! Finds reasons why a program cannot be executed where its closure was looked for. Pure.

use super::object::{Closure, Kind};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// Thing without which a program does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// Loader that is missing.
    Loader {
        /// Path of the loader.
        path: PathBuf,
    },
    /// Library that is missing.
    Library {
        /// Name of the library.
        name: OsString,
        /// Object that needs the library.
        user: PathBuf,
    },
    /// Version of a library's symbols: the library is older than the one the program was linked with.
    Version {
        /// Name of the version, such as `GLIBC_2.34`.
        version: OsString,
        /// Library that is there and does not define the version.
        library: PathBuf,
        /// Object that needs the version.
        user: PathBuf,
    },
    /// Processor of the kind that the program was built for.
    Processor {
        /// Number of the machine, `EM_*` of elf(5).
        machine: u16,
    },
}

impl Closure {
    /// Lists everything the program lacks on a machine that executes code of the kind `native`. On most machines that
    /// is 64-bit, and 32-bit programs of the same family run, too: only the byte order and a foreign family are
    /// refused.
    pub fn lacks(&self, native: Kind) -> Vec<Lack> {
        let Some(program) = self.objects.first() else { return Vec::new() };
        if !runs(native, program.facts.kind) {
            return vec![Lack::Processor { machine: program.facts.kind.machine }];
        }
        let loader = program.facts.interpreter.as_deref();
        if let Some(path) = loader.filter(|path| self.missing().any(|(_, name)| path.as_os_str() == name)) {
            // Without a loader, nothing is known of the libraries that it would find.
            return vec![Lack::Loader { path: path.to_owned() }];
        }
        let missing = self.missing();
        let missing =
            missing.map(|(user, name)| Lack::Library { name: name.to_owned(), user: user.path.clone() });
        missing.chain(self.versions()).collect()
    }

    fn versions(&self) -> impl Iterator<Item = Lack> {
        self.objects.iter().flat_map(move |user| {
            let needed = user.facts.versions_needed.iter().filter_map(move |(name, versions)| {
                let need = user.needs.iter().find(|need| need.name == *name)?;
                Some((self.objects.get(need.found?)?, versions))
            });
            needed.flat_map(move |(library, versions)| {
                let defined = &library.facts.versions_defined;
                // A library without version definitions satisfies any version.
                let lacking =
                    versions.iter().filter(move |version| !defined.is_empty() && !defined.contains(version));
                lacking.map(|version| Lack::Version {
                    version: version.clone(),
                    library: library.path.clone(),
                    user: user.path.clone(),
                })
            })
        })
    }
}

/// Returns whether a machine executes code of another kind: its own, or the 32-bit one of its family.
fn runs(native: Kind, other: Kind) -> bool {
    use elf::abi::{EM_386, EM_AARCH64, EM_ARM, EM_X86_64};
    let older = [(EM_X86_64, EM_386), (EM_AARCH64, EM_ARM)];
    // Machine 0 stands for a processor that is not in the table: no program is refused there.
    native.machine == 0
        || native.is_little_endian == other.is_little_endian
            && (native.machine == other.machine || older.contains(&(native.machine, other.machine)))
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loader { path } => write!(f, "its dynamic loader `{}` is missing", path.display()),
            Self::Library { name, user } => {
                write!(f, "`{}`, which `{}` needs, is missing", name.display(), user.display())
            }
            Self::Version { version, library, user } => write!(
                f,
                "`{}` needs `{}`, which `{}` does not define: it is too old",
                user.display(),
                version.display(),
                library.display()
            ),
            Self::Processor { machine } => {
                let name = elf::to_str::e_machine_to_human_str(*machine);
                write!(f, "it is built for another architecture ({})", name.unwrap_or("unknown"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::object::{Facts, Need, Object};
    use super::*;

    const NATIVE: Kind = Kind { is_64_bit: true, is_little_endian: true, machine: elf::abi::EM_X86_64 };

    fn object(path: &str, facts: Facts, needs: &[(&str, Option<usize>)]) -> Object {
        let needs = needs.iter().map(|(name, found)| Need { name: name.into(), found: *found }).collect();
        Object { path: path.into(), real: path.into(), by_index: false, facts, needs }
    }

    fn lacks(objects: Vec<Object>) -> Vec<String> {
        let closure = Closure { objects, configuration: None };
        closure.lacks(NATIVE).iter().map(ToString::to_string).collect()
    }

    fn program() -> Facts {
        let needed = vec![("libc".into(), vec!["C_1".into(), "C_2".into()])];
        let interpreter = Some("/lib/ld".into());
        Facts { kind: NATIVE, interpreter, versions_needed: needed, ..Facts::default() }
    }

    fn libc(versions: &[&str]) -> Object {
        let versions_defined = versions.iter().map(OsString::from).collect();
        object("/lib/libc", Facts { versions_defined, ..Facts::default() }, &[])
    }

    #[test]
    fn without_a_loader_nothing_else_is_missed() {
        let program = object("/p", program(), &[("/lib/ld", None), ("libc", None)]);
        assert_eq!(lacks(vec![program]), ["its dynamic loader `/lib/ld` is missing"]);
    }

    #[test]
    fn an_older_library_lacks_versions() {
        let with = |libc: Object| {
            let loader = object("/lib/ld", Facts::default(), &[]);
            let program = object("/p", program(), &[("/lib/ld", Some(1)), ("libc", Some(2)), ("libx", None)]);
            lacks(vec![program, loader, libc])
        };
        let missing = "`libx`, which `/p` needs, is missing";
        assert_eq!(with(libc(&["C_1", "C_2"])), [missing]);
        assert_eq!(with(libc(&[])), [missing], "a library without versions has them all");
        assert_eq!(
            with(libc(&["C_1"])),
            [missing, "`/p` needs `C_2`, which `/lib/libc` does not define: it is too old"]
        );
    }

    #[test]
    fn code_for_another_processor_is_told() {
        for (machine, expected) in [(elf::abi::EM_AARCH64, 1), (elf::abi::EM_386, 0)] {
            let kind = Kind { machine, ..NATIVE };
            let facts = Facts { kind, ..Facts::default() };
            assert_eq!(lacks(vec![object("/p", facts, &[])]).len(), expected);
        }
    }
}
