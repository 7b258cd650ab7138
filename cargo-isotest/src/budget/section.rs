//! Reads the budgets in a test binary without executing it.

use elf::abi::ELFMAGIC;
use elf::endian::AnyEndian;
use elf::{ElfStream, ParseError};
use isotest_core::budget::{self, Entry, SECTION, Unreadable};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

/// Sections of instrumented binaries, with the purposes of the instrumentation.
const INSTRUMENTED: [(&str, &str); 3] = [
    ("__llvm_prf_cnts", "coverage or profiling"),
    ("__llvm_covmap", "coverage"),
    ("asan_globals", "AddressSanitizer"),
];

/// Budgets that a test binary declares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Declared {
    /// Entries of the binary's section.
    pub(crate) entries: Entries,
    /// Purpose of the instrumentation, which changes the figures of the tests.
    pub(crate) instrumented: Option<&'static str>,
}

/// Entries of a test binary, by the names of tests and modules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entries(BTreeMap<String, Vec<Entry>>);

impl FromIterator<Entry> for Entries {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        let mut collected = Self::default();
        collected.extend(entries);
        collected
    }
}

impl Extend<Entry> for Entries {
    fn extend<T: IntoIterator<Item = Entry>>(&mut self, entries: T) {
        for entry in entries {
            self.0.entry(entry.name.clone()).or_default().push(entry);
        }
    }
}

impl Entries {
    /// Returns the entries that hold for the test of that name.
    pub(crate) fn covering<'a>(&'a self, test: &'a str) -> impl Iterator<Item = &'a Entry> {
        let above = test.match_indices("::").map(|(at, _)| &test[..at]);
        above.chain([test]).filter_map(|name| self.0.get(name)).flatten()
    }

    /// Returns the entries that hold for none of these tests.
    pub(crate) fn unused<'a>(&'a self, tests: &[&str]) -> Vec<&'a Entry> {
        let used: BTreeSet<_> =
            tests.iter().flat_map(|test| self.covering(test)).map(|entry| entry.name.as_str()).collect();
        self.0.values().flatten().filter(|entry| !used.contains(entry.name.as_str())).collect()
    }

    /// Returns all entries, in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.values().flatten()
    }
}

/// Error of unreadable budgets in a test binary.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SectionError {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is a directory, a device or a pipe.
    #[error("it is no regular file")]
    NoFile,
    /// The file is no program.
    #[error("it is no ELF file")]
    NoProgram,
    /// The file is only the beginning of a program.
    #[error("it ends before its sections do")]
    Cut,
    /// The file is damaged.
    #[error(transparent)]
    File(ParseError),
    /// A record has a format that this version does not know.
    #[error(transparent)]
    Record(#[from] Unreadable),
}

impl From<ParseError> for SectionError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::BadMagic(_) => Self::NoProgram,
            ParseError::BadOffset(_) => Self::Cut,
            ParseError::IOError(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Cut,
            ParseError::IOError(error) => Self::Io(error),
            error => Self::File(error),
        }
    }
}

impl Declared {
    /// Reads a test binary of a run. Files that are not ELF, or only the beginning of one, have no budgets: they cannot be
    /// executed either.
    ///
    /// # Errors
    /// When the file or a record cannot be read.
    pub(crate) fn read(binary: impl Read + Seek) -> Result<Self, SectionError> {
        match Self::read_program(binary) {
            Err(SectionError::NoProgram | SectionError::Cut) => Ok(Self::default()),
            read => read,
        }
    }

    /// Reads the test binary at a path that somebody has named.
    ///
    /// # Errors
    /// When there is no program, or it or a record cannot be read.
    pub(crate) fn read_at(path: &Path) -> Result<Self, SectionError> {
        // A pipe would be waited for until somebody writes to it.
        if !fs::metadata(path)?.is_file() {
            return Err(SectionError::NoFile);
        }
        Self::read_program(BufReader::new(File::open(path)?))
    }

    fn read_program(mut binary: impl Read + Seek) -> Result<Self, SectionError> {
        let mut magic = Vec::new();
        binary.by_ref().take(4).read_to_end(&mut magic)?;
        if magic != ELFMAGIC {
            return Err(SectionError::NoProgram);
        }
        binary.rewind()?;
        let mut file = ElfStream::<AnyEndian, _>::open_stream(binary)?;
        let entries = match file.section_header_by_name(SECTION)?.copied() {
            Some(header) => budget::entries(file.section_data(&header)?.0).collect::<Result<_, _>>()?,
            None => Entries::default(),
        };
        let mut instrumented = None;
        for (name, what) in INSTRUMENTED {
            if instrumented.is_none() && file.section_header_by_name(name)?.is_some() {
                instrumented = Some(what);
            }
        }
        Ok(Self { entries, instrumented })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn what_cannot_be_executed_has_no_budgets() {
        for bytes in [&b"#!/bin/sh and then some words that are no program"[..], b"\x7fELF\x02\x01\x01", b""]
        {
            assert_eq!(Declared::read(Cursor::new(bytes.to_vec())).unwrap(), Declared::default());
        }
    }
}
