//! What the kernel tells of changes in directories of cgroups (inotify(7)): to hear of none costs less than to look at all
//! their files. One instance serves a run, since a user has few of them, which tests may need.

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Files that processes move by, which changes nothing that those after them would feel.
const ENTRANCES: [&str; 2] = ["tasks", "cgroup.procs"];

/// Watches of directories, and which of the directories have changed.
#[derive(Debug)]
pub(super) struct Changes {
    /// `None` where the kernel grants no instance.
    inotify: Option<Inotify>,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    changed: HashSet<WatchDescriptor>,
    /// Whether changes may have been missed.
    misses: bool,
}

impl Default for Changes {
    /// Watches nothing yet.
    fn default() -> Self {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok();
        Self { inotify, heard: Mutex::default() }
    }
}

impl Changes {
    /// Watches a directory for whatever changes it or its files; `None` if it cannot be watched.
    pub(super) fn watch(&self, directory: &Path) -> Option<WatchDescriptor> {
        let all = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE;
        self.inotify.as_ref()?.add_watch(directory, all).ok()
    }

    /// Whether a directory has changed, or may have, since it was watched or this was asked before.
    pub(super) fn since_last(&self, watch: WatchDescriptor) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(inotify) = &self.inotify else { return true };
        loop {
            match inotify.read_events() {
                Ok(events) => events.iter().for_each(|event| heard.note(event)),
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(_) => heard.misses = true,
            }
            if heard.misses {
                return true;
            }
        }
        heard.changed.remove(&watch)
    }
}

impl Heard {
    fn note(&mut self, event: &InotifyEvent) {
        let is_entrance = |name: &OsStr| ENTRANCES.iter().any(|entrance| name == *entrance);
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            self.misses = true;
        } else if !event.name.as_deref().is_some_and(is_entrance) {
            self.changed.insert(event.wd);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io};

    #[test]
    fn changes_are_told_once_and_of_their_own_directory() -> io::Result<()> {
        let (one, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
        fs::write(one.path().join("state"), "")?;
        let changes = Changes::default();
        let (here, there) = (
            changes.watch(one.path()).ok_or(io::ErrorKind::Other)?,
            changes.watch(other.path()).ok_or(io::ErrorKind::Other)?,
        );
        let both = || (changes.since_last(here), changes.since_last(there));
        assert_eq!(both(), (false, false));
        fs::write(one.path().join("state"), "1")?;
        assert_eq!(both(), (true, false));
        assert_eq!(both(), (false, false));
        fs::create_dir(other.path().join("below"))?;
        assert_eq!(both(), (false, true));
        fs::write(one.path().join("tasks"), "0")?;
        assert_eq!(both(), (false, false), "a process moved");
        Ok(())
    }
}
