//! What the host looks like: cgroups, processes and mounts, compared before and after a run.

use crate::call::Ended;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{AccessFlags, Pid, Uid, access};
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// By this variable the processes of one call are known.
pub(crate) const MARK: &str = "TRIAL_CALL";

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

/// The directories in `/proc` of the processes that were started with this mark.
fn marked(mark: &str) -> impl Iterator<Item = PathBuf> {
    let marked = format!("{MARK}={mark}");
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes.filter(move |process| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|variable| variable == marked.as_bytes())
    })
}

/// The command lines of the processes that were started with this mark.
pub(crate) fn processes_marked(mark: &str) -> Vec<String> {
    states_marked(mark).into_iter().map(|(line, _)| line).collect()
}

/// The same, each with its state as a letter of proc_pid_stat(5).
pub(crate) fn states_marked(mark: &str) -> Vec<(String, char)> {
    let look = |process: PathBuf| {
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
        (String::from_utf8_lossy(&line).replace('\0', " "), state.unwrap_or('X'))
    };
    marked(mark).map(look).collect()
}

/// Their ids.
pub(crate) fn pids_marked(mark: &str) -> Vec<i32> {
    marked(mark).filter_map(|process| process.file_name()?.to_str()?.parse().ok()).collect()
}

/// Kills them.
pub(crate) fn kill_marked(mark: &str) {
    for pid in pids_marked(mark) {
        // One may have ended meanwhile.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
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

/// Says that nothing can be measured here, and that it is not tried for that.
#[track_caller]
pub(crate) fn skip_without_cgroups(what: &str) {
    has_no_cgroups();
    // Not by a macro, which would keep it from whoever executes the tests.
    let _ = writeln!(stderr(), "skipped without cgroups: {what}");
}

/// Whether a run was refused because a limit on this figure takes a cgroup. Then it has said so and executed nothing.
#[track_caller]
pub(crate) fn is_refused_without_cgroups(ended: &Ended, figure: &str) -> bool {
    if ended.status.code() != Some(97) {
        return false;
    }
    has_no_cgroups();
    let said = [format!("no `{figure}` (could not "), format!("      Remedy for {figure}")];
    assert!(said.iter().all(|words| ended.stderr.contains(words)), "{ended:#?}");
    assert_eq!(ended.stdout, "");
    true
}

/// Root has cgroups wherever they can be made, and others below one in which they may make some.
#[track_caller]
fn has_no_cgroups() {
    let may_write = |path: &Path| access(path, AccessFlags::W_OK).is_ok();
    let mount = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(mount).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut places = hierarchies.chain([mount.to_owned()]).map(|place| place.join("cgroup.procs"));
    assert!(
        !(Uid::effective().is_root() && places.any(|processes| may_write(&processes))),
        "without cgroups"
    );
    let handed_over = own_cgroup("memory").filter(|own| may_write(own));
    assert_eq!(handed_over, None, "without cgroups");
}

/// Ours, in the hierarchy that has this controller.
pub(crate) fn own_cgroup(controller: &str) -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = |controllers: &str, mount: &Path| {
        let paths = text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let path = paths.filter(|(names, _)| *names == controllers).map(|(_, path)| path).next()?;
        Some(mount.join(path.trim_start_matches('/'))).filter(|path| path.is_dir())
    };
    let mount = Path::new("/sys/fs/cgroup");
    let is_handed_on = |own: &PathBuf| {
        let controllers = fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
        controllers.split_whitespace().any(|name| name == controller)
    };
    own(controller, &mount.join(controller)).or_else(|| own("", mount).filter(is_handed_on))
}
