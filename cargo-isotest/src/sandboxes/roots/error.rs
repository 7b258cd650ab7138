//! Errors of root file systems.

use super::image::ImageError;
use super::kept::KeepError;
use super::unpack::UnpackError;
use crate::error::Failure;
use crate::exit::{End, Exit};
use isotest_core::closure::{ElfError, Lack};
use std::path::PathBuf;
use std::{fmt, io};

/// Error of a root file system.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootError {
    /// The root is unusable.
    #[error("cannot use `{}` as a root", .path.display())]
    Unusable {
        /// Path of the root.
        path: PathBuf,
        /// Reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no place to unpack the root.
    #[error("cannot unpack `{}` below `{}`", .path.display(), .into.display())]
    NoPlace {
        /// Path of the archive or image.
        path: PathBuf,
        /// Directory of unpacked roots.
        into: PathBuf,
        /// Reason.
        why: io::ErrorKind,
        /// File and error of the system.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file is no program whose libraries are known.
    #[error("cannot tell what `{}` needs", .program.display())]
    Closure {
        /// File.
        program: PathBuf,
        /// Reason.
        source: ElfError,
    },
    /// The root lacks what test binaries need.
    #[error("not every test binary can be executed in this root: {}", CannotRun(.0))]
    CannotRun(Vec<(String, Vec<Lack>)>),
}

impl Failure for RootError {
    fn end(&self) -> End {
        match self {
            Self::Unusable { .. } | Self::Closure { .. } => Exit::Usage.into(),
            Self::NoPlace { .. } => Exit::CannotIsolate.into(),
            Self::CannotRun(_) => Exit::Listing.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoPlace { why, .. } => return place(*why).map(str::to_owned),
            Self::CannotRun(_) => {
                "build for what the root has, for example statically with `--target x86_64-unknown-linux-musl`, or install \
                 there what is missing"
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
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::errors::{each_of, each_variant, told};
    use nix::libc;
    use snapbox::{assert_data_eq, str};

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
        let no_place = |number| RootError::NoPlace {
            path: "/r.tar".into(),
            into: "/w/target/isotest".into(),
            why: errno(number).kind(),
            source: Box::new(errno(number)),
        };
        let text = each_variant!(RootError {
            RootError::Unusable { .. } =>
                [RootError::Unusable { path: "/r.tar".into(), source: Box::new(errno(libc::EACCES)) }],
            RootError::NoPlace { .. } => [no_place(libc::ENOSPC), no_place(libc::EROFS), no_place(libc::EIO)],
            RootError::Closure { .. } => [RootError::Closure { program: "/etc/passwd".into(), source: ElfError::NotElf }],
            RootError::CannotRun(_) => [RootError::CannotRun(vec![("tour".to_owned(), lacks)])],
        });
        assert_data_eq!(
            text,
            str![[r#"
error: cannot use `/r.tar` as a root: Permission denied (os error 13)
  end: exit code 2 (Usage)
error: cannot unpack `/r.tar` below `/w/target/isotest`: No space left on device (os error 28)
 hint: make room there; roots are kept below the target directory, or without a project below `$XDG_CACHE_HOME`
  end: exit code 97 (CannotIsolate)
error: cannot unpack `/r.tar` below `/w/target/isotest`: Read-only file system (os error 30)
 hint: roots are kept below the target directory, or without a project below `$XDG_CACHE_HOME`: name one that you may write to
  end: exit code 97 (CannotIsolate)
error: cannot unpack `/r.tar` below `/w/target/isotest`: Input/output error (os error 5)
  end: exit code 97 (CannotIsolate)
error: cannot tell what `/etc/passwd` needs: it is not an ELF file
  end: exit code 2 (Usage)
error: not every test binary can be executed in this root: `tour`: its loader `/lib64/ld-linux-x86-64.so.2` is not there, `libc.so.6`, which `/t/tour` needs, is not there, `/t/tour` needs `GLIBC_2.34`, which `/lib/libc.so.6` there is too old to have
 hint: build for what the root has, for example statically with `--target x86_64-unknown-linux-musl`, or install there what is missing
  end: exit code 104 (Listing)

"#]]
        );
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
        let unusable = |source| told(RootError::Unusable { path: "/r.tar".into(), source });
        let archives = archives.into_iter().map(|error| unusable(error.into()));
        let images = images.into_iter().map(|error| unusable(error.into()));
        assert_data_eq!(
            archives.chain(images).collect::<String>(),
            str![[r#"
error: cannot use `/r.tar` as a root: cannot read the archive: Input/output error (os error 5)
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: the archive is truncated
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: the entry `../a` is outside of the root
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: the target of the hard link `a` is not in the archive: `/b`
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: more than 1000 entries
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: more than 1073741824 bytes when unpacked
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: the name or the attributes of an entry are too long
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: the archive is empty
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: cannot write `a`: No space left on device (os error 28)
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: cannot read the file `index.json` of the image: No such file or directory (os error 2)
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: not a container image: neither `index.json` nor `manifest.json` found
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: no image for linux/amd64
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: several images, expected one: a:1, b:1
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: `md5:0` is not a sha256 digest
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: digest mismatch of the file `blobs/sha256/5f2b`: expected sha256:5f2b, found sha256:0000
  end: exit code 2 (Usage)
error: cannot use `/r.tar` as a root: cannot unpack the layer `blobs/sha256/5f2b`: the archive is truncated
  end: exit code 2 (Usage)

"#]]
        );
    }
}
