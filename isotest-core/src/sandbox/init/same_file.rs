//! Compares a file that was copied to the upper layer with the one in the lower layer: whoever opens a file for
//! writing, links it or locks it has a copy made, and may change nothing.

use crate::sys::fd::{attribute, attributes};
use nix::sys::stat::fstat;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

/// Maximal size in bytes of a file whose content is compared. A larger one is a change in any case.
const MAX_COMPARED: u64 = 16 << 20;

/// Number of bytes that are compared at once.
const CHUNK: usize = 64 << 10;

/// Returns whether two files have the same content, modification time, mode, owner and attributes. Of what cannot be
/// read, they do not.
pub(super) fn are_same(one: &File, other: &File) -> bool {
    compared(one, other).unwrap_or(false)
}

fn compared(one: &File, other: &File) -> io::Result<bool> {
    let facts = |file: &File| -> io::Result<_> {
        let stat = fstat(file)?;
        Ok((stat.st_mode, stat.st_uid, stat.st_gid, stat.st_size, stat.st_mtime, stat.st_mtime_nsec))
    };
    let (was, is) = (facts(one)?, facts(other)?);
    let is_small = u64::try_from(was.3).is_ok_and(|size| size <= MAX_COMPARED);
    Ok(was == is
        && is_small
        && all_attributes(one)? == all_attributes(other)?
        && is_same_content(one, other)?)
}

/// Returns the attributes of a file by name; none where its file system keeps none.
fn all_attributes(file: &File) -> io::Result<BTreeMap<CString, Vec<u8>>> {
    let names = match attributes(file.as_fd()) {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(BTreeMap::new()),
        names => names?,
    };
    names.into_iter().map(|name| Ok((name.clone(), attribute(file.as_fd(), &name)?))).collect()
}

fn is_same_content(one: &File, other: &File) -> io::Result<bool> {
    let (mut left, mut right) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    let chunk = u64::try_from(CHUNK).map_err(io::Error::other)?;
    loop {
        for (file, bytes) in [(one, &mut left), (other, &mut right)] {
            bytes.clear();
            file.take(chunk).read_to_end(bytes)?;
        }
        if left != right || left.is_empty() {
            return Ok(left == right);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    /// Writes a file of one modification time.
    fn write(path: &Path, content: &[u8]) {
        fs::write(path, content).unwrap();
        File::options().write(true).open(path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn files_are_the_same_if_nothing_of_them_differs() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (directory.path().join("one"), directory.path().join("other"));
        let same = || are_same(&File::open(&one).unwrap(), &File::open(&other).unwrap());
        let long = vec![b'x'; 3 * CHUNK + 1];
        for content in [&b""[..], b"text", &long] {
            write(&one, content);
            write(&other, content);
            assert!(same());
        }
        let mut changed = long.clone();
        changed[2 * CHUNK] = b'y';
        write(&other, &changed);
        assert!(!same(), "content of the same size and time");
        write(&other, &long);
        fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!same(), "mode");
        fs::set_permissions(&other, fs::metadata(&one).unwrap().permissions()).unwrap();
        assert!(same(), "control");
        fs::write(&other, &long).unwrap();
        assert!(!same(), "time");
    }
}
