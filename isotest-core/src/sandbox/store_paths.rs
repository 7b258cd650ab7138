//! Where in a store the layers of an attempt are; pure.

use std::path::{Path, PathBuf};

/// The directory in a store that the layer number `n` is made of.
pub(super) fn private_directory(store: &Path, n: usize) -> PathBuf {
    store.join(format!("private-{n}"))
}

/// The upper layer of the copy-on-write view number `n` of a store.
pub(super) fn upper(store: &Path, n: usize) -> PathBuf {
    store.join(format!("upper-{n}"))
}

/// The copy-on-write view number `n` itself.
pub(super) fn view(store: &Path, n: usize) -> PathBuf {
    store.join(format!("view-{n}"))
}
