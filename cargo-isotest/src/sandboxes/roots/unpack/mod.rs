//! Unpacks untrusted archives into the directory of a root: no name and no link can lead out of the directory, and limits
//! keep an archive from filling the disk.

mod error;
mod metered;
mod names;

pub(crate) use error::UnpackError;

use metered::Metered;
use names::{Look, Names};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::unistd::geteuid;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, FileTimes, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};
use tar::{Archive, Entry, EntryType, Header};

/// Limits of one root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Number of entries, and of directories that their names imply.
    pub(crate) entries: u64,
    /// Bytes of all files.
    pub(crate) bytes: u64,
    /// Maximum number of components of a path.
    pub(crate) depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 2_000_000, bytes: 32 << 30, depth: 200 }
    }
}

/// Maximum length of an entry's headers, in bytes: enough for the longest path and all attributes.
const MAX_HEADERS_BYTES: u64 = 1 << 20;

/// Treatment of names that begin with `.wh.`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whiteouts {
    /// Ordinary names.
    None,
    /// Whiteouts, which delete entries of earlier layers.
    Honoured,
}

/// Root that is being unpacked.
#[derive(Debug)]
pub(crate) struct Unpacking {
    root: File,
    limits: Limits,
    left: Limits,
    /// Names with the permissions and times of directories, which are applied at the end.
    names: Names,
    /// Number of skipped device nodes.
    nodes: u64,
    gives_owners: bool,
}

impl Unpacking {
    /// Creates an unpacking into a directory.
    pub(crate) fn new(directory: &Path, limits: Limits) -> Result<Self, UnpackError> {
        let failed = |source| UnpackError::Write { path: directory.to_owned(), source };
        Ok(Self {
            root: File::open(directory).map_err(failed)?,
            limits,
            left: limits,
            names: Names::default(),
            nodes: 0,
            gives_owners: geteuid().is_root(),
        })
    }

    /// Unpacks one archive over the earlier ones.
    pub(crate) fn archive(&mut self, from: impl Read, whiteouts: Whiteouts) -> Result<(), UnpackError> {
        let (from, meter) = Metered::new(from);
        let mut archive = Archive::new(from);
        self.names.next_layer();
        let mut entries = archive.entries().map_err(UnpackError::Read)?;
        loop {
            meter.allow(MAX_HEADERS_BYTES);
            let Some(entry) = entries.next() else { break };
            let mut entry = entry.map_err(|error| match error.kind() {
                _ if meter.is_exhausted() => UnpackError::TooLong,
                _ if meter.has_ended() => UnpackError::Truncated,
                io::ErrorKind::UnexpectedEof => UnpackError::Truncated,
                _ => UnpackError::Read(error),
            })?;
            meter.allow(u64::MAX);
            self.count(1)?;
            self.entry(&mut entry, whiteouts)?;
        }
        if meter.has_ended() { Err(UnpackError::Truncated) } else { Ok(()) }
    }

    /// Applies the permissions of directories. Returns the number of skipped device nodes.
    pub(crate) fn finish(self) -> Result<u64, UnpackError> {
        if self.left.entries == self.limits.entries {
            return Err(UnpackError::Empty);
        }
        self.names.for_each_directory(|path, look| {
            let finish = || -> io::Result<()> {
                let directory = self.open(path)?;
                let place = seen(&directory);
                fs::set_permissions(&place, Permissions::from_mode(look.mode))?;
                File::open(&place)?.set_times(times(look.modified))
            };
            match finish() {
                // A later layer has removed it, or put something else there.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                {
                    Ok(())
                }
                done => done.map_err(|source| UnpackError::Write { path: path.to_owned(), source }),
            }
        })?;
        Ok(self.nodes)
    }

    fn count(&mut self, more: u64) -> Result<(), UnpackError> {
        let left = self.left.entries.checked_sub(more);
        self.left.entries = left.ok_or(UnpackError::TooMany(self.limits.entries))?;
        Ok(())
    }

    fn entry(&mut self, entry: &mut Entry<'_, impl Read>, whiteouts: Whiteouts) -> Result<(), UnpackError> {
        let header = entry.header().clone();
        let kind = header.entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(());
        }
        let written = PathBuf::from(OsStr::from_bytes(&entry.path_bytes()));
        let path = self.inside(&written)?;
        if whiteouts == Whiteouts::Honoured
            && let Some(hidden) = path.file_name().and_then(|name| name.as_bytes().strip_prefix(b".wh."))
        {
            return self.white_out(&path, OsStr::from_bytes(hidden));
        }
        let implied = self.names.add(&path);
        self.count(implied)?;
        match kind {
            EntryType::Directory => self.directory(&path, &header),
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                self.symlink(&path, OsStr::from_bytes(&target), &header)
            }
            EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                self.hard_link(&path, Path::new(OsStr::from_bytes(&target)))
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                self.nodes += 1;
                Ok(())
            }
            _ => self.file(&path, entry, &header),
        }
    }

    /// Converts a path of an archive to one relative to the root.
    fn inside(&self, path: &Path) -> Result<PathBuf, UnpackError> {
        let mut inside = PathBuf::new();
        for part in path.components() {
            match part {
                Component::Normal(part) => inside.push(part),
                Component::ParentDir => return Err(UnpackError::ClimbsOut(path.to_owned())),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        let is_too_long = inside.as_os_str().len() > 4000 || inside.components().count() > self.limits.depth;
        if is_too_long { Err(UnpackError::TooLong) } else { Ok(inside) }
    }

    /// Opens a directory below the root. Symbolic links are resolved as if the root were `/`.
    fn open(&self, path: &Path) -> io::Result<File> {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Ok(openat2(&self.root, path, how)?.into())
    }

    /// Opens a directory below the root, and creates it if missing.
    fn open_or_make(&mut self, path: &Path) -> Result<File, UnpackError> {
        match (self.open(path), path.parent(), path.file_name()) {
            (Err(error), Some(parent), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
                let parent = self.open_or_make(parent)?;
                self.count(1)?;
                let made = DirBuilder::new().mode(0o755).create(seen(&parent).join(name));
                made.and_then(|()| self.open(path)).map_err(failed(path))
            }
            (opened, ..) => opened.map_err(failed(path)),
        }
    }

    /// Returns the place of an entry: the open parent directory, and a path through it that no link can redirect.
    fn place(&mut self, path: &Path) -> Result<Place, UnpackError> {
        let directory = self.open_or_make(path.parent().unwrap_or(Path::new("")))?;
        Place::within(directory, path).map_err(failed(path))
    }

    /// Returns the place of an entry, and removes an existing file there.
    fn free_place(&mut self, path: &Path) -> Result<Place, UnpackError> {
        let place = self.place(path)?;
        self.remove(path, &place)?;
        Ok(place)
    }

    /// Removes a file or a directory tree.
    fn remove(&mut self, path: &Path, place: &Place) -> Result<(), UnpackError> {
        remove(&place.path).map_err(failed(path))?;
        self.names.forget_below(path);
        Ok(())
    }

    fn directory(&mut self, path: &Path, header: &Header) -> Result<(), UnpackError> {
        let mode = mode_of(header) | if self.gives_owners { 0 } else { 0o700 };
        if !path.as_os_str().is_empty() {
            let place = self.place(path)?;
            if !fs::symlink_metadata(&place.path).is_ok_and(|meta| meta.is_dir()) {
                self.remove(path, &place)?;
                DirBuilder::new().mode(0o700).create(&place.path).map_err(failed(path))?;
            }
            self.give(&place.path, header).map_err(failed(path))?;
        }
        self.names.keep(path, Look { mode, modified: header.mtime().unwrap_or_default() });
        Ok(())
    }

    fn symlink(&mut self, path: &Path, target: &OsStr, header: &Header) -> Result<(), UnpackError> {
        let place = self.free_place(path)?;
        let made = symlink(target, &place.path).and_then(|()| self.give(&place.path, header));
        made.map_err(failed(path))
    }

    fn hard_link(&mut self, path: &Path, written: &Path) -> Result<(), UnpackError> {
        let missing = || UnpackError::LinksOut { link: path.to_owned(), target: written.to_owned() };
        let target = self.inside(written)?;
        let of_link = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => missing(),
            _ => UnpackError::Write { path: path.to_owned(), source },
        };
        let directory = self.open(target.parent().unwrap_or(Path::new(""))).map_err(of_link)?;
        let target = Place::within(directory, &target).map_err(of_link)?;
        if fs::symlink_metadata(&target.path).map_err(of_link)?.is_dir() {
            return Err(of_link(io::ErrorKind::IsADirectory.into()));
        }
        let place = self.place(path)?;
        self.remove(path, &place)?;
        fs::hard_link(&target.path, &place.path).map_err(of_link)
    }

    fn file(
        &mut self,
        path: &Path,
        entry: &mut Entry<'_, impl Read>,
        header: &Header,
    ) -> Result<(), UnpackError> {
        let size = entry.size();
        self.left.bytes =
            self.left.bytes.checked_sub(size).ok_or(UnpackError::TooLarge(self.limits.bytes))?;
        let place = self.free_place(path)?;
        let create = File::options().write(true).create_new(true).mode(0o600).open(&place.path);
        let mut file = create.map_err(failed(path))?;
        let mut buffer = vec![0; 64 << 10];
        let mut copied = 0;
        loop {
            let length = entry.read(&mut buffer).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => UnpackError::Truncated,
                _ => UnpackError::Read(error),
            })?;
            if length == 0 {
                break;
            }
            file.write_all(buffer.get(..length).unwrap_or_default()).map_err(failed(path))?;
            copied += u64::try_from(length).unwrap_or(u64::MAX);
        }
        if copied != size {
            return Err(UnpackError::Truncated);
        }
        self.give(&place.path, header).map_err(failed(path))?;
        file.set_permissions(Permissions::from_mode(mode_of(header))).map_err(failed(path))?;
        file.set_times(times(header.mtime().unwrap_or_default())).map_err(failed(path))
    }

    /// Sets the owner of a file, if this process is root.
    fn give(&self, path: &Path, header: &Header) -> io::Result<()> {
        if !self.gives_owners {
            return Ok(());
        }
        let id = |id: io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok());
        match lchown(path, id(header.uid()), id(header.gid())) {
            // An owner that has no id in this container is replaced by this process's user.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied) =>
            {
                Ok(())
            }
            done => done,
        }
    }

    fn white_out(&mut self, path: &Path, hidden: &OsStr) -> Result<(), UnpackError> {
        let parent = path.parent().unwrap_or(Path::new(""));
        match self.open(parent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            directory => directory.map_err(failed(path))?,
        };
        if hidden == ".wh..opq" {
            return self.clear(parent);
        }
        // Other `.wh.` names are private marks of the program that made the layer.
        if hidden.as_bytes().starts_with(b".wh.") || hidden.is_empty() || hidden == "." || hidden == ".." {
            return Ok(());
        }
        self.remove_earlier(&parent.join(hidden))
    }

    /// Removes a file or directory, except for entries of this layer.
    fn remove_earlier(&mut self, path: &Path) -> Result<(), UnpackError> {
        if self.names.is_of_present_layer(path) {
            return self.clear(path);
        }
        let place = self.place(path)?;
        self.remove(path, &place)
    }

    /// Removes the content of a directory, except for entries of this layer.
    fn clear(&mut self, path: &Path) -> Result<(), UnpackError> {
        if self.names.is_cleared(path) {
            return Ok(());
        }
        let Ok(directory) = self.open(path) else { return Ok(()) };
        let entries = fs::read_dir(seen(&directory)).map_err(failed(path))?;
        let names: Vec<OsString> =
            entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>().map_err(failed(path))?;
        names.iter().try_for_each(|name| self.remove_earlier(&path.join(name)))?;
        self.names.clear(path);
        Ok(())
    }
}

/// Path in an open directory.
struct Place {
    path: PathBuf,
    _directory: File,
}

impl Place {
    /// Returns the place of the last name of a path in its parent directory.
    fn within(directory: File, path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self { path: seen(&directory).join(name), _directory: directory })
    }
}

/// Returns a function that converts an error of the system to one of an entry.
fn failed(path: &Path) -> impl Fn(io::Error) -> UnpackError {
    move |source| UnpackError::Write { path: path.to_owned(), source }
}

/// Returns a path of an open directory that no link can redirect.
fn seen(directory: &File) -> PathBuf {
    Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string())
}

/// Removes a file or a directory tree, without following links.
fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

fn mode_of(header: &Header) -> u32 {
    header.mode().unwrap_or(0o644) & 0o7777
}

fn times(modified: u64) -> FileTimes {
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(modified));
    FileTimes::new().set_modified(at.unwrap_or(SystemTime::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;
    use crate::testing::archive::Written;
    use nix::errno::Errno;
    use std::os::unix::fs::MetadataExt;

    const SMALL: Limits = Limits { entries: 100, bytes: 10_000, depth: 20 };

    /// Directory with a root and, beside it, a file that no archive may reach.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let place = tempfile::tempdir().unwrap();
            fs::create_dir(place.path().join("root")).unwrap();
            fs::write(place.path().join("outside"), "untouched").unwrap();
            Self(place)
        }

        fn unpack(&self, archives: &[Vec<u8>], whiteouts: Whiteouts) -> Result<u64, UnpackError> {
            let mut unpacking = Unpacking::new(&self.0.path().join("root"), SMALL).unwrap();
            for archive in archives {
                unpacking.archive(archive.as_slice(), whiteouts)?;
            }
            unpacking.finish()
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join("root").join(name)
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.path(name)).unwrap_or_else(|error| error.to_string())
        }

        fn is_there(&self, name: &str) -> bool {
            self.path(name).symlink_metadata().is_ok()
        }

        #[track_caller]
        fn outside_is_untouched(&self) {
            assert_eq!(fs::read_to_string(self.0.path().join("outside")).unwrap(), "untouched");
            let mut names: Vec<_> =
                fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, ["outside", "root"]);
        }
    }

    fn error(archive: Vec<u8>) -> String {
        let place = Place::new();
        let error = chain(&place.unpack(&[archive], Whiteouts::None).unwrap_err());
        place.outside_is_untouched();
        error
    }

    #[test]
    fn a_root_is_unpacked_with_its_permissions_times_and_links() {
        let place = Place::new();
        let archive = Written::default()
            .directory("./")
            .directory("./usr/")
            .file("./usr/a", "content")
            .file("deep/down/b", "made its own directories")
            .symlink("link", "/usr/a")
            .hard_link("hard", "usr/a")
            .entry(EntryType::Char, "dev/null", "", b"")
            .end();
        assert_eq!(place.unpack(&[archive], Whiteouts::None).unwrap(), 1);
        assert_eq!((place.read("usr/a").as_str(), place.read("hard").as_str()), ("content", "content"));
        assert_eq!(place.read("deep/down/b"), "made its own directories");
        assert_eq!(fs::read_link(place.path("link")).unwrap(), Path::new("/usr/a"));
        let (file, directory) =
            (fs::metadata(place.path("usr/a")).unwrap(), fs::metadata(place.path("usr")).unwrap());
        assert_eq!((file.mode() & 0o7777, file.mtime(), file.nlink()), (0o644, 1000, 2));
        assert_eq!((directory.mode() & 0o7777, directory.mtime()), (0o755, 1000));
        assert!(!place.is_there("dev/null"));
    }

    #[test]
    fn no_name_leads_out() {
        let message = error(Written::default().file("../outside", "changed").end());
        assert_eq!(message, "the entry `../outside` is outside of the root");
        let message = error(Written::default().file("a/../../outside", "changed").end());
        assert_eq!(message, "the entry `a/../../outside` is outside of the root");
    }

    #[test]
    fn an_absolute_name_is_one_of_the_root() {
        let place = Place::new();
        let outside = place.0.path().join("outside").display().to_string();
        let archive = Written::default().file(&outside, "changed").end();
        place.unpack(&[archive], Whiteouts::None).unwrap();
        place.outside_is_untouched();
        assert_eq!(place.read(outside.trim_start_matches('/')), "changed");
    }

    #[test]
    fn no_link_leads_out() {
        for target in ["..", "/", "../../../../../../.."] {
            let place = Place::new();
            let outside = place.0.path().join("outside").display().to_string();
            let below = outside.trim_start_matches('/');
            let archive = Written::default()
                .symlink("way", target)
                .file(&format!("way/{below}"), "changed")
                .file("way/outside", "changed")
                .end();
            place.unpack(&[archive], Whiteouts::None).unwrap();
            place.outside_is_untouched();
            assert_eq!((place.read("outside"), place.read(below)), ("changed".into(), "changed".into()));
        }
    }

    #[test]
    fn a_file_replaces_a_link_and_does_not_follow_it() {
        let place = Place::new();
        let outside = place.0.path().join("outside").display().to_string();
        let archive = Written::default().symlink("a", &outside).file("a", "changed").end();
        place.unpack(&[archive], Whiteouts::None).unwrap();
        place.outside_is_untouched();
        assert_eq!(place.read("a"), "changed");
    }

    #[test]
    fn a_hard_link_is_to_something_in_the_archive() {
        let message = error(Written::default().hard_link("a", "../outside").end());
        assert_eq!(message, "the entry `../outside` is outside of the root");
        let message = error(Written::default().hard_link("a", "/etc/passwd").end());
        assert_eq!(message, "the target of the hard link `a` is not in the archive: `/etc/passwd`");
        let place = Place::new();
        place.unpack(&[Written::default().hard_link("a", "b/c").end()], Whiteouts::None).unwrap_err();
        assert!(!place.is_there("b"), "a directory was made for what is not there");
        let archive = Written::default().symlink("way", "..").hard_link("a", "way/outside").end();
        place.unpack(&[archive], Whiteouts::None).unwrap_err();
        place.outside_is_untouched();
    }

    #[test]
    fn through_a_hard_link_nothing_is_written() {
        let place = Place::new();
        let archive = Written::default().file("a", "first").hard_link("b", "a").file("b", "second").end();
        place.unpack(&[archive], Whiteouts::None).unwrap();
        assert_eq!((place.read("a").as_str(), place.read("b").as_str()), ("first", "second"));
    }

    #[test]
    fn a_bomb_is_refused() {
        let many = (0..200).fold(Written::default(), |archive, n| archive.file(&format!("{n}"), ""));
        assert_eq!(error(many.end()), "the archive has more than 100 entries");
        let deep = |n| format!("{n}/{}", "d/".repeat(15));
        let implying =
            (0..10).fold(Written::default(), |archive, n| archive.file(&format!("{}x", deep(n)), ""));
        assert_eq!(error(implying.end()), "the archive has more than 100 entries");
        let again = (0..10).fold(Written::default().symlink("way", "a"), |archive, _| {
            archive.directory("a").file(&format!("way/{}", deep(0)), "").file("a", "")
        });
        assert_eq!(error(again.end()), "the archive has more than 100 entries");
        let large = Written::default().file("a", &"x".repeat(6000)).file("b", &"x".repeat(6000));
        assert_eq!(error(large.end()), "the archive has more than 10000 bytes when unpacked");
        // The claim is enough: nothing is read for it.
        let claimed = Written::default().sized(EntryType::Regular, ("a", ""), b"", 1 << 32);
        assert_eq!(error(claimed.end()), "the archive has more than 10000 bytes when unpacked");
        let long = Written::default().entry(EntryType::GNULongName, "l", "", &vec![b'x'; 4 << 20]);
        assert_eq!(error(long.file("a", "").end()), "the name or the attributes of an entry are too long");
        let deep = Written::default().file(&"d/".repeat(40), "");
        assert_eq!(error(deep.end()), "the name or the attributes of an entry are too long");
    }

    #[test]
    fn what_is_cut_off_or_no_archive_is_said() {
        let archive = Written::default().file("a", &"x".repeat(2000)).file("b", "").end();
        for length in [100, 512, 1000, 2560, 3072] {
            assert_eq!(error(archive[..length].to_vec()), "the archive is truncated", "{length}");
        }
        assert!(error(vec![b'x'; 2048]).starts_with("cannot read the archive: "));
        assert_eq!(error(Written::default().end()), "the archive is empty");
        assert_eq!(error(Vec::new()), "the archive is truncated");
    }

    #[test]
    fn a_later_layer_replaces_and_deletes_what_earlier_ones_have() {
        let place = Place::new();
        let first = Written::default()
            .file("replaced", "first")
            .file("deleted", "first")
            .file("a/kept", "first")
            .file("a/deleted/inner", "first")
            .file("emptied/old", "first")
            .file("emptied/inner/old", "first")
            .directory("becomes_file")
            .file("becomes_directory", "first")
            .end();
        let second = Written::default()
            .directory("becomes_directory")
            .file("replaced", "second")
            .file(".wh.deleted", "")
            .file("a/.wh.deleted", "")
            .file("emptied/new", "second")
            .file("emptied/inner/new", "second")
            .file("emptied/.wh..wh..opq", "")
            .file("becomes_file", "second")
            .file("becomes_directory/inner", "second")
            .file("never/.wh.there", "")
            .file(".wh..wh.aufs", "")
            .end();
        place.unpack(&[first, second], Whiteouts::Honoured).unwrap();
        assert_eq!((place.read("replaced").as_str(), place.read("a/kept").as_str()), ("second", "first"));
        for gone in ["deleted", "a/deleted", "emptied/old", "emptied/inner/old", "never", ".wh..wh.aufs"] {
            assert!(!place.is_there(gone), "{gone}");
        }
        for new in ["emptied/new", "emptied/inner/new", "becomes_file", "becomes_directory/inner"] {
            assert_eq!(place.read(new), "second", "{new}");
        }
    }

    #[test]
    fn a_whiteout_deletes_a_link_and_nothing_it_leads_to() {
        let place = Place::new();
        let outside = place.0.path().display().to_string();
        let first = Written::default().symlink("way", &outside).symlink("up", "..").end();
        let second = Written::default()
            .file("way/.wh.outside", "")
            .file("up/.wh.outside", "")
            .file("up/.wh..wh..opq", "")
            .file(".wh.way", "")
            .end();
        place.unpack(&[first, second], Whiteouts::Honoured).unwrap();
        place.outside_is_untouched();
        assert!(!place.is_there("way"));
    }

    #[test]
    fn in_a_plain_archive_a_whiteout_is_a_name() {
        let place = Place::new();
        let archive = Written::default().file("a", "").file(".wh.a", "").end();
        place.unpack(&[archive], Whiteouts::None).unwrap();
        assert!(place.is_there("a") && place.is_there(".wh.a"));
    }

    #[test]
    fn what_an_archive_asks_for_in_vain_is_no_refusal() {
        let below_a_file = Written::default().file("a", "").file("a/b", "").end();
        let below_itself = Written::default().symlink("a", "a").file("a/b", "").end();
        for (archive, errno) in [(below_a_file, Errno::ENOTDIR), (below_itself, Errno::ELOOP)] {
            let error = Place::new().unpack(&[archive], Whiteouts::None).unwrap_err();
            assert!(
                error.refusal().is_none() && chain(&error).ends_with(&format!("(os error {})", errno as i32)),
                "{error}"
            );
        }
        for errno in [Errno::ENOSPC, Errno::EACCES, Errno::EIO] {
            let error = UnpackError::Write { path: "a".into(), source: errno.into() };
            assert_eq!(error.refusal().and_then(io::Error::raw_os_error), Some(errno as i32));
        }
    }

    #[test]
    fn mutated_archives_are_unpacked_or_refused_and_stay_inside() {
        let seeds = [
            Written::default()
                .directory("a/b")
                .file("a/b/c", "text")
                .symlink("a/l", "../../outside")
                .hard_link("h", "a/b/c")
                .end(),
            Written::default()
                .file(&"long/".repeat(19), "x")
                .file("a/.wh.b", "")
                .file(".wh..wh..opq", "")
                .end(),
        ];
        mutations::try_all("archive", &seeds, |bytes| {
            for whiteouts in [Whiteouts::None, Whiteouts::Honoured] {
                let place = Place::new();
                let _ = place.unpack(&[bytes.to_vec(), bytes.to_vec()], whiteouts);
                place.outside_is_untouched();
            }
        });
    }
}
