//! Opens archives: unpacks the files for as long as the run lasts, and shows them at their original paths.

use super::error::{ArchiveError, AtArchive};
use super::manifest::Manifest;
use super::pack::{FILES, MANIFEST};
use super::seal;
use crate::cargo::build::Build;
use crate::history::Past;
use crate::invocation::Invocation;
use crate::sandboxes::roots::{Limits, Unpacking, Whiteouts, content};
use crate::sandboxes::run_directory::RunDirectory;
use isotest_core::sandbox::{ShownAt, show_at};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use tar::Archive;

/// First bytes of a zstd stream.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Prefix of the name of the directory of unpacked files.
const PREFIX: &str = "isotest-archive-";
/// Maximum length of the manifest, in bytes.
const LARGEST: u64 = 256 << 20;

/// Archive whose files are unpacked and shown at their original paths.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Build of the archive.
    pub(crate) build: Build,
    /// Results of earlier runs of the tests.
    pub(crate) past: Past,
    /// Directory of the unpacked files, which are removed with it.
    pub(crate) files: RunDirectory,
}

/// Unpacks an archive and shows its files to this process and its tests, at their original paths or with the
/// workspace at `remap`.
///
/// # Errors
/// When the file is not an archive or damaged, its tests cannot be executed here, or there is no place for it.
pub(crate) fn open(path: &Path, remap: Option<&Path>, invocation: &Invocation) -> Result<Opened, AtArchive> {
    opened(path, remap, invocation).map_err(|error| error.at(path))
}

fn opened(path: &Path, remap: Option<&Path>, invocation: &Invocation) -> Result<Opened, ArchiveError> {
    let mut file = File::open(path).map_err(ArchiveError::Read)?;
    let (manifest, length) = manifest(&mut file)?;
    let temporary = invocation.variable("TMPDIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let temporary = temporary.unwrap_or_else(|| "/tmp".into());
    let no_place = |source| ArchiveError::NoPlace { directory: temporary.clone(), source };
    let files = RunDirectory::create(&temporary, PREFIX).map_err(no_place)?;
    let mut unpacking = Unpacking::new(files.path(), Limits::default())?;
    file.seek(SeekFrom::Start(0)).map_err(ArchiveError::Read)?;
    unpacking.archive(content(file.take(length)).map_err(ArchiveError::Read)?, Whiteouts::None)?;
    unpacking.finish()?;
    let shown = manifest.directories().into_iter().map(|path| {
        let from = files.path().join(FILES).join(path.strip_prefix("/").unwrap_or(path));
        // The archive does not contain directories without files.
        fs::create_dir_all(&from).map_err(no_place)?;
        Ok(ShownAt { from, to: manifest.moved(path, remap) })
    });
    let shown: Vec<_> = shown.collect::<Result<_, ArchiveError>>()?;
    show_at(&shown, &written(temporary.clone(), invocation))?;
    let run_id = fs::read_to_string("/proc/sys/kernel/random/uuid").map_err(no_place)?;
    let environment = invocation.sandboxed_environment();
    let (build, past) = manifest.into_build(remap, run_id.trim_end().to_owned(), &environment);
    Ok(Opened { build, past, files })
}

/// Reads the manifest, and checks the digest of the whole archive. Returns the number of bytes before the digest.
fn manifest(file: &mut File) -> Result<(Manifest, u64), ArchiveError> {
    let sealed = seal::verified(file)?;
    file.seek(SeekFrom::Start(0)).map_err(ArchiveError::Read)?;
    match (first(file), sealed) {
        (Ok(Some(text)), Some(length)) => Ok((Manifest::read(&text)?, length)),
        (Ok(Some(_)), None) => Err(ArchiveError::Truncated),
        // A compressed file whose first entry cannot be read may have been truncated there.
        (Err(_), None) if is_compressed(file).map_err(ArchiveError::Read)? => Err(ArchiveError::Truncated),
        (Ok(None) | Err(_), _) => Err(ArchiveError::Other),
    }
}

fn is_compressed(file: &mut File) -> io::Result<bool> {
    let mut head = [0; 4];
    file.seek(SeekFrom::Start(0))?;
    Ok(file.read_exact(&mut head).is_ok() && head == ZSTD)
}

/// Returns the content of the first entry; `None` if that entry is not a manifest.
fn first(file: &File) -> io::Result<Option<Vec<u8>>> {
    let mut archive = Archive::new(content(file)?);
    let Some(entry) = archive.entries()?.next() else { return Ok(None) };
    let entry = entry?;
    if &*entry.path_bytes() != MANIFEST.as_bytes() {
        return Ok(None);
    }
    let mut text = Vec::new();
    entry.take(LARGEST).read_to_end(&mut text)?;
    Ok(Some(text))
}

/// Returns the directories in which this program, or another one for it, writes.
fn written(temporary: PathBuf, invocation: &Invocation) -> Vec<PathBuf> {
    let named = ["HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME"];
    let named = named.into_iter().filter_map(|name| invocation.variable(name)).map(PathBuf::from);
    [invocation.directory.clone(), temporary, "/tmp".into(), "/dev/shm".into()]
        .into_iter()
        .chain(named)
        .collect()
}
