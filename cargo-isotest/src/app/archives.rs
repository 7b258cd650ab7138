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
    let packed = pack(path, build, binaries, &past, &invocation.environment)?;
    anstream::stdout()
        .write_all(archived(path, binaries.len(), &packed).as_bytes())
        .map_err(OutputError::Stream)?;
    Ok(End::Exit(Exit::Ok))
}

/// Formats the contents of an archive.
fn archived(path: &Path, binaries: usize, Packed { files, bytes, size, digest }: &Packed) -> String {
    let said = format!(
        "{} in `{}`: {} of {} packed into {}, sha256 {digest}",
        plural(binaries, "test binary"),
        path.display(),
        plural(*files, "file"),
        memory(*bytes),
        memory(*size)
    );
    headed(HEAD, "Archived", &said)
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use snapbox::{assert_data_eq, str};

    #[test]
    fn what_is_in_an_archive_is_said() {
        let packed = |files| Packed { files, bytes: 12 << 20, size: 3 << 20, digest: "0123".to_owned() };
        let path = Path::new("/t/tests.tar.zst");
        let text = [archived(path, 1, &packed(1)), archived(path, 2, &packed(7))].concat();
        assert_data_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            str![[r#"
    Archived 1 test binary in `/t/tests.tar.zst`: 1 file of 12.0 MiB packed into 3.0 MiB, sha256 0123
    Archived 2 test binaries in `/t/tests.tar.zst`: 7 files of 12.0 MiB packed into 3.0 MiB, sha256 0123

"#]]
        );
    }
}
