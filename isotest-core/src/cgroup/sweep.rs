//! Making a run's directory, and removing what runs that were killed have left: it names the process it belongs to.

use procfs::process::Process;
use std::fs::{self, File};
use std::io;
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

/// Makes this run's directory below `base`, and removes what dead runs have left there.
///
/// # Errors
/// When it cannot be made or opened; nothing is left behind then.
pub(super) fn make_run(base: &Path) -> io::Result<(PathBuf, Arc<File>)> {
    sweep(base);
    let run = base.join(name_of_run()?);
    fs::create_dir(&run)?;
    match File::open(&run) {
        Ok(handle) => Ok((run, Arc::new(handle))),
        Err(error) => {
            // The failure to tell is the first; what cannot be removed now is swept by the next run.
            let _ = fs::remove_dir(&run);
            Err(error)
        }
    }
}

/// Whether the process that made the directory of this name is gone; `None` if no run made it.
fn is_stale(name: &str) -> Option<bool> {
    let (pid, start) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let (pid, start): (i32, u64) = (pid.parse().ok()?, start.parse().ok()?);
    let alive = Process::new(pid).and_then(|process| process.stat());
    Some(alive.map_or(true, |stat| stat.starttime != start))
}

/// Removes the directories of dead runs below `base`. What cannot be removed is left: it may belong to another pid
/// namespace or another user.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        if entry.file_name().to_str().and_then(is_stale) == Some(true) {
            let _ = remove_tree(&entry.path());
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
}
