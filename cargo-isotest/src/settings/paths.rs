//! The files of the host that were named.

use super::error::SettingsError;
use super::setting::{Origin, Setting};
use crate::cli::{RootPath, RootWord};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A file or directory of the host that tests see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bind {
    /// Absolute.
    pub(crate) path: PathBuf,
    /// What becomes of changes.
    pub(crate) access: BindAccess,
}

/// What becomes of a test's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BindAccess {
    /// They are refused.
    ReadOnly,
    /// They succeed and are thrown away.
    CopyOnWrite,
    /// They reach the host.
    ReadWrite,
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            BindAccess::ReadOnly => "ro",
            BindAccess::CopyOnWrite => "cow",
            BindAccess::ReadWrite => "rw",
        };
        write!(f, "{}:{access}", self.path.display())
    }
}

/// What becomes `/`, where that exists.
pub(super) fn root(said: Setting<RootWord>, here: &Path) -> Result<Setting<RootWord>, SettingsError> {
    let Setting { value, origin } = said;
    let value = match value {
        RootWord::At(RootPath { kind, path }) => {
            let path = existing(origin, &path, here)?.value;
            RootWord::At(RootPath { kind, path })
        }
        RootWord::Host | RootWord::Minimal => value,
    };
    Ok(Setting { value, origin })
}

/// The value of `--bind`. Only a last `:ro`, `:cow` or `:rw` is ours; a path may hold colons.
pub(super) fn bind(origin: Origin, text: &OsStr, here: &Path) -> Result<Setting<Bind>, SettingsError> {
    let bytes = text.as_bytes();
    let words: [(&[u8], _); 3] =
        [(b":ro", BindAccess::ReadOnly), (b":cow", BindAccess::CopyOnWrite), (b":rw", BindAccess::ReadWrite)];
    let said = words.into_iter().find_map(|(word, access)| Some((bytes.strip_suffix(word)?, access)));
    let (path, access) = said.unwrap_or((bytes, BindAccess::ReadOnly));
    let path = shown(origin, Path::new(OsStr::from_bytes(path)), here)?;
    Ok(path.map(|path| Bind { path, access }))
}

/// A path that tests are to see, which must exist, absolute. `/` and `/dev` hold what each test has of its own.
pub(super) fn shown(origin: Origin, path: &Path, here: &Path) -> Result<Setting<PathBuf>, SettingsError> {
    let path = existing(origin, path, here)?;
    match path.value.canonicalize() {
        Ok(real) if [Path::new("/"), Path::new("/dev")].contains(&real.as_path()) => {
            Err(SettingsError::OwnPlace { origin, path: path.value })
        }
        _ => Ok(path),
    }
}

/// A path that tests are to write themselves, absolute. If there is nothing, the project decides whether that is wrong.
pub(super) fn kept(origin: Origin, path: &Path, here: &Path) -> Result<Setting<PathBuf>, SettingsError> {
    match shown(origin, path, here) {
        Err(SettingsError::NoSuchPath { origin, path }) => Ok(Setting { value: path, origin }),
        result => result,
    }
}

/// A path that must exist, absolute. A relative one starts here.
pub(super) fn existing(origin: Origin, path: &Path, here: &Path) -> Result<Setting<PathBuf>, SettingsError> {
    let path: PathBuf = here.join(path).components().collect();
    if path.symlink_metadata().is_ok() {
        Ok(Setting { value: path, origin })
    } else {
        Err(SettingsError::NoSuchPath { origin, path })
    }
}
