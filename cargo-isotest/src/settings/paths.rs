//! Paths of the host that settings name.

use super::error::SettingsError;
use super::setting::{Origin, Setting};
use crate::cli::{RootPath, RootWord};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// File or directory of the host that tests see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bind {
    /// Absolute path.
    pub(crate) path: PathBuf,
    /// Treatment of changes that tests make to the path.
    pub(crate) access: BindAccess,
}

/// Treatment of changes that tests make to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BindAccess {
    /// Changes are refused.
    ReadOnly,
    /// Changes succeed and are thrown away.
    CopyOnWrite,
    /// Changes reach the host.
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

/// Returns the root of tests, with an absolute path. What is typed must exist; a file may name roots of tests that are not
/// executed.
pub(super) fn root(said: Setting<RootWord>, here: &Path) -> Result<Setting<RootWord>, SettingsError> {
    let Setting { value, origin } = said;
    let value = match value {
        RootWord::At(RootPath { kind, path }) => {
            let path = match existing(origin, &path, here) {
                Err(SettingsError::NoSuchPath { origin, path }) if origin.is_of_file() => path,
                found => found?.value,
            };
            RootWord::At(RootPath { kind, path })
        }
        RootWord::Host | RootWord::Minimal => value,
    };
    Ok(Setting { value, origin })
}

/// Checks that there is something at the path of a root, if it is used.
pub(super) fn needed(said: &Setting<RootWord>, is_used: bool) -> Result<(), SettingsError> {
    match &said.value {
        RootWord::At(RootPath { path, .. }) if is_used => {
            existing(said.origin, path, Path::new("/")).map(drop)
        }
        RootWord::Host | RootWord::Minimal | RootWord::At(_) => Ok(()),
    }
}

/// Parses a value of `--bind`. Only a last `:ro`, `:cow` or `:rw` is no part of the path, which may contain colons.
pub(super) fn bind(origin: Origin, text: &OsStr, here: &Path) -> Result<Setting<Bind>, SettingsError> {
    let bytes = text.as_bytes();
    let words: [(&[u8], _); 3] =
        [(b":ro", BindAccess::ReadOnly), (b":cow", BindAccess::CopyOnWrite), (b":rw", BindAccess::ReadWrite)];
    let said = words.into_iter().find_map(|(word, access)| Some((bytes.strip_suffix(word)?, access)));
    let (path, access) = said.unwrap_or((bytes, BindAccess::ReadOnly));
    let path = shown(origin, Path::new(OsStr::from_bytes(path)), here)?;
    Ok(path.map(|path| Bind { path, access }))
}

/// Returns the absolute path that tests are to see, which must exist. `/` and `/dev` are refused, since each test has
/// its own.
pub(super) fn shown(origin: Origin, path: &Path, here: &Path) -> Result<Setting<PathBuf>, SettingsError> {
    let path = existing(origin, path, here)?;
    match path.value.canonicalize() {
        Ok(real) if [Path::new("/"), Path::new("/dev")].contains(&real.as_path()) => {
            Err(SettingsError::OwnPlace { origin, path: path.value })
        }
        _ => Ok(path),
    }
}

/// Returns the absolute path that tests are to write through to the host. A missing path is accepted, and checked
/// once the project is known.
pub(super) fn kept(origin: Origin, path: &Path, here: &Path) -> Result<Setting<PathBuf>, SettingsError> {
    match shown(origin, path, here) {
        Err(SettingsError::NoSuchPath { origin, path }) => Ok(Setting { value: path, origin }),
        result => result,
    }
}

/// Returns the absolute path, which must exist. A relative path starts at `here`.
pub(super) fn existing(origin: Origin, path: &Path, here: &Path) -> Result<Setting<PathBuf>, SettingsError> {
    let path: PathBuf = here.join(path).components().collect();
    if path.symlink_metadata().is_ok() {
        Ok(Setting { value: path, origin })
    } else {
        Err(SettingsError::NoSuchPath { origin, path })
    }
}
