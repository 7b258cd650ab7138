//! Makes a run's directory, and removes what runs that were killed have left: it names the process it belongs to.

use nix::unistd::{AccessFlags, access};
use procfs::process::Process;
use std::collections::VecDeque;
use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Prefix of the names of a run's directories.
const PREFIX: &str = "isotest-";

pub(super) const FREEZER: &str = "freezer.state";

/// Greatest cost of the search for directories of dead runs in one hierarchy, since there may be thousands of cgroups
/// and every run begins with it. The unit is a look at a directory, about a microsecond.
const MAX_COST: usize = 500;

/// Cost of reading a directory, with all its files.
const COST_OF_READING: usize = 10;

/// Time for which killed processes may still be there on a busy machine; [`INTERVAL`] is the time between two looks.
const PATIENCE: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_millis(2);

/// Returns the name of this process's run directories.
///
/// # Errors
/// When `/proc` cannot be read.
pub(super) fn name_of_run() -> io::Result<String> {
    let myself = Process::myself().and_then(|process| process.stat()).map_err(io::Error::other)?;
    Ok(format!("{PREFIX}{}-{}", myself.pid, myself.starttime))
}

/// Makes this run's directory below `base`, and removes what dead runs have left in that hierarchy. The directory is
/// kept from other runs for as long as it is open.
///
/// # Errors
/// When the directory cannot be made or opened, or another run removes it at once; nothing is left behind then.
pub(super) fn make_run(base: &Path, mount_point: &Path) -> io::Result<(PathBuf, Arc<File>)> {
    sweep(base, mount_point, MAX_COST);
    let run = base.join(name_of_run()?);
    fs::create_dir(&run)?;
    match locked(&run) {
        Ok(handle) => Ok((run, Arc::new(handle))),
        Err(error) => {
            // The first error is returned; a directory that cannot be removed now is removed by the next run.
            let _ = fs::remove_dir(&run);
            Err(error)
        }
    }
}

/// Opens and locks a directory (flock(2)): its run may live in another pid namespace, where its name says nothing.
///
/// # Errors
/// When somebody else has locked the directory, or removed it.
fn locked(directory: &Path) -> io::Result<File> {
    let handle = File::open(directory)?;
    handle.try_lock()?;
    // If the inode differs, another run has removed the directory while it held the lock.
    let is_there = fs::metadata(directory)?.ino() == handle.metadata()?.ino();
    if is_there { Ok(handle) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Returns whether the process that made the directory of this name is gone; `None` if no run made it.
fn is_stale(name: &str) -> Option<bool> {
    let (pid, start) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let (pid, start): (i32, u64) = (pid.parse().ok()?, start.parse().ok()?);
    let alive = Process::new(pid).and_then(|process| process.stat());
    // A zombie no longer runs; in some containers nobody ever reaps it.
    Some(alive.map_or(true, |stat| stat.starttime != start || stat.state == 'Z'))
}

/// Removes the directories of dead runs, which may have been in other cgroups: those below `base`, and then those below
/// the ones around it, as far as this process may write there. The nearest come first, since the search ends when it has cost
/// `most`. What cannot be removed is left: it may belong to another user.
fn sweep(base: &Path, mount_point: &Path, most: usize) {
    let mut left = most;
    let mut done = None;
    let is_ours = |top: &&Path| top.starts_with(mount_point) && access(*top, AccessFlags::W_OK).is_ok();
    for top in base.ancestors().take_while(is_ours) {
        let mut waiting = VecDeque::from([top.to_path_buf()]);
        while let Some(directory) = waiting.pop_front() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                let path = entry.path();
                match entry.file_name().to_str().and_then(is_stale) {
                    Some(true) => remove_unless_locked(&path),
                    // Everything below the directory of a live run is its own.
                    Some(false) => {}
                    None if done == Some(path.as_path()) || left == 0 => {}
                    None => {
                        left -= 1;
                        if has_directories(&entry) {
                            left = left.saturating_sub(COST_OF_READING);
                            waiting.push_back(path);
                        }
                    }
                }
            }
        }
        done = Some(top);
    }
}

fn remove_unless_locked(run: &Path) {
    if let Ok(_lock) = locked(run) {
        let _ = remove_tree(run);
    }
}

/// Returns whether a cgroup has others below it. Most have none, which is told by their links, and sooner than by
/// their dozens of files.
fn has_directories(entry: &DirEntry) -> bool {
    entry.metadata().is_ok_and(|meta| meta.nlink() != 2)
}

/// Removes a directory and those below it, innermost first.
///
/// # Errors
/// Error of the first directory that could not be removed.
pub(super) fn remove_tree(directory: &Path) -> io::Result<()> {
    thaw_tree(directory);
    for entry in fs::read_dir(directory)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(directory)
}

/// Removes a directory as [`remove_tree`] does, with patience for processes that have just been killed: of a zygote
/// that somebody else has killed, what it had started ends after it.
///
/// # Errors
/// Error of the first directory that could not be removed.
pub(super) fn remove_tree_soon(directory: &Path) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match remove_tree(directory) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                sleep(INTERVAL);
            }
            removed => return removed,
        }
    }
}

/// Thaws what is frozen in a directory and below it. Killed while it is frozen, a process does not die.
pub(super) fn thaw_tree(directory: &Path) {
    let state = OpenOptions::new().write(true).open(directory.join(FREEZER));
    // Version 2 and the other hierarchies of version 1 have no such file.
    let Ok(mut state) = state else { return };
    let _ = state.write_all(b"THAWED");
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            thaw_tree(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    use nix::unistd::Pid;
    use std::error::Error;
    use std::process::Command;

    #[test]
    fn a_run_is_stale_when_its_process_is_another_one() -> io::Result<()> {
        let own = name_of_run()?;
        assert_eq!(is_stale(&own), Some(false));
        let pid = std::process::id();
        assert_eq!(is_stale(&format!("isotest-{pid}-1")), Some(true));
        assert_eq!(is_stale("isotest-0-1"), Some(true));
        assert_eq!(is_stale("user.slice"), None);
        assert_eq!(is_stale("isotest-notes"), None);
        Ok(())
    }

    #[test]
    fn a_run_that_has_ended_is_stale_even_if_nobody_reaps_it() -> Result<(), Box<dyn Error>> {
        let mut killed = Command::new("sleep").arg("60").spawn()?;
        let pid = i32::try_from(killed.id())?;
        let name = format!("{PREFIX}{pid}-{}", Process::new(pid)?.stat()?.starttime);
        assert_eq!(is_stale(&name), Some(false), "control");
        killed.kill()?;
        waitid(Id::Pid(Pid::from_raw(pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
        assert_eq!(is_stale(&name), Some(true));
        killed.wait()?;
        Ok(())
    }

    #[test]
    fn what_somebody_holds_is_not_swept() -> io::Result<()> {
        let base = tempfile::tempdir()?;
        // In another pid namespace, it looks so to us.
        let (held, left) = (base.path().join("isotest-0-1"), base.path().join("isotest-0-2"));
        fs::create_dir_all(held.join("7"))?;
        fs::create_dir_all(left.join("7"))?;
        let handle = locked(&held)?;
        let (run, own) = make_run(base.path(), base.path())?;
        assert!(held.join("7").exists() && !left.exists(), "control: what nobody holds is swept");
        assert!(locked(&run).is_err(), "the own one is held");
        drop((handle, own));
        sweep(base.path(), base.path(), 0);
        assert!(!held.exists() && run.exists());
        Ok(())
    }

    #[test]
    fn what_is_near_is_swept_first_and_the_search_ends() -> io::Result<()> {
        let place = tempfile::tempdir()?;
        let mount_point = place.path().join("mount");
        let base = mount_point.join("slice/own");
        let left = ["slice/own", "slice/own/a/b", "slice", "slice/sibling", "", "other/c/d"]
            .map(|parent| mount_point.join(parent).join("isotest-0-1"));
        let outside = place.path().join("isotest-0-1");
        let own = base.join(name_of_run()?);
        let is_there = |most| -> io::Result<_> {
            left.iter().chain([&outside, &own]).try_for_each(fs::create_dir_all)?;
            sweep(&base, &mount_point, most);
            assert!(outside.exists() && own.exists());
            Ok(left.each_ref().map(|run| run.exists()))
        };
        assert_eq!(is_there(0)?, [false, true, false, true, false, true]);
        assert_eq!(is_there(1)?, [false, true, false, true, false, true]);
        assert_eq!(is_there(1 + COST_OF_READING + 1)?, [false, false, false, true, false, true]);
        assert_eq!(is_there(2 * (1 + COST_OF_READING) + 1)?, [false, false, false, false, false, true]);
        assert_eq!(is_there(MAX_COST)?, [false; 6]);
        Ok(())
    }
}
