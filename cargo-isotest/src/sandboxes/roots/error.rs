//! Error types of root file systems.

use super::image::ImageError;
use super::kept::KeepError;
use super::unpack::UnpackError;
use crate::error::Failure;
use crate::exit::{End, Exit};
use crate::settings::Origin;
use isotest_core::closure::{ElfError, Lack};
use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io};

/// Error of a root file system.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum RootError {
    /// The root is unusable.
    #[error("{}cannot use `{}` as a root", Place(*.origin), .path.display())]
    Unusable {
        /// Origin of the setting that names the root.
        origin: Origin,
        /// Path of the root.
        path: PathBuf,
        /// Reason.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The directory of unpacked roots cannot be written.
    #[error("{}cannot unpack `{}` below `{}`", Place(*.origin), .path.display(), .into.display())]
    NoPlace {
        /// Origin of the setting that names the root.
        origin: Origin,
        /// Path of the archive or image.
        path: PathBuf,
        /// Directory of unpacked roots.
        into: PathBuf,
        /// Reason.
        why: io::ErrorKind,
        /// File and error of the system.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A file is not a program whose libraries can be found.
    #[error("cannot find the shared libraries of `{}`", .program.display())]
    Closure {
        /// File.
        program: PathBuf,
        /// Reason.
        source: Arc<ElfError>,
    },
    /// The root lacks files that test binaries need.
    #[error("{}this root lacks what test binaries need: {}", Place(*.origin), CannotRun(.lacking))]
    CannotRun {
        /// Origin of the setting that names the root.
        origin: Origin,
        /// Binaries, each with what it lacks.
        lacking: Vec<(String, Vec<Lack>)>,
    },
}

impl Failure for RootError {
    fn end(&self) -> End {
        match self {
            Self::Unusable { origin, .. } if origin.is_of_file() => Exit::Configuration.into(),
            Self::Unusable { .. } | Self::Closure { .. } => Exit::Usage.into(),
            Self::NoPlace { .. } => Exit::CannotIsolate.into(),
            Self::CannotRun { .. } => Exit::Listing.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoPlace { why, .. } => return place(*why).map(str::to_owned),
            Self::CannotRun { .. } => {
                "install what is missing in the root, or link the tests statically, for example with `--target \
                 x86_64-unknown-linux-musl`"
            }
            Self::Unusable { .. } | Self::Closure { .. } => return None,
        };
        Some(hint.into())
    }
}

/// Returns the hint for a directory of roots that cannot be written.
const fn place(why: io::ErrorKind) -> Option<&'static str> {
    match why {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(
            "make room there; roots are kept below the target directory, or without a project below `$XDG_CACHE_HOME`",
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some(
            "roots are kept below the target directory, or without a project below `$XDG_CACHE_HOME`: name one that you \
             may write to",
        ),
        _ => None,
    }
}

/// Place of a setting in a file, before what is wrong with it.
struct Place(Origin);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Origin::File(_, place) => write!(f, "{place}: "),
            _ => Ok(()),
        }
    }
}

struct CannotRun<'a>(&'a [(String, Vec<Lack>)]);

impl fmt::Display for CannotRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (binary_id, lacks)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}`{binary_id}`")?;
            for (index, lack) in lacks.iter().enumerate() {
                write!(f, "{} {lack}", if index == 0 { ":" } else { "," })?;
            }
        }
        Ok(())
    }
}

/// Error of the archive or image of a root.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The root cannot be stored.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The archive is invalid.
    #[error(transparent)]
    Archive(#[from] UnpackError),
    /// The image is invalid.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl SourceError {
    /// Returns the host's error, if the archive or image itself is valid.
    pub(super) fn refusal(&self) -> Option<&io::Error> {
        match self {
            Self::File(_) => None,
            Self::Keep(error) => Some(&error.source),
            Self::Archive(error) => error.refusal(),
            Self::Image(error) => error.refusal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Part, Table};
    use crate::testing::errors::{each_of, each_variant, is_as_kept, told};
    use nix::libc;

    #[test]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let errno = io::Error::from_raw_os_error;
        let lacks = vec![
            Lack::Loader { path: "/lib64/ld-linux-x86-64.so.2".into() },
            Lack::Library { name: "libc.so.6".into(), user: "/t/tour".into() },
            Lack::Version {
                version: "GLIBC_2.34".into(),
                library: "/lib/libc.so.6".into(),
                user: "/t/tour".into(),
            },
        ];
        let flag = Origin::Flag("--root");
        let table = Table { file: ".config/isotest.toml".into(), part: Part::Whole };
        let place = crate::settings::Place { table: Box::leak(Box::new(table)), line: 5 };
        let key = Origin::File("root", place);
        let no_place = |number| RootError::NoPlace {
            origin: flag,
            path: "/r.tar".into(),
            into: "/w/target/isotest".into(),
            why: errno(number).kind(),
            source: Arc::new(errno(number)),
        };
        let unusable = |origin| RootError::Unusable {
            origin,
            path: "/r.tar".into(),
            source: Arc::new(errno(libc::EACCES)),
        };
        let cannot_run =
            |origin| RootError::CannotRun { origin, lacking: vec![("tour".to_owned(), lacks.clone())] };
        let text = each_variant!(RootError {
            RootError::Unusable { .. } => [unusable(flag), unusable(key)],
            RootError::NoPlace { .. } => [no_place(libc::ENOSPC), no_place(libc::EROFS), no_place(libc::EIO)],
            RootError::Closure { .. } => [RootError::Closure { program: "/etc/passwd".into(), source: Arc::new(ElfError::NotElf) }],
            RootError::CannotRun { .. } => [cannot_run(flag), cannot_run(key)],
        });
        is_as_kept("roots", text);
    }

    #[test]
    fn each_fault_of_an_archive_or_image_is_named() {
        let errno = io::Error::from_raw_os_error;
        let digest = || "sha256:5f2b".to_owned();
        let archives = each_of!(UnpackError {
            UnpackError::Read(_) => [UnpackError::Read(errno(libc::EIO))],
            UnpackError::Truncated => [UnpackError::Truncated],
            UnpackError::ClimbsOut(_) => [UnpackError::ClimbsOut("../a".into())],
            UnpackError::LinksOut { .. } => [UnpackError::LinksOut { link: "a".into(), target: "/b".into() }],
            UnpackError::TooMany(_) => [UnpackError::TooMany(1000)],
            UnpackError::TooLarge(_) => [UnpackError::TooLarge(1 << 30)],
            UnpackError::TooLong => [UnpackError::TooLong],
            UnpackError::Empty => [UnpackError::Empty],
            UnpackError::Write { .. } => [UnpackError::Write { path: "a".into(), source: errno(libc::ENOSPC) }],
        });
        let images = each_of!(ImageError {
            ImageError::File { .. } =>
                [ImageError::File { name: "index.json".to_owned(), source: errno(libc::ENOENT) }],
            ImageError::NotAnImage => [ImageError::NotAnImage],
            ImageError::NoneFor(_) => [ImageError::NoneFor("linux/amd64".to_owned())],
            ImageError::Several(_) => [ImageError::Several("a:1, b:1".to_owned())],
            ImageError::NoDigest(_) => [ImageError::NoDigest("md5:0".to_owned())],
            ImageError::Changed { .. } => [ImageError::Changed {
                name: "blobs/sha256/5f2b".to_owned(),
                expected: digest(),
                found: "sha256:0000".to_owned(),
            }],
            ImageError::Layer { .. } =>
                [ImageError::Layer { name: "blobs/sha256/5f2b".to_owned(), source: UnpackError::Truncated }],
        });
        let unusable = |source| {
            told(RootError::Unusable { origin: Origin::Flag("--root"), path: "/r.tar".into(), source })
        };
        let archives = archives.into_iter().map(|error| unusable(Arc::new(error)));
        let images = images.into_iter().map(|error| unusable(Arc::new(error)));
        is_as_kept("archives", archives.chain(images).collect::<String>());
    }
}
