//! Looks at the directories that are to be copy-on-write, as far as a plan depends on what is in them. Changes nothing.

use super::{Host, Listing, Original, Originals};
use nix::unistd::{AccessFlags, access};
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A directory with more entries is not worth descending into.
const ENTRIES_MOST: usize = 2000;

/// Looks at `roots`. Where nothing is mounted below them, nothing is read.
pub fn read(roots: &[PathBuf], host: &Host) -> Originals {
    let ways = ways_to_mounts(roots, host);
    Originals { listings: ways.iter().filter_map(|directory| listing(directory, host).ok()).collect() }
}

/// The directories from each root down to what is mounted below it. Root needs to know nothing of them: it may leave
/// mounts out of a view.
fn ways_to_mounts(roots: &[PathBuf], host: &Host) -> Vec<PathBuf> {
    let mut ways: Vec<PathBuf> = Vec::new();
    for root in roots.iter().filter(|_| host.ids.uid != 0) {
        for mount in host.mounts_below(root) {
            let way = mount.ancestors().skip(1).take_while(|directory| directory.starts_with(root));
            ways.extend(way.map(Path::to_path_buf));
        }
    }
    ways.sort();
    ways.dedup();
    ways
}

fn listing(directory: &Path, host: &Host) -> io::Result<Listing> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        entries.push((entry.path(), original(&entry, host)?));
        if entries.len() > ENTRIES_MOST {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mode = fs::metadata(directory)?.permissions().mode() & 0o7777;
    Ok(Listing { directory: directory.to_path_buf(), mode, entries })
}

fn original(entry: &DirEntry, host: &Host) -> io::Result<Original> {
    let (path, kind) = (entry.path(), entry.file_type()?);
    if kind.is_dir() {
        // What is mounted may be slow to answer, or may never answer.
        let is_empty = || fs::read_dir(&path).is_ok_and(|mut inside| inside.next().is_none());
        if host.mounts(&path) || !is_empty() {
            return Ok(Original::Directory);
        }
        return Ok(Original::EmptyDirectory { mode: entry.metadata()?.permissions().mode() & 0o7777 });
    }
    if kind.is_symlink() {
        return Ok(Original::Symlink { target: fs::read_link(&path)? });
    }
    if kind.is_file() && !host.mounts(&path) && access(&path, AccessFlags::R_OK).is_ok() {
        return Ok(Original::File { bytes: entry.metadata()?.len() });
    }
    Ok(Original::Other)
}
