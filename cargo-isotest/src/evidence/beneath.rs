//! Opens and writes files beneath a directory, without following links and never above the directory.

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Prefix of the name of a file while it is written.
const UNFINISHED: &str = ".isotest-unfinished";

/// Returns a unique name for a file while it is written.
fn unfinished() -> PathBuf {
    static FILES: AtomicU64 = AtomicU64::new(0);
    format!("{UNFINISHED}-{}-{}", process::id(), FILES.fetch_add(1, Ordering::Relaxed)).into()
}

/// Open directory, whose own path may contain links.
#[derive(Debug)]
pub(super) struct Beneath(OwnedFd);

impl Beneath {
    /// Opens a directory.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let directory = File::open(path)?;
        if directory.metadata()?.is_dir() {
            Ok(Self(directory.into()))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    /// Opens a directory beneath this one, and creates it if it is missing.
    pub(super) fn directory(&self, path: &Path) -> io::Result<Self> {
        let mut directory = self.0.try_clone()?;
        for part in plain(path)? {
            match mkdirat(&directory, part, Mode::from_bits_truncate(0o777)) {
                Ok(()) | Err(nix::Error::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
            directory = open(&directory, Path::new(part), OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        }
        Ok(Self(directory))
    }

    /// Opens a regular file for reading; `None` if it does not exist.
    pub(super) fn file(&self, path: &Path) -> io::Result<Option<File>> {
        plain(path)?;
        // `O_NONBLOCK`: opening a named pipe must not block.
        let file = match open(&self.0, path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY) {
            Ok(file) => File::from(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => {
                return Err(io::Error::other("it is a link, or behind one"));
            }
            Err(error) => return Err(error),
        };
        if file.metadata()?.is_file() {
            Ok(Some(file))
        } else {
            Err(io::Error::other("it is no regular file"))
        }
    }

    /// Writes a whole file, with the directories on the way to it, and replaces an existing one atomically.
    pub(super) fn put(&self, path: &Path, mut content: impl Read) -> io::Result<()> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = self.directory(path.parent().unwrap_or(Path::new("")))?.0;
        let unfinished = &unfinished();
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let mut file = File::from(open(&parent, unfinished, flags)?);
        let written =
            copy(&mut content, &mut file).and_then(|()| Ok(renameat(&parent, unfinished, &parent, name)?));
        if written.is_err() {
            // The error of the write matters more than one of the removal.
            let _ = unlinkat(&parent, unfinished, UnlinkatFlags::NoRemoveDir);
        }
        written
    }

    /// Removes a file or directory directly in this one, if it exists.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        let [Component::Normal(name)] = Path::new(name).components().collect::<Vec<_>>()[..] else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let path = self.seen().join(name);
        let is_directory = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            meta => meta?.is_dir(),
        };
        if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) }
    }

    /// Returns the names of the directory's entries.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(self.seen())?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn seen(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

fn copy(from: &mut impl Read, to: &mut File) -> io::Result<()> {
    io::copy(from, to)?;
    to.flush()
}

/// Returns the components of a relative path without `..`.
fn plain(path: &Path) -> io::Result<Vec<&OsStr>> {
    let parts = path.components().map(|part| match part {
        Component::Normal(part) => Ok(part),
        _ => Err(io::Error::other("it leads elsewhere")),
    });
    parts.collect()
}

fn open(directory: impl AsFd, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
    let resolve =
        ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW).resolve(resolve);
    let how = if flags.contains(OFlag::O_CREAT) { how.mode(Mode::from_bits_truncate(0o666)) } else { how };
    Ok(openat2(directory, path, how)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::thread;

    struct Fails;

    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn nothing_is_read_or_written_over_a_link() {
        let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("a"), "untouched").unwrap();
        let at = |name: &str| place.path().join(name);
        symlink(outside.path(), at("link")).unwrap();
        symlink(outside.path().join("a"), at("file-link")).unwrap();
        let beneath = Beneath::open(place.path()).unwrap();
        for path in ["link/a", "link/new", "../a", "/a", "d/../../a"] {
            assert!(beneath.put(Path::new(path), &b"x"[..]).is_err(), "{path}");
            assert!(beneath.file(Path::new(path)).is_err(), "{path}");
        }
        let refusal = beneath.file(Path::new("file-link")).unwrap_err().to_string();
        assert_eq!(refusal, "it is a link, or behind one");
        // A link in the place of the file itself is replaced, and what it leads to stays.
        beneath.put(Path::new("file-link"), &b"x"[..]).unwrap();
        assert_eq!(fs::read_to_string(outside.path().join("a")).unwrap(), "untouched");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        beneath.remove(OsStr::new("link")).unwrap();
        assert!(beneath.remove(OsStr::new("../x")).is_err() && beneath.remove(OsStr::new("gone")).is_ok());
        assert!(outside.path().join("a").exists() && !at("link").exists());
    }

    #[test]
    fn a_file_is_written_whole_with_its_directories() {
        let place = tempfile::tempdir().unwrap();
        let beneath = Beneath::open(place.path()).unwrap();
        beneath.put(Path::new("top"), &b"x"[..]).unwrap();
        for text in ["one", "two"] {
            beneath.put(Path::new("a/b/c"), text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(place.path().join("a/b/c")).unwrap(), text);
        }
        assert!(beneath.put(Path::new("a/b/c"), Fails).is_err());
        assert_eq!(fs::read_to_string(place.path().join("a/b/c")).unwrap(), "two");
        assert_eq!(fs::read_dir(place.path().join("a/b")).unwrap().count(), 1);
        thread::scope(|scope| {
            for name in ["one", "two", "three"] {
                let beneath = &beneath;
                scope.spawn(move || {
                    (0..200).for_each(|_| beneath.put(Path::new(name), name.as_bytes()).unwrap());
                });
            }
        });
        for name in ["one", "two", "three"] {
            assert_eq!(fs::read_to_string(place.path().join(name)).unwrap(), name, "none takes another's");
        }
        assert!(beneath.file(Path::new("a/b")).is_err() && beneath.file(Path::new("a/x")).unwrap().is_none());
    }
}
