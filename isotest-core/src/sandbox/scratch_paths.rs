//! Paths of an attempt's layers in a scratch directory; pure.

use std::path::{Path, PathBuf};

/// Returns the path of the directory in a scratch of which the layer number `n` is made.
pub(super) fn private_directory(scratch: &Path, n: usize) -> PathBuf {
    scratch.join(format!("private-{n}"))
}

/// Returns the path of the upper layer of the copy-on-write view number `n` of a scratch.
pub(super) fn upper(scratch: &Path, n: usize) -> PathBuf {
    scratch.join(format!("upper-{n}"))
}

/// Returns the path of the copy-on-write view number `n` of a scratch.
pub(super) fn view(scratch: &Path, n: usize) -> PathBuf {
    scratch.join(format!("view-{n}"))
}
