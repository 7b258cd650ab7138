//! End of an archive: a frame that decompressors skip, with the digest of all bytes before it.

use super::error::ArchiveError;
use crate::sandboxes::roots::digest;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// First bytes of a skippable frame (RFC 8878, 3.1.2) of this length.
const HEAD: [u8; 8] = [0x5d, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];
/// Length of the frame in bytes.
const LENGTH: u64 = 40;

/// Writer that computes the digest of the bytes written.
pub(super) struct Sealing<W> {
    to: W,
    digest: Sha256,
}

impl<W: Write> Sealing<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, digest: Sha256::new() }
    }

    /// Writes the frame with the digest. Returns the writer and the digest.
    pub(super) fn finish(mut self) -> io::Result<(W, String)> {
        let digest = self.digest.finalize();
        self.to.write_all(&HEAD)?;
        self.to.write_all(&digest)?;
        Ok((self.to, hex(&digest)))
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.to.write(bytes)?;
        self.digest.update(bytes.get(..length).unwrap_or_default());
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Checks the digest of an archive. Returns the number of bytes before it; `None` if the archive has no digest.
///
/// # Errors
/// When the archive cannot be read, or its digest does not match.
pub(super) fn verified(file: &mut File) -> Result<Option<u64>, ArchiveError> {
    let length = file.metadata().map_err(ArchiveError::Read)?.len();
    let Some(content) = length.checked_sub(LENGTH) else { return Ok(None) };
    let mut end = [0; 40];
    file.seek(SeekFrom::Start(content))
        .and_then(|_| file.read_exact(&mut end))
        .map_err(ArchiveError::Read)?;
    file.seek(SeekFrom::Start(0)).map_err(ArchiveError::Read)?;
    let Some(expected) = end.strip_prefix(&HEAD) else { return Ok(None) };
    let (found, expected) = (digest((&*file).take(content)).map_err(ArchiveError::Read)?, hex(expected));
    if found != expected {
        return Err(ArchiveError::Damaged { found, expected });
    }
    Ok(Some(content))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
