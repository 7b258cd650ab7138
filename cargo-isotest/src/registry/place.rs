//! Registry directories: each holds the sockets of one user's runs and is writable by that user only. A process that can
//! create a socket there could kill the runs as well, so the sockets are as trustworthy as the user.

use isotest_core::host::REGISTRY;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Maximum number of directory entries that are read.
const MAX_ENTRIES: usize = 4096;

/// Candidate for the registry directory of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    parent: PathBuf,
    name: String,
    user: u32,
}

/// Opened registry directory, checked to belong to the user only.
#[derive(Debug)]
pub(super) struct Opened {
    parent: OwnedFd,
    name: String,
    directory: OwnedFd,
    path: PathBuf,
}

impl Place {
    fn new(parent: impl Into<PathBuf>, name: impl Into<String>, user: u32) -> Self {
        Self { parent: parent.into(), name: name.into(), user }
    }

    /// Opens the directory; `None` if there is none.
    ///
    /// # Errors
    /// When the directory cannot be opened or trusted.
    pub(super) fn open(&self) -> Result<Option<Opened>, String> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match open(&self.parent, flags, Mode::empty()) {
            Ok(parent) => self.open_in(parent),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => Ok(None),
            Err(error) => Err(format!("`{}`: {}", self.path().display(), io::Error::from(error))),
        }
    }

    fn open_in(&self, parent: OwnedFd) -> Result<Option<Opened>, String> {
        let path = self.path();
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let directory = match openat(&parent, self.name.as_str(), flags, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(self.why_not(parent.as_fd(), error)),
        };
        let stat = fstat(&directory).map_err(|error| self.why_not(parent.as_fd(), error))?;
        trusted(&stat, self.user).map_err(|why| format!("`{}` {why}", path.display()))?;
        Ok(Some(Opened { parent, name: self.name.clone(), directory, path }))
    }

    /// Explains a failure to open the directory, by its type and owner if these are wrong.
    fn why_not(&self, parent: BorrowedFd<'_>, error: Errno) -> String {
        let name = self.path();
        let name = name.display();
        let stat = fstatat(parent, self.name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW);
        match stat.map(|stat| (trusted(&stat, self.user), error)) {
            Ok((Err(why), _)) => format!("`{name}` {why}"),
            Ok((Ok(()), error)) | Err(error) => format!("`{name}`: {}", io::Error::from(error)),
        }
    }

    /// Opens the directory, and creates it if there is none.
    ///
    /// # Errors
    /// When the directory cannot be created or trusted.
    fn make(&self) -> Result<Opened, String> {
        let cannot = |error: Errno| {
            format!("cannot create the directory `{}`: {}", self.path().display(), io::Error::from(error))
        };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let parent = open(&self.parent, flags, Mode::empty()).map_err(cannot)?;
        match mkdirat(&parent, self.name.as_str(), Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(cannot(error)),
        }
        self.open_in(parent)?.ok_or_else(|| cannot(Errno::ENOENT))
    }

    fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }
}

impl Opened {
    /// Returns a path of an entry through the open directory, which is valid after a rename and short enough for a socket.
    pub(super) fn entry(&self, name: &str) -> PathBuf {
        Path::new("/proc/self/fd").join(self.directory.as_raw_fd().to_string()).join(name)
    }

    /// Returns the path of an entry for messages.
    pub(super) fn called(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Returns the names of the sockets of runs, and whether entries were left unread.
    pub(super) fn sockets(&self) -> io::Result<(BTreeSet<String>, bool)> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut listed = Dir::openat(&self.directory, ".", flags, Mode::empty())?;
        let (mut names, mut read) = (BTreeSet::new(), 0);
        for entry in listed.iter() {
            read += 1;
            if read > MAX_ENTRIES {
                return Ok((names, true));
            }
            let name = entry?.file_name().to_str().ok().filter(|name| is_of_run(name)).map(str::to_owned);
            names.extend(name);
        }
        Ok((names, false))
    }

    /// Removes a socket.
    pub(super) fn remove(&self, name: &str) {
        // Fails if there is no socket, which is fine.
        let _ = unlinkat(&self.directory, name, UnlinkatFlags::NoRemoveDir);
    }

    /// Removes the directory unless it contains a socket.
    pub(super) fn leave(&self) {
        let _ = unlinkat(&self.parent, self.name.as_str(), UnlinkatFlags::RemoveDir);
    }
}

/// Returns the name of a run's socket: process id and start time of the supervisor.
pub(super) fn name_of_run(pid: i32, start: u64) -> String {
    format!("{pid}-{start}")
}

/// Parses the name of a run's socket: process id and start time of the supervisor.
pub(super) fn run_of_name(name: &str) -> Option<(i32, u64)> {
    let (pid, start) = name.split_once('-')?;
    Some((pid.parse().ok()?, start.parse().ok()?))
}

fn is_of_run(name: &str) -> bool {
    run_of_name(name).is_some_and(|(pid, start)| name == name_of_run(pid, start))
}

/// Checks that a directory is writable by `user` only.
///
/// # Errors
/// When it is not, with a reason that follows its path.
fn trusted(stat: &FileStat, user: u32) -> Result<(), String> {
    let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
    let mode = stat.st_mode & 0o7777;
    match kind {
        SFlag::S_IFLNK => Err("is a symbolic link; remove it".to_owned()),
        SFlag::S_IFDIR if stat.st_uid != user => {
            Err(format!("belongs to user {}, not to user {user}; remove it", stat.st_uid))
        }
        SFlag::S_IFDIR if mode & 0o077 != 0 => {
            Err(format!("is accessible to other users (mode {mode:o}); run `chmod 700` on it, or remove it"))
        }
        SFlag::S_IFDIR => Ok(()),
        _ => Err("is not a directory; remove it".to_owned()),
    }
}

/// Returns the candidates for a user's registry directory that do not depend on the environment.
fn fixed(user: u32) -> Vec<Place> {
    let runtime = Place::new(format!("/run/user/{user}"), "isotest", user);
    let own = |parent: &str| Place::new(parent, format!("{REGISTRY}{user}"), user);
    let of_root = (user == 0).then(|| own("/run"));
    // A user who is not logged in has no directory in `/run`.
    [runtime].into_iter().chain(of_root).chain([own("/tmp")]).collect()
}

/// Returns the candidates for this user's registry directory. A new run uses the first that can be opened.
pub(super) fn own(user: u32) -> Vec<Place> {
    let named = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    // sudo(8) may have kept the directory of another user.
    let is_own = |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| meta.uid() == user);
    let mut places: Vec<_> =
        named.filter(is_own).map(|path| Place::new(path, "isotest", user)).into_iter().collect();
    for place in fixed(user) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// Returns other users with processes or a login, and the candidates for their registry directories.
pub(super) fn of_others(user: u32) -> Vec<(u32, Vec<Place>)> {
    let entries = |path: &str| fs::read_dir(path).into_iter().flatten().flatten();
    let number = |name: &std::ffi::OsStr| name.to_str().and_then(|name| name.parse::<u32>().ok());
    let processes = entries("/proc").filter(|entry| number(&entry.file_name()).is_some());
    let owners = processes.filter_map(|entry| Some(entry.metadata().ok()?.uid()));
    let logged_in = entries("/run/user").filter_map(|entry| number(&entry.file_name()));
    let users: BTreeSet<_> = owners.chain(logged_in).filter(|other| *other != user).collect();
    users.into_iter().map(|user| (user, fixed(user))).collect()
}

/// Opens or creates the first possible registry directory.
///
/// # Errors
/// When none can be opened.
pub(super) fn make_first(places: &[Place]) -> Result<Opened, String> {
    let mut whys = Vec::new();
    for place in places {
        // The parent is never created: a user has a runtime directory, or none.
        if fs::metadata(&place.parent).is_err() {
            continue;
        }
        match place.make() {
            Ok(opened) => return Ok(opened),
            Err(why) => whys.push(why),
        }
    }
    Err(if whys.is_empty() { "neither `/run` nor `/tmp` exists".to_owned() } else { whys.join(", and ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::geteuid;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn only_a_directory_of_the_users_own_is_believed() {
        let parent = tempfile::tempdir().unwrap();
        let user = geteuid().as_raw();
        let place = |name: &str, user| Place::new(parent.path(), name, user);
        assert!(place("none", user).open().unwrap().is_none());
        let made = place("made", user).make().unwrap();
        assert!(place("made", user).open().unwrap().is_some(), "control");
        let refusal = |name: &str, user| place(name, user).open().unwrap_err();
        assert!(refusal("made", user + 1).contains("belongs to user"), "{}", refusal("made", user + 1));
        symlink(parent.path().join("made"), parent.path().join("link")).unwrap();
        assert!(
            refusal("link", user).ends_with("is a symbolic link; remove it"),
            "{}",
            refusal("link", user)
        );
        assert!(place("link", user).make().is_err());
        fs::write(parent.path().join("file"), "").unwrap();
        assert!(refusal("file", user).ends_with("is not a directory; remove it"));
        fs::set_permissions(parent.path().join("made"), Permissions::from_mode(0o770)).unwrap();
        assert!(refusal("made", user).contains("(mode 770)"), "{}", refusal("made", user));
        fs::set_permissions(parent.path().join("made"), Permissions::from_mode(0o700)).unwrap();
        made.leave();
        assert!(place("made", user).open().unwrap().is_none(), "nothing is left");
    }

    #[test]
    fn names_of_runs_are_numbers() {
        assert_eq!(run_of_name("7-12"), Some((7, 12)));
        for name in ["7-12\n", "+7-12", "07-1", "7", "7-1-2", ".new"] {
            assert!(!is_of_run(name), "{name:?}");
        }
        assert!(is_of_run(&name_of_run(1, 2)));
    }

    #[test]
    fn of_several_places_the_first_that_can_be_had_is_taken() {
        let parent = tempfile::tempdir().unwrap();
        let user = geteuid().as_raw();
        fs::write(parent.path().join("taken"), "").unwrap();
        let places = [
            Place::new(parent.path().join("none"), "isotest", user),
            Place::new(parent.path(), "taken", user),
            Place::new(parent.path(), "free", user),
        ];
        assert_eq!(make_first(&places).unwrap().path, parent.path().join("free"));
        assert!(make_first(&places[..2]).unwrap_err().ends_with("taken` is not a directory; remove it"));
    }
}
