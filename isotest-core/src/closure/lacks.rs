//! Why a program cannot be executed where its closure was looked for. Pure.

use super::{Closure, Kind};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// Something without which a program does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The loader.
    Loader {
        /// Its path.
        path: PathBuf,
    },
    /// A library.
    Library {
        /// Its name.
        name: OsString,
        /// Who needs it.
        user: PathBuf,
    },
    /// A version of a library's symbols: the library is older than the one the program was linked with.
    Version {
        /// The version, such as `GLIBC_2.34`.
        version: OsString,
        /// The library that is there and does not define it.
        library: PathBuf,
        /// Who needs it.
        user: PathBuf,
    },
    /// A processor of this kind.
    Processor {
        /// `EM_*` of elf(5).
        machine: u16,
    },
}

impl Closure {
    /// Everything the program lacks on a machine that executes code of the kind `native`. On most that is 64-bit, and
    /// 32-bit programs of the same family run, too: only the byte order and a foreign family are refused.
    pub fn lacks(&self, native: Kind) -> Vec<Lack> {
        let Some(program) = self.objects.first() else { return Vec::new() };
        if !runs(native, program.facts.kind) {
            return vec![Lack::Processor { machine: program.facts.kind.machine }];
        }
        let missing = self.missing().map(|(user, name)| {
            let is_loader = user.facts.interpreter.as_deref().is_some_and(|path| path.as_os_str() == name);
            if is_loader {
                Lack::Loader { path: name.into() }
            } else {
                Lack::Library { name: name.to_owned(), user: user.path.clone() }
            }
        });
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
                // A library without any versions satisfies everybody.
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

/// Whether a machine executes code of another kind: its own, or the 32-bit one of its family.
fn runs(native: Kind, other: Kind) -> bool {
    use elf::abi::{EM_386, EM_AARCH64, EM_ARM, EM_X86_64};
    let older = [(EM_X86_64, EM_386), (EM_AARCH64, EM_ARM)];
    // Of a machine that is not in the list nothing is known.
    native.machine == 0
        || native.is_little_endian == other.is_little_endian
            && (native.machine == other.machine || older.contains(&(native.machine, other.machine)))
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loader { path } => write!(f, "its loader `{}` is not there", path.display()),
            Self::Library { name, user } => {
                write!(f, "`{}`, which `{}` needs, is not there", name.display(), user.display())
            }
            Self::Version { version, library, user } => write!(
                f,
                "`{}` needs `{}`, which `{}` there is too old to have",
                user.display(),
                version.display(),
                library.display()
            ),
            Self::Processor { machine } => {
                let name = elf::to_str::e_machine_to_human_str(*machine);
                write!(f, "it is for another processor ({})", name.unwrap_or("unknown"))
            }
        }
    }
}
