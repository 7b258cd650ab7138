//! What the host looks like: cgroups, processes and mounts, compared before and after a run.

use nix::unistd::{AccessFlags, Uid, access};
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// By this variable the processes of one call are known.
pub(crate) const MARK: &str = "ISOTEST_CALL";

/// Longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// The cgroups of the run of this supervisor.
pub(crate) fn cgroups_of(pid: u32) -> Vec<PathBuf> {
    cgroups_named(&format!("isotest-{pid}-"))
}

/// The cgroups whose names begin like this.
pub(crate) fn cgroups_named(prefix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(Path::new("/sys/fs/cgroup"), 5, prefix, &mut found);
    found
}

fn collect(directory: &Path, depth: usize, prefix: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push(entry.path());
        } else if depth > 0 {
            collect(&entry.path(), depth - 1, prefix, found);
        }
    }
}

/// The command lines of the processes that were started with this mark.
pub(crate) fn processes_marked(mark: &str) -> Vec<String> {
    states_marked(mark).into_iter().map(|(line, _)| line).collect()
}

/// The same, each with its state as a letter of proc_pid_stat(5).
pub(crate) fn states_marked(mark: &str) -> Vec<(String, char)> {
    let marked = format!("{MARK}={mark}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|&byte| byte == 0).any(|variable| variable == marked.as_bytes()) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
            found.push((String::from_utf8_lossy(&line).replace('\0', " "), state.unwrap_or('X')));
        }
    }
    found
}

/// The mounts of the namespace we are in.
pub(crate) fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

/// Waits for something that comes about, or for so long that it never will.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(20));
    }
}

/// Says that nothing can be measured here, and that it is not tried for that. Root has cgroups wherever they can be made.
pub(crate) fn skip_without_cgroups(what: &str) {
    let mount = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(mount).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut places = hierarchies.chain([mount.to_owned()]).map(|place| place.join("cgroup.procs"));
    let can_be_made = places.any(|processes| access(&processes, AccessFlags::W_OK).is_ok());
    assert!(!(Uid::effective().is_root() && can_be_made), "{what}: without cgroups");
    // Not by a macro, which would keep it from whoever executes the tests.
    let _ = writeln!(stderr(), "skipped without cgroups: {what}");
}
