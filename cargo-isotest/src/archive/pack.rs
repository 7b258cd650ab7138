//! Writes archives. The tar stream is cut into pieces, which are compressed concurrently, each into a frame of its
//! own.

use super::contents::contents;
use super::error::{ArchiveError, AtArchive};
use super::manifest::Manifest;
use super::seal::Sealing;
use crate::cargo::build::Build;
use crate::history::Past;
use crate::testcase::TestBinary;
use crate::threads;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::mem::{replace, take};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::{JoinHandle, available_parallelism};
use tar::{Builder, EntryType, Header};

/// Name of the first entry, the manifest.
pub(super) const MANIFEST: &str = "isotest-archive.json";
/// Directory in the archive that contains all files, as they are below `/`.
pub(super) const FILES: &str = "files";
/// Length of a piece of the stream that is compressed as a whole, in bytes.
const PIECE: usize = 4 << 20;

/// Figures of a written archive.
#[derive(Debug)]
pub(crate) struct Packed {
    /// Number of files.
    pub(crate) files: usize,
    /// Size of the files in bytes.
    pub(crate) bytes: u64,
    /// Size of the archive in bytes.
    pub(crate) size: u64,
    /// Digest of the archive.
    pub(crate) digest: String,
}

/// Writes the archive of these binaries of a build. An incomplete archive is never left at `path`.
///
/// # Errors
/// When a file cannot be read, or the archive cannot be written.
pub(crate) fn pack(
    path: &Path,
    build: &Build,
    binaries: &[Arc<TestBinary>],
    past: &Past,
    caller: &[(OsString, OsString)],
) -> Result<Packed, AtArchive> {
    let pack = || -> Result<Packed, ArchiveError> {
        let manifest = Manifest::new(build, binaries, past, caller)?;
        let manifest = serde_json::to_vec(&manifest).map_err(ArchiveError::Manifest)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".isotest-archive-").tempfile_in(parent);
        let mut file = file.map_err(ArchiveError::Write)?;
        let packed = write(file.as_file_mut(), &manifest, build, binaries)?;
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(permissions).map_err(ArchiveError::Write)?;
        file.persist(path).map_err(|error| ArchiveError::Write(error.error))?;
        Ok(packed)
    };
    pack().map_err(|error| error.at(path))
}

fn write(
    file: &mut File,
    manifest: &[u8],
    build: &Build,
    binaries: &[Arc<TestBinary>],
) -> Result<Packed, ArchiveError> {
    let frames = Frames::new(Sealing::new(BufWriter::new(&mut *file)));
    let mut archive = Builder::new(frames);
    let mut header = plain(EntryType::Regular, 0o644);
    header.set_size(u64::try_from(manifest.len()).unwrap_or(u64::MAX));
    archive.append_data(&mut header, MANIFEST, manifest).map_err(ArchiveError::Write)?;
    let contents = contents(build, binaries)?;
    let mut bytes = 0;
    for path in &contents {
        bytes += append(&mut archive, path)?;
    }
    let frames = archive.into_inner().map_err(ArchiveError::Write)?;
    let (sealing, digest) = frames.finish().and_then(Sealing::finish).map_err(ArchiveError::Write)?;
    sealing.into_inner().map_err(|error| ArchiveError::Write(error.into_error()))?;
    let size = file.metadata().map_err(ArchiveError::Write)?.len();
    Ok(Packed { files: contents.len(), bytes, size, digest })
}

/// Creates the header of an entry that belongs to whoever unpacks it.
fn plain(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header
}

/// Appends a file, and returns its size. Sockets and other special files are left out, as they are useless without
/// their process.
fn append<W: Write>(archive: &mut Builder<W>, path: &Path) -> Result<u64, ArchiveError> {
    let unreadable = |source| ArchiveError::Content { path: path.to_owned(), source };
    let meta = fs::symlink_metadata(path).map_err(unreadable)?;
    let name = Path::new(FILES).join(path.strip_prefix("/").unwrap_or(path));
    let kind = match meta.file_type() {
        kind if kind.is_file() => EntryType::Regular,
        kind if kind.is_symlink() => EntryType::Symlink,
        kind if kind.is_dir() => EntryType::Directory,
        _ => return Ok(0),
    };
    let mut header = plain(kind, meta.mode() & 0o7777);
    header.set_mtime(u64::try_from(meta.mtime()).unwrap_or_default());
    match kind {
        EntryType::Symlink => {
            let target = fs::read_link(path).map_err(unreadable)?;
            archive.append_link(&mut header, name, target).map_err(ArchiveError::Write)?;
            Ok(0)
        }
        EntryType::Directory => {
            archive.append_data(&mut header, name, io::empty()).map_err(ArchiveError::Write)?;
            Ok(0)
        }
        _ => {
            let file = File::open(path).map_err(unreadable)?;
            header.set_size(meta.len());
            let mut exact = Exact { from: file, left: meta.len() };
            archive.append_data(&mut header, name, &mut exact).map_err(ArchiveError::Write)?;
            if exact.left > 0 {
                return Err(unreadable(io::ErrorKind::UnexpectedEof.into()));
            }
            Ok(meta.len())
        }
    }
}

/// Reader of an exact number of bytes: a file may grow while it is read.
struct Exact {
    from: File,
    left: u64,
}

impl io::Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.from.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left -= u64::try_from(length).unwrap_or(self.left);
        Ok(length)
    }
}

/// Writer that compresses a stream in pieces, as many concurrently as there are processors, but at most `MOST`.
struct Frames<W: Write> {
    to: W,
    piece: Vec<u8>,
    running: VecDeque<JoinHandle<Vec<u8>>>,
    most: usize,
}

impl<W: Write> Frames<W> {
    fn new(to: W) -> Self {
        // More threads would take memory and save little time.
        const MOST: usize = 8;
        let most = available_parallelism().map_or(1, usize::from).min(MOST);
        Self { to, piece: Vec::with_capacity(PIECE), running: VecDeque::new(), most }
    }

    /// Compresses the full piece in a thread of its own.
    fn compress(&mut self) -> io::Result<()> {
        if self.running.len() >= self.most {
            self.write_first()?;
        }
        let piece = replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.running.push_back(threads::builder().spawn(move || compressed(&piece))?);
        Ok(())
    }

    fn write_first(&mut self) -> io::Result<()> {
        let Some(first) = self.running.pop_front() else { return Ok(()) };
        let frame = first.join().map_err(|_| io::Error::other("a piece could not be compressed"))?;
        self.to.write_all(&frame)
    }

    fn finish(mut self) -> io::Result<W> {
        if !self.piece.is_empty() {
            let rest = take(&mut self.piece);
            while !self.running.is_empty() {
                self.write_first()?;
            }
            self.to.write_all(&compressed(&rest))?;
        }
        while !self.running.is_empty() {
            self.write_first()?;
        }
        Ok(self.to)
    }
}

fn compressed(piece: &[u8]) -> Vec<u8> {
    compress_to_vec(piece, CompressionLevel::Fastest)
}

impl<W: Write> Write for Frames<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = (PIECE - self.piece.len()).min(bytes.len());
        self.piece.extend_from_slice(bytes.get(..length).unwrap_or_default());
        if self.piece.len() == PIECE {
            self.compress()?;
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
