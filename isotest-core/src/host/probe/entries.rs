//! Lists the entries of a directory.

use crate::host::{HostEntry, Kind};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Lists the entries of a directory, by their whole paths and in order.
pub(super) fn entries(directory: &Path) -> io::Result<Vec<HostEntry>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths.into_iter().filter_map(entry).collect())
}

/// Makes the entry of a path; `None` if it has vanished since its directory was read.
fn entry(path: PathBuf) -> Option<HostEntry> {
    let kind = match kind(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        // Usually a FUSE mount of another user, whose root cannot be inspected.
        Err(_) => Kind::Directory,
        Ok(kind) => kind,
    };
    Some(HostEntry { path, kind })
}

fn kind(path: &Path) -> io::Result<Kind> {
    let meta = fs::symlink_metadata(path)?;
    if meta.is_symlink() {
        return Ok(Kind::Symlink { target: fs::read_link(path)? });
    }
    if meta.file_type().is_socket() {
        return Ok(Kind::Socket);
    }
    if !meta.is_dir() {
        return Ok(Kind::File);
    }
    // A directory we may not look into is not known to be empty.
    let empty = fs::read_dir(path).is_ok_and(|mut inside| inside.next().is_none());
    let mode = meta.permissions().mode() & 0o7777;
    Ok(if empty { Kind::EmptyDirectory { mode } } else { Kind::Directory })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_looked_at_costs_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(entry(place.path().join("vanished")), None);
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        // An error that root gets, too.
        let refused = file.join("below");
        let expected = HostEntry { path: refused.clone(), kind: Kind::Directory };
        assert_eq!(entry(refused), Some(expected));
    }
}
