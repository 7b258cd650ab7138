//! Reads the index of libraries that ldconfig(8) writes: `/etc/ld.so.cache` in its new format, alone or behind the
//! old one. Pure.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const NEW_HEADER_BYTES: usize = 48;
const NEW_ENTRY_BYTES: usize = 24;
const OLD_HEADER_BYTES: usize = 16;
const OLD_ENTRY_BYTES: usize = 12;
/// Bit of an entry's `hwcap` that is set if the rest is the number of a subdirectory of `glibc-hwcaps`, which the
/// path shows, too. Any other value is about processors that glibc no longer distinguishes.
const SUBDIRECTORY: u64 = 1 << 62;

/// Library in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Name by which the library is needed.
    pub(super) name: Vec<u8>,
    /// Path of the library.
    pub(super) path: PathBuf,
}

/// Returns the libraries of an index, in its order; none if the file is not in the format.
pub(super) fn entries(file: &[u8]) -> Vec<Entry> {
    new_format(file).and_then(in_new_format).unwrap_or_default()
}

/// Returns the part of the file that is in the new format; the offsets in it count from there.
fn new_format(file: &[u8]) -> Option<&[u8]> {
    if file.starts_with(NEW_MAGIC) {
        return Some(file);
    }
    // A byte of padding after the magic aligns the number.
    let count = number(file.strip_prefix(OLD_MAGIC)?, 1)?;
    let end = OLD_HEADER_BYTES.checked_add(count.checked_mul(OLD_ENTRY_BYTES)?)?;
    file.get(end.checked_next_multiple_of(8)?..).filter(|rest| rest.starts_with(NEW_MAGIC))
}

fn in_new_format(file: &[u8]) -> Option<Vec<Entry>> {
    let count = number(file, NEW_MAGIC.len())?;
    let table = file.get(NEW_HEADER_BYTES..)?;
    let (entries, _) = table.as_chunks::<NEW_ENTRY_BYTES>();
    let entries = entries.iter().take(count).filter_map(|entry| {
        let hwcap = u64::from_ne_bytes(entry.get(16..24)?.try_into().ok()?);
        if hwcap != 0 && hwcap & SUBDIRECTORY == 0 {
            return None;
        }
        let name = text(file, number(entry, 4)?)?.to_owned();
        Some(Entry { name, path: OsStr::from_bytes(text(file, number(entry, 8)?)?).into() })
    });
    Some(entries.collect())
}

/// Reads the number of four bytes at an offset, in the machine's own byte order.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_ne_bytes(bytes.try_into().ok()?)).ok()
}

fn text(file: &[u8], at: usize) -> Option<&[u8]> {
    file.get(at..)?.split(|byte| *byte == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, path: &str) -> Entry {
        Entry { name: name.into(), path: path.into() }
    }

    /// Makes a cache with these entries: name, path, hwcap.
    fn cache(entries: &[(&str, &str, u64)]) -> Vec<u8> {
        let mut strings = Vec::new();
        let mut table = Vec::new();
        let strings_at = NEW_HEADER_BYTES + entries.len() * NEW_ENTRY_BYTES;
        let mut place = |text: &str| {
            let at = u32::try_from(strings_at + strings.len()).unwrap_or_default();
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at.to_ne_bytes()
        };
        for (name, path, hwcap) in entries {
            table.extend_from_slice(&0x0303_u32.to_ne_bytes());
            table.extend_from_slice(&place(name));
            table.extend_from_slice(&place(path));
            table.extend_from_slice(&[0; 4]);
            table.extend_from_slice(&hwcap.to_ne_bytes());
        }
        let mut file = NEW_MAGIC.to_vec();
        file.extend_from_slice(&u32::try_from(entries.len()).unwrap_or_default().to_ne_bytes());
        file.resize(NEW_HEADER_BYTES, 0);
        [file, table, strings].concat()
    }

    #[test]
    fn names_lead_to_paths() {
        let file = cache(&[("libb.so", "/b/libb.so", 0), ("liba.so", "/a/liba.so", SUBDIRECTORY | 1)]);
        assert_eq!(entries(&file), [entry("libb.so", "/b/libb.so"), entry("liba.so", "/a/liba.so")]);
    }

    #[test]
    fn the_new_format_is_found_behind_the_old_one() {
        let mut file = [OLD_MAGIC, &[0]].concat();
        file.extend_from_slice(&1_u32.to_ne_bytes());
        file.resize(OLD_HEADER_BYTES + OLD_ENTRY_BYTES, 0xff);
        file.resize(32, 0);
        file.extend(cache(&[("liba.so", "/a/liba.so", 0)]));
        assert_eq!(entries(&file), [entry("liba.so", "/a/liba.so")]);
    }

    #[test]
    fn libraries_for_forgotten_processors_are_left_out() {
        let file = cache(&[("liba.so", "/a/tls/liba.so", 1 << 63), ("liba.so", "/a/liba.so", 0)]);
        assert_eq!(entries(&file), [entry("liba.so", "/a/liba.so")]);
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_an_index_of_less() {
        let file = cache(&[("liba.so", "/a/liba.so", 0)]);
        for length in 0..file.len() {
            assert!(entries(&file[..length]).len() <= 1);
        }
        assert_eq!(entries(b"something else"), []);
    }

    #[test]
    fn mutated_caches_are_read_or_refused() {
        let seed = cache(&[("libc.so.6", "/lib/libc.so.6", 0), ("libm.so.6", "/lib/libm.so.6", 1)]);
        mutations::try_all("cache", &[seed], |bytes| {
            let _ = entries(bytes);
        });
    }
}
