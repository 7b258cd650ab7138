//! Why an archive is not unpacked: it is no archive of a root, or the host has no place for it.

use nix::errno::Errno;
use std::io;
use std::path::PathBuf;

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// It cannot be read, or is no archive.
    #[error("the archive cannot be read")]
    Read(#[source] io::Error),
    /// Its end is missing.
    #[error("the archive is cut off")]
    Truncated,
    /// A name with `..` in it.
    #[error("its entry `{}` leads out of the root", .0.display())]
    ClimbsOut(PathBuf),
    /// A hard link to something that is not there.
    #[error("its hard link `{}` is to `{}`, which is not in it", link.display(), target.display())]
    LinksOut {
        /// The link.
        link: PathBuf,
        /// What it names.
        target: PathBuf,
    },
    /// More entries than there may be.
    #[error("it has more than {0} entries")]
    TooMany(u64),
    /// More content than there may be.
    #[error("it unpacks to more than {0} bytes")]
    TooLarge(u64),
    /// Names or attributes of an entry that are longer than any file system takes.
    #[error("an entry's name or attributes are too long")]
    TooLong,
    /// It has nothing in it.
    #[error("it is empty")]
    Empty,
    /// The file system refused.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// The entry.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl UnpackError {
    /// What the system said, if nothing is wrong with the archive: there is no room, or nobody may write there.
    pub(crate) fn refusal(&self) -> Option<&io::Error> {
        let Self::Write { source, .. } = self else { return None };
        let errno = Errno::from_raw(source.raw_os_error().unwrap_or_default());
        let by_archive = matches!(
            errno,
            // Names that are no names here, and entries below what is no directory.
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
