//! Making a run's directory, and removing what runs that were killed have left: it names the process it belongs to.

use procfs::process::Process;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the names of a run's directories begin with.
const PREFIX: &str = "isotest-";

/// The name of this process's run directories.
///
/// # Errors
/// When `/proc` cannot be read.
pub(super) fn name_of_run() -> io::Result<String> {
    let myself = Process::myself().and_then(|process| process.stat()).map_err(io::Error::other)?;
    Ok(format!("{PREFIX}{}-{}", myself.pid, myself.starttime))
}

/// Makes this run's directory below `base`, and removes what dead runs have left there. It is kept from other runs for as
/// long as it is open.
///
/// # Errors
/// When it cannot be made or opened, or another run removes it at once; nothing is left behind then.
pub(super) fn make_run(base: &Path) -> io::Result<(PathBuf, Arc<File>)> {
    sweep(base);
    let run = base.join(name_of_run()?);
    fs::create_dir(&run)?;
    match locked(&run) {
        Ok(handle) => Ok((run, Arc::new(handle))),
        Err(error) => {
            // The failure to tell is the first; what cannot be removed now is swept by the next run.
            let _ = fs::remove_dir(&run);
            Err(error)
        }
    }
}

/// A directory, opened and locked (flock(2)): its run may live in another pid namespace, where its name says nothing.
///
/// # Errors
/// When somebody else has locked it, or removed it.
fn locked(directory: &Path) -> io::Result<File> {
    let handle = File::open(directory)?;
    handle.try_lock()?;
    // Another run that had it locked in between has removed it.
    let is_there = fs::metadata(directory)?.ino() == handle.metadata()?.ino();
    if is_there { Ok(handle) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Whether the process that made the directory of this name is gone; `None` if no run made it.
fn is_stale(name: &str) -> Option<bool> {
    let (pid, start) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let (pid, start): (i32, u64) = (pid.parse().ok()?, start.parse().ok()?);
    let alive = Process::new(pid).and_then(|process| process.stat());
    Some(alive.map_or(true, |stat| stat.starttime != start))
}

/// Removes the directories of dead runs below `base`. What cannot be removed is left: it may belong to another user.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let directory = entry.path();
        if entry.file_name().to_str().and_then(is_stale) == Some(true)
            && let Ok(_lock) = locked(&directory)
        {
            let _ = remove_tree(&directory);
        }
    }
}

/// Removes a directory and those below it, innermost first.
///
/// # Errors
/// The first directory that could not be removed.
pub(super) fn remove_tree(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_somebody_holds_is_not_swept() -> io::Result<()> {
        let base = tempfile::tempdir()?;
        // In another pid namespace, it looks so to us.
        let (held, left) = (base.path().join("isotest-0-1"), base.path().join("isotest-0-2"));
        fs::create_dir_all(held.join("7"))?;
        fs::create_dir_all(left.join("7"))?;
        let handle = locked(&held)?;
        let (run, own) = make_run(base.path())?;
        assert!(held.join("7").exists() && !left.exists(), "control: what nobody holds is swept");
        assert!(locked(&run).is_err(), "the own one is held");
        drop((handle, own));
        sweep(base.path());
        assert!(!held.exists() && run.exists());
        Ok(())
    }
}
