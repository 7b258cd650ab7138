//! Errors of unpacking: an invalid archive, or a host that cannot store it.

use nix::errno::Errno;
use std::io;
use std::path::PathBuf;

/// Error of unpacking an archive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// The archive cannot be read or parsed.
    #[error("cannot read the archive")]
    Read(#[source] io::Error),
    /// The archive ends early.
    #[error("the archive is truncated")]
    Truncated,
    /// An entry's name contains `..`.
    #[error("the entry `{}` is outside of the root", .0.display())]
    ClimbsOut(PathBuf),
    /// A hard link's target is not in the archive.
    #[error("the target of the hard link `{}` is not in the archive: `{}`", link.display(), target.display())]
    LinksOut {
        /// Path of the link.
        link: PathBuf,
        /// Target of the link.
        target: PathBuf,
    },
    /// The archive has too many entries.
    #[error("the archive has more than {0} entries")]
    TooMany(u64),
    /// The archive is too large.
    #[error("the archive has more than {0} bytes when unpacked")]
    TooLarge(u64),
    /// The name or attributes of an entry are longer than any file system supports.
    #[error("the name or the attributes of an entry are too long")]
    TooLong,
    /// The archive has no entries.
    #[error("the archive is empty")]
    Empty,
    /// An entry cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Path of the entry.
        path: PathBuf,
        /// Error of the host.
        source: io::Error,
    },
}

impl UnpackError {
    /// Returns the host's error, if the archive itself is valid: the disk is full, or the directory is not writable.
    pub(crate) fn refusal(&self) -> Option<&io::Error> {
        let Self::Write { source, .. } = self else { return None };
        let errno = Errno::from_raw(source.raw_os_error().unwrap_or_default());
        let by_archive = matches!(
            errno,
            // Names that the file system rejects, and entries below a file.
            Errno::UnknownErrno
                | Errno::ENAMETOOLONG
                | Errno::EINVAL
                | Errno::EILSEQ
                | Errno::ELOOP
                | Errno::ENOENT
                | Errno::EEXIST
                | Errno::ENOTDIR
                | Errno::EISDIR
                | Errno::ENOTEMPTY
        );
        (!by_archive).then_some(source)
    }
}
