//! Reads from an ELF file what a dynamic linker would, by its program headers (elf(5)), and no more than that.

use super::object::{Facts, Kind};
use elf::abi::{
    DF_1_NODEFLIB, DT_FLAGS_1, DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, DT_VERDEF,
    DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM, EI_NIDENT, PT_DYNAMIC, PT_INTERP, PT_LOAD, VER_FLG_WEAK,
};
use elf::dynamic::DynamicTable;
use elf::endian::AnyEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::gnu_symver::{VerDefIterator, VerNeedIterator};
use elf::parse::ParseError;
use elf::segment::{ProgramHeader, SegmentTable};
use elf::string_table::StringTable;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

/// Size of the larger ELF header.
const HEADER_BYTES: usize = 64;
/// Limit on the size of a dynamic section or a table of names: none is larger; a file that claims so is broken.
const MAX_PART_BYTES: u64 = 64 << 20;
/// Limit on the bytes read of a table of versions, which does not state its length; none is longer.
const MAX_VERSIONS_BYTES: u64 = 256 << 10;

/// Reason why a file has no [`Facts`].
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// File that cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// File that is neither an ELF file nor a script.
    #[error("it is not an ELF file")]
    NotElf,
    /// Script: it begins with `#!`.
    #[error("it is a script, executed by `{}`", .0.display())]
    Script(OsString),
    /// File that claims to be an ELF file and is damaged.
    #[error("it is a broken ELF file: {0}")]
    Broken(#[from] ParseError),
}

/// Reads the facts of an open file.
///
/// # Errors
/// When the file is not an ELF file, or broken.
pub(super) fn facts(file: &File) -> Result<Facts, ElfError> {
    let mut head = vec![0; HEADER_BYTES];
    let length = file.read_at(&mut head, 0)?;
    head.truncate(length);
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.trim_ascii_start();
        let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        return Err(ElfError::Script(OsStr::from_bytes(&line[..end]).to_owned()));
    }
    if !head.starts_with(b"\x7fELF") || head.len() <= EI_NIDENT {
        return Err(ElfError::NotElf);
    }
    let header = FileHeader::parse_tail(parse_ident::<AnyEndian>(&head)?, &head[EI_NIDENT..])?;
    let parts = Parts::read(file, &header)?;
    let mut facts = Facts {
        kind: Kind {
            is_64_bit: header.class == Class::ELF64,
            is_little_endian: header.endianness == AnyEndian::Little,
            machine: header.e_machine,
        },
        ..Facts::default()
    };
    for segment in &parts.segments {
        match segment.p_type {
            PT_INTERP => {
                let text = parts.bytes(segment.p_offset, segment.p_filesz)?;
                let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
                facts.interpreter = Some(OsStr::from_bytes(&text[..end]).into());
            }
            PT_DYNAMIC => parts.dynamic(segment, &mut facts)?,
            _ => {}
        }
    }
    Ok(facts)
}

/// ELF file with its header and the places of its segments.
struct Parts<'file> {
    file: &'file File,
    header: &'file FileHeader<AnyEndian>,
    segments: Vec<ProgramHeader>,
}

impl<'file> Parts<'file> {
    fn read(file: &'file File, header: &'file FileHeader<AnyEndian>) -> Result<Self, ElfError> {
        let mut parts = Self { file, header, segments: Vec::new() };
        let table = parts.bytes(header.e_phoff, u64::from(header.e_phentsize) * u64::from(header.e_phnum))?;
        parts.segments = SegmentTable::new(header.endianness, header.class, &table).iter().collect();
        Ok(parts)
    }

    fn bytes(&self, offset: u64, length: u64) -> Result<Vec<u8>, ElfError> {
        if length > MAX_PART_BYTES {
            return Err(ParseError::IntegerOverflow.into());
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// Reads the bytes of the file that are loaded from `address` on, up to the end of their segment or `most` bytes.
    fn loaded(&self, address: u64, most: u64) -> Result<Vec<u8>, ElfError> {
        let holds = |segment: &&ProgramHeader| {
            let end = segment.p_vaddr.saturating_add(segment.p_filesz);
            segment.p_type == PT_LOAD && (segment.p_vaddr..end).contains(&address)
        };
        let segment = self.segments.iter().find(holds).ok_or(ParseError::BadOffset(address))?;
        let below = address - segment.p_vaddr;
        self.bytes(segment.p_offset.saturating_add(below), most.min(segment.p_filesz - below))
    }

    fn dynamic(&self, segment: &ProgramHeader, facts: &mut Facts) -> Result<(), ElfError> {
        let (endian, class) = (self.header.endianness, self.header.class);
        let table = self.bytes(segment.p_offset, segment.p_filesz)?;
        let entries: Vec<_> = DynamicTable::new(endian, class, &table).iter().collect();
        let values: HashMap<i64, u64> = entries.iter().map(|entry| (entry.d_tag, entry.d_val())).collect();
        let value = |tag: i64| values.get(&tag).copied();
        let Some(names) = value(DT_STRTAB) else { return Ok(()) };
        let names = self.loaded(names, value(DT_STRSZ).unwrap_or_default())?;
        let names = StringTable::new(&names);
        let name = |at: u64| -> Result<OsString, ElfError> {
            let at = usize::try_from(at).map_err(|_| ParseError::BadOffset(at))?;
            Ok(OsStr::from_bytes(names.get_raw(at)?).to_owned())
        };
        for entry in entries.iter().filter(|entry| entry.d_tag == DT_NEEDED) {
            facts.needed.push(name(entry.d_val())?);
        }
        facts.name = value(DT_SONAME).map(name).transpose()?;
        facts.rpath = value(DT_RPATH).map(name).transpose()?;
        facts.runpath = value(DT_RUNPATH).map(name).transpose()?;
        facts.skips_defaults =
            value(DT_FLAGS_1).is_some_and(|flags| flags & DF_1_NODEFLIB.cast_unsigned() != 0);
        if let (Some(address), Some(count)) = (value(DT_VERNEED), value(DT_VERNEEDNUM)) {
            let table = self.loaded(address, MAX_VERSIONS_BYTES)?;
            for (need, versions) in VerNeedIterator::new(endian, class, count, 0, &table) {
                // A weak version that is missing is only warned of.
                let versions = versions.filter(|version| version.vna_flags & VER_FLG_WEAK == 0);
                let versions = versions.map(|version| name(version.vna_name.into()));
                facts.versions_needed.push((name(need.vn_file.into())?, versions.collect::<Result<_, _>>()?));
            }
        }
        if let (Some(address), Some(count)) = (value(DT_VERDEF), value(DT_VERDEFNUM)) {
            let table = self.loaded(address, MAX_VERSIONS_BYTES)?;
            for (_, mut names) in VerDefIterator::new(endian, class, count, 0, &table) {
                // The first name is the version itself; the others are its predecessors.
                facts.versions_defined.extend(names.next().map(|own| name(own.vda_name.into())).transpose()?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    #[test]
    fn mutated_programs_are_read_or_refused() -> io::Result<()> {
        let seeds = [fs::read("/bin/true")?, b"#!/bin/sh -e\n".to_vec()];
        mutations::try_all("elf", &seeds, |bytes| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            let _ = facts(&file).map_err(|error| error.to_string());
        });
        Ok(())
    }
}
