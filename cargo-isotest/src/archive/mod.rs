//! Archives of built tests: one file with everything that their execution on another machine needs. The file is a tar
//! archive, compressed by zstd, that ends with its digest.

mod contents;
mod error;
mod manifest;
mod open;
mod pack;
mod seal;

pub(crate) use error::{ArchiveError, AtArchive};
pub(crate) use open::{Opened, open};
pub(crate) use pack::{Packed, pack};

use crate::cli::CargoArgs;
use std::path::Path;

/// Refuses arguments for cargo, which does not build the tests of an archive.
///
/// # Errors
/// When there are such arguments.
pub(crate) fn refuse_cargo(path: &Path, cargo: &CargoArgs) -> Result<(), AtArchive> {
    let words = cargo.of_build();
    if words.is_empty() {
        return Ok(());
    }
    let words = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    Err(ArchiveError::Built { words }.at(path))
}
