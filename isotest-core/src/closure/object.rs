//! Describes a program with its loader and libraries, and the facts that each of these files states; pure.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Kind of machine code in a file. A loader passes over libraries of another kind than its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kind {
    /// Whether the code is of the 64-bit class.
    pub is_64_bit: bool,
    /// Whether the byte order is little-endian.
    pub is_little_endian: bool,
    /// Number of the machine, `EM_*` of elf(5).
    pub machine: u16,
}

/// Facts that an ELF file states for a dynamic linker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Kind of the file's machine code.
    pub kind: Kind,
    /// Path of the loader that the file asks for (`PT_INTERP`).
    pub interpreter: Option<PathBuf>,
    /// Name of the file as a library (`DT_SONAME`).
    pub name: Option<OsString>,
    /// Names of the libraries that the file needs, in order (`DT_NEEDED`).
    pub needed: Vec<OsString>,
    /// Run path in the old manner: directories searched first for the file's needs and for theirs (`DT_RPATH`).
    pub rpath: Option<OsString>,
    /// Run path for the file's own needs alone, searched after `LD_LIBRARY_PATH` (`DT_RUNPATH`).
    pub runpath: Option<OsString>,
    /// Whether the file forbids the index and the default directories (`DF_1_NODEFLIB`).
    pub skips_defaults: bool,
    /// Versions that the file needs of the symbols of each library.
    pub versions_needed: Vec<(OsString, Vec<OsString>)>,
    /// Versions of symbols that the file defines.
    pub versions_defined: Vec<OsString>,
}

/// Library that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Name by which the library is needed.
    pub name: OsString,
    /// Index of the library among the closure's objects; `None` if it is missing.
    pub found: Option<usize>,
}

/// File of a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Path at which the file was found, links not followed.
    pub path: PathBuf,
    /// Path of the file with all links followed.
    pub real: PathBuf,
    /// Whether only the index led to the file, and not its directory.
    pub by_index: bool,
    /// Facts that the file states.
    pub facts: Facts,
    /// Needs of the file: the loader, if it is a program, and then its libraries.
    pub needs: Vec<Need>,
}

/// Program with everything it needs to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// Program, its loader if it has one, and then the libraries in the order in which they are loaded.
    pub objects: Vec<Object>,
    /// Configuration of the loader without which it would not find all of the objects.
    pub configuration: Option<PathBuf>,
}

impl Closure {
    /// Returns the path of every file inside, each once.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let configuration = self.configuration.as_deref();
        self.objects.iter().map(|object| object.path.as_path()).chain(configuration)
    }

    /// Returns the libraries that were not found, each with the object that needs it.
    pub fn missing(&self) -> impl Iterator<Item = (&Object, &OsStr)> {
        self.objects.iter().flat_map(|object| {
            let missing = object.needs.iter().filter(|need| need.found.is_none());
            missing.map(move |need| (object, need.name.as_os_str()))
        })
    }
}
