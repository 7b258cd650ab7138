//! A program with its loader and libraries, and what each of these files says of itself; pure.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The kind of machine code in a file. A loader passes over libraries of another kind than its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kind {
    /// Whether it is of the 64-bit class.
    pub is_64_bit: bool,
    /// Its byte order.
    pub is_little_endian: bool,
    /// `EM_*` of elf(5).
    pub machine: u16,
}

/// Facts that an ELF file states for a dynamic linker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Its machine code.
    pub kind: Kind,
    /// The loader it asks for (`PT_INTERP`).
    pub interpreter: Option<PathBuf>,
    /// Its own name as a library (`DT_SONAME`).
    pub name: Option<OsString>,
    /// The libraries it needs, in order (`DT_NEEDED`).
    pub needed: Vec<OsString>,
    /// Where it and what it needs look first, in the old manner (`DT_RPATH`).
    pub rpath: Option<OsString>,
    /// Where it alone looks, after `LD_LIBRARY_PATH` (`DT_RUNPATH`).
    pub runpath: Option<OsString>,
    /// Whether it forbids the index and the default directories (`DF_1_NODEFLIB`).
    pub skips_defaults: bool,
    /// The versions it needs of the symbols of each library.
    pub versions_needed: Vec<(OsString, Vec<OsString>)>,
    /// The versions of symbols it defines.
    pub versions_defined: Vec<OsString>,
}

/// A library that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Name by which it is needed.
    pub name: OsString,
    /// Which of the closure's objects it is; `None` if it is missing.
    pub found: Option<usize>,
}

/// A file of a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The path at which it was found, links not followed.
    pub path: PathBuf,
    /// Where it really is.
    pub real: PathBuf,
    /// Whether only the index led to it, and not its directory.
    pub by_index: bool,
    /// Facts that its file states.
    pub facts: Facts,
    /// The loader, if it is a program, and then its libraries.
    pub needs: Vec<Need>,
}

/// A program with everything it needs to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// The program, its loader if it has one, and then the libraries in the order in which they are loaded.
    pub objects: Vec<Object>,
    /// The configuration of the loader without which it would not find them all.
    pub configuration: Option<PathBuf>,
}

impl Closure {
    /// Every file, each once, by its path inside.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let configuration = self.configuration.as_deref();
        self.objects.iter().map(|object| object.path.as_path()).chain(configuration)
    }

    /// Libraries that were not found, each with the object that needs it.
    pub fn missing(&self) -> impl Iterator<Item = (&Object, &OsStr)> {
        self.objects.iter().flat_map(|object| {
            let missing = object.needs.iter().filter(|need| need.found.is_none());
            missing.map(move |need| (object, need.name.as_os_str()))
        })
    }
}
