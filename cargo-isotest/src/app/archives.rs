//! `cargo isotest archive`: built tests in one file.

use crate::app::history::History;
use crate::archive::{Packed, pack};
use crate::cargo::build::Build;
use crate::error::Error;
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::report::OutputError;
use crate::testcase::TestBinary;
use crate::text::style::{HEAD, headed};
use crate::text::units::{memory, plural};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Writes the archive of these binaries, with the results of their earlier runs, and reports its contents.
///
/// # Errors
/// When the archive cannot be written.
pub(super) fn write(
    path: &Path,
    build: &Build,
    binaries: &[Arc<TestBinary>],
    invocation: &Invocation,
) -> Result<End, Error> {
    let past = History::open(&build.directories.workspace, invocation).past;
    let Packed { files, bytes, size, digest } = pack(path, build, binaries, &past, &invocation.environment)?;
    let said = format!(
        "{} in {} with {}, of {} packed into {}: sha256 {digest}",
        plural(binaries.len(), "test binary").replace("binarys", "binaries"),
        path.display(),
        plural(files, "file"),
        memory(bytes),
        memory(size)
    );
    anstream::stdout().write_all(headed(HEAD, "Archived", &said).as_bytes()).map_err(OutputError::Stream)?;
    Ok(End::Exit(Exit::Ok))
}
