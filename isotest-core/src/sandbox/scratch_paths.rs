//! Where in a scratch the layers of an attempt are; pure.

use std::path::{Path, PathBuf};

/// The directory in a scratch that the layer number `n` is made of.
pub(super) fn private_directory(scratch: &Path, n: usize) -> PathBuf {
    scratch.join(format!("private-{n}"))
}

/// The upper layer of the copy-on-write view number `n` of a scratch.
pub(super) fn upper(scratch: &Path, n: usize) -> PathBuf {
    scratch.join(format!("upper-{n}"))
}

/// The copy-on-write view number `n` itself.
pub(super) fn view(scratch: &Path, n: usize) -> PathBuf {
    scratch.join(format!("view-{n}"))
}
