//! Opens archives: unpacks the files for as long as the run lasts, and shows them at their original paths.

use super::error::{ArchiveError, AtArchive};
use super::manifest::Manifest;
use super::pack::{FILES, MANIFEST};
use super::seal;
use crate::cargo::build::Build;
use crate::cargo::nextest_archive::{self, Archived};
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
    /// Configuration files of cargo with settings of tests that the archive does not have, and that are not applied.
    pub(crate) not_applied: Vec<PathBuf>,
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
    let (described, length) = described(&mut file)?;
    let is_without_sources = matches!(described, Described::Nextest { .. });
    let (manifest, shown) = described.read(remap, invocation)?;
    let temporary = invocation.variable("TMPDIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let temporary = temporary.unwrap_or_else(|| "/tmp".into());
    let no_place = |source| ArchiveError::NoPlace { directory: temporary.clone(), source };
    let files = RunDirectory::create(&temporary, PREFIX).map_err(no_place)?;
    let mut unpacking = Unpacking::new(files.path(), Limits::default())?;
    file.seek(SeekFrom::Start(0)).map_err(ArchiveError::Read)?;
    unpacking.archive(content(file.take(length)).map_err(ArchiveError::Read)?, Whiteouts::None)?;
    unpacking.finish()?;
    let shown = shown.into_iter().map(|(from, to)| {
        let from = files.path().join(from);
        // The archive does not contain directories without files, such as the one for temporary files of tests.
        let empty = if to == manifest.target { from.join("tmp") } else { from.clone() };
        fs::create_dir_all(&empty).map_err(no_place)?;
        Ok(ShownAt { from, to: manifest.moved(&to, remap) })
    });
    let shown: Vec<_> = shown.collect::<Result<_, ArchiveError>>()?;
    let workspace = is_without_sources.then(|| manifest.moved(&manifest.workspace, remap));
    let not_applied = workspace
        .as_deref()
        .map_or_else(Vec::new, |workspace| nextest_archive::not_applied(workspace, invocation));
    // Cargo, too, would make a target directory in it.
    let written: Vec<_> = written(temporary.clone(), invocation).into_iter().chain(workspace).collect();
    show_at(&shown, &written)?;
    let run_id = fs::read_to_string("/proc/sys/kernel/random/uuid").map_err(no_place)?;
    let environment = invocation.sandboxed_environment();
    let (build, past) = manifest.into_build(remap, run_id.trim_end().to_owned(), &environment);
    Ok(Opened { build, past, files, not_applied })
}

/// Description of an archive's content, as it stands in its first entries.
enum Described {
    /// Manifest of `cargo isotest archive`.
    Own { manifest: Vec<u8> },
    /// Descriptions of `cargo nextest archive`.
    Nextest { binaries: Vec<u8>, metadata: Vec<u8> },
}

/// Directories of an archive, with the original paths of their files.
type Shown = Vec<(PathBuf, PathBuf)>;

impl Described {
    /// Reads the manifest and which directories are shown.
    fn read(self, remap: Option<&Path>, invocation: &Invocation) -> Result<(Manifest, Shown), ArchiveError> {
        match self {
            Self::Own { manifest } => {
                let manifest = Manifest::read(&manifest)?;
                let inside = |path: &Path| Path::new(FILES).join(path.strip_prefix("/").unwrap_or(path));
                let shown = manifest.directories().into_iter().map(|path| (inside(path), path.to_owned()));
                let shown = shown.collect();
                Ok((manifest, shown))
            }
            Self::Nextest { binaries, metadata } => {
                let Archived { build, architecture } =
                    nextest_archive::read(&binaries, &metadata, remap, invocation)?;
                let none = Past::default();
                let manifest = Manifest::new(&build, &build.binaries, &none, &invocation.environment)?;
                let manifest = manifest.of_architecture(architecture).executable()?;
                let shown = vec![(nextest_archive::TARGET.into(), manifest.target.clone())];
                Ok((manifest, shown))
            }
        }
    }
}

/// Reads what the archive says of itself, and checks its digest; nextest's have none. Returns the number of bytes
/// before the digest.
fn described(file: &mut File) -> Result<(Described, u64), ArchiveError> {
    let sealed = seal::verified(file)?;
    file.seek(SeekFrom::Start(0)).map_err(ArchiveError::Read)?;
    match (first(file), sealed) {
        (Ok(Some(described @ Described::Own { .. })), Some(length)) => Ok((described, length)),
        (Ok(Some(described @ Described::Nextest { .. })), _) => Ok((described, u64::MAX)),
        (Ok(Some(Described::Own { .. })), None) => Err(ArchiveError::Truncated),
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

/// Returns what the first entries say of the others; `None` if they do not.
fn first(file: &File) -> io::Result<Option<Described>> {
    let mut archive = Archive::new(content(file)?);
    let mut entries = archive.entries()?;
    let mut next = || -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let Some(entry) = entries.next().transpose()? else { return Ok(None) };
        let path = entry.path_bytes().into_owned();
        let is_known = [MANIFEST, nextest_archive::BINARIES, nextest_archive::METADATA]
            .iter()
            .any(|name| path == name.as_bytes());
        let mut text = Vec::new();
        if is_known {
            entry.take(LARGEST).read_to_end(&mut text)?;
        }
        Ok(Some((path, text)))
    };
    let Some((path, text)) = next()? else { return Ok(None) };
    if path == MANIFEST.as_bytes() {
        return Ok(Some(Described::Own { manifest: text }));
    }
    if path != nextest_archive::BINARIES.as_bytes() {
        return Ok(None);
    }
    let metadata = next()?.filter(|(path, _)| path == nextest_archive::METADATA.as_bytes());
    Ok(metadata.map(|(_, metadata)| Described::Nextest { binaries: text, metadata }))
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
