//! Digest of what stands in a directory, by which damage is seen without reading any file.

use super::packed::Summing;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Returns a digest of the names, kinds, modes, owners, sizes and times of everything in a directory. What cannot be listed is an
/// entry without any below.
///
/// # Errors
/// When the directory itself cannot be read.
pub(super) fn inventory(directory: &Path) -> io::Result<String> {
    let mut sum = Summing::default();
    list(directory, &mut sum)?;
    Ok(sum.hex())
}

fn list(directory: &Path, sum: &mut Summing) -> io::Result<()> {
    let mut entries: Vec<_> = directory.read_dir()?.collect::<io::Result<_>>()?;
    entries.sort_unstable_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let look = entry.metadata()?;
        sum.add(entry.file_name().as_bytes());
        // The size of a directory is the file system's matter, not the root's.
        let size = if look.is_dir() { 0 } else { look.size() };
        sum.add(&look.mode().to_le_bytes());
        sum.add(&size.to_le_bytes());
        sum.add(&look.mtime().to_le_bytes());
        sum.add(&look.mtime_nsec().to_le_bytes());
        // The time of the last change is nobody's to set: it tells of a new owner, too, and of new content under old times.
        sum.add(&look.ctime().to_le_bytes());
        sum.add(&look.ctime_nsec().to_le_bytes());
        sum.add(&look.uid().to_le_bytes());
        sum.add(&look.gid().to_le_bytes());
        if look.is_dir() {
            match list(&entry.path(), sum) {
                Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
                _ => sum.add(b"/"),
            }
        }
    }
    Ok(())
}
