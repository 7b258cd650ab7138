//! Takes a snapshot: the tree of processes and threads.

use super::files::{Bytes, MAX_STRINGS, beginning, read};
use super::full::{self, Surroundings};
use super::omissions::{Omissions, why};
use super::process_table::ProcessTable;
use super::{Process, Snapshot, Thread};
use procfs::process::{self, Stat, Status};
use procfs::{Current, ProcError, ProcResult, Uptime};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Extent of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Processes and threads alone.
    Tree,
    /// Processes and threads, and everything else `/proc` says of each.
    Full,
}

/// Maximum number of processes in a snapshot.
const MAX_PROCESSES: usize = 500;
/// Maximum number of threads in a snapshot.
const MAX_THREADS: usize = 2000;
/// Number of bytes that are kept of the processes of a snapshot before all that follow are looked at in short.
const MAX_BYTES: usize = 4 << 20;
/// Number of bytes that are looked at of the arguments of a process that is looked at in short.
const ARGUMENTS_IN_SHORT: usize = 1 << 10;
/// Time for all of a snapshot; processes that were not looked at by then are left out.
const MAX_TIME: Duration = Duration::from_secs(2);

/// Takes a snapshot of all descendants of `init`, which is not in it.
///
/// # Errors
/// When init is gone or `/proc` cannot be read.
pub fn capture(init: i32, extent: Extent) -> ProcResult<Snapshot> {
    capture_within(init, extent, MAX_BYTES)
}

fn capture_within(init: i32, extent: Extent, bytes: usize) -> ProcResult<Snapshot> {
    let outer = read::<Status>(&process::Process::new(init)?, "status")?.nspid;
    let process_table = ProcessTable::read()?;
    let mut scan = Scan {
        extent,
        level: outer.map_or(usize::MAX, |ids| ids.len().saturating_sub(1)),
        now: Uptime::current()?.uptime_duration(),
        until: Instant::now() + MAX_TIME,
        threads: 0,
        bytes,
        bytes_most: bytes,
        omissions: Omissions::default(),
        surroundings: Surroundings::default(),
    };
    let mut processes = Vec::new();
    for (pid, parent) in process_table.attempt(init) {
        if processes.len() >= MAX_PROCESSES {
            scan.omissions.note("process", format!("only {MAX_PROCESSES} are looked at"));
        } else if Instant::now() >= scan.until {
            scan.omissions.note("process", "there was no time left for it");
        } else {
            match scan.process(pid, parent) {
                Ok(process) => processes.push(process),
                Err(error) => scan.omissions.note("process", why(&error)),
            }
        }
    }
    let Scan { omissions, surroundings, .. } = scan;
    let mount_namespaces = surroundings.finish(&mut processes);
    Ok(Snapshot { processes, mount_namespaces, unseen: omissions.list() })
}

struct Scan {
    extent: Extent,
    /// Index of the id inside among the ids in `NSpid`.
    level: usize,
    /// Time since the machine was started.
    now: Duration,
    until: Instant,
    /// Number of threads in the snapshot.
    threads: usize,
    /// Number of bytes that may still be kept, and how many they were at first.
    bytes: usize,
    bytes_most: usize,
    omissions: Omissions,
    surroundings: Surroundings,
}

impl Scan {
    fn process(&mut self, pid: i32, parent: i32) -> ProcResult<Process> {
        let seen = process::Process::new(pid)?;
        let stat = seen.stat()?;
        let status = read::<Status>(&seen, "status")?;
        let is_alive = !matches!(stat.state, 'Z' | 'X');
        let is_in_short = self.bytes == 0;
        let mut command = None;
        if is_alive {
            let most = if is_in_short { ARGUMENTS_IN_SHORT } else { MAX_STRINGS };
            command = beginning(&seen, "cmdline", (most, 0), &mut self.omissions);
        }
        let threads = self.threads(pid, is_alive);
        let mut details = None;
        if is_alive && self.extent == Extent::Full {
            if is_in_short {
                let why = format!("the processes before it filled {} KiB", self.bytes_most >> 10);
                self.omissions.note("details", why);
            } else {
                details = Some(full::details(&seen, &status, &mut self.surroundings, &mut self.omissions));
            }
        }
        let kept = command.as_ref().map_or(0, Bytes::len) + details.as_ref().map_or(0, |(_, bytes)| *bytes);
        self.bytes = self.bytes.saturating_sub(kept);
        Ok(Process {
            pid,
            inside: self.inside(&status),
            parent,
            state: state(&status),
            command: command.map(|bytes| bytes.strings()).unwrap_or_default(),
            cpu_us: cpu_us(&stat),
            memory_bytes: status.vmrss.map(|kibibytes| kibibytes << 10),
            age_us: self.age_us(&stat),
            name: stat.comm,
            threads,
            details: details.map(|(details, _)| details),
        })
    }

    fn threads(&mut self, pid: i32, is_alive: bool) -> Vec<Thread> {
        let directory = PathBuf::from(format!("/proc/{pid}/task"));
        let ids = std::fs::read_dir(&directory).map_err(ProcError::from);
        let ids = self.omissions.seen("task", ids).into_iter().flatten().flatten();
        let mut ids: Vec<i32> = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        ids.sort_unstable();
        let mut threads = Vec::new();
        for tid in ids {
            if self.threads >= MAX_THREADS {
                self.omissions.note("thread", format!("only {MAX_THREADS} are looked at"));
            } else if Instant::now() >= self.until {
                self.omissions.note("thread", "there was no time left for it");
            } else {
                match self.thread(&directory, tid, is_alive) {
                    Ok(thread) => threads.push(thread),
                    Err(error) => self.omissions.note("thread", why(&error)),
                }
            }
        }
        self.threads += threads.len();
        full::name_awaited_threads(&mut threads);
        threads
    }

    fn thread(&mut self, directory: &Path, tid: i32, is_alive: bool) -> ProcResult<Thread> {
        // Files of a thread in `/proc` have the same names as those of a process.
        let seen = process::Process::new_with_root(directory.join(tid.to_string()))?;
        let stat = seen.stat()?;
        let status = read::<Status>(&seen, "status")?;
        let is_wanted = is_alive && self.extent == Extent::Full;
        Ok(Thread {
            tid,
            inside: self.inside(&status),
            state: state(&status),
            cpu_us: cpu_us(&stat),
            age_us: self.age_us(&stat),
            name: stat.comm,
            wait: is_wanted.then(|| full::wait(&seen, &mut self.omissions)),
        })
    }

    fn inside(&self, status: &Status) -> Option<i32> {
        status.nspid.as_ref()?.get(self.level).copied()
    }

    fn age_us(&self, stat: &Stat) -> u64 {
        u64::try_from(self.now.as_micros()).unwrap_or(u64::MAX).saturating_sub(ticks_us(stat.starttime))
    }
}

fn cpu_us(stat: &Stat) -> u64 {
    ticks_us(stat.utime + stat.stime)
}

/// Converts ticks of the clock, in which `/proc/PID/stat` counts, to microseconds.
pub fn ticks_us(count: u64) -> u64 {
    count.saturating_mul(1_000_000 / procfs::ticks_per_second())
}

/// Returns the state of a process in words: `sleeping` for `S (sleeping)`.
fn state(status: &Status) -> String {
    let words = status.state.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    words.unwrap_or(&status.state).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;
    use std::process::{Command, Stdio};

    #[test]
    fn after_very_much_processes_are_looked_at_in_short() -> Result<(), Box<dyn Error>> {
        const SCRIPT: &str =
            "for n in 1 2 3 4; do sh -c 'read _' $(printf %02000d $n) <&3 & done 3<&0; read _";
        let mut parent = Command::new("sh");
        parent.args(["-c", SCRIPT]).env_clear().env("A", "x".repeat(10 << 10));
        let mut parent = parent.stdin(Stdio::piped()).spawn()?;
        let pid = i32::try_from(parent.id())?;
        let is_whole = |snapshot: &Snapshot| {
            let ready = |process: &Process| process.command.len() == 4;
            snapshot.processes.iter().filter(|process| ready(process)).count() == 4
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_whole(&capture(pid, Extent::Full)?) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let snapshots = [MAX_BYTES, 1, 0].map(|bytes| capture_within(pid, Extent::Full, bytes)).into_iter();
        let snapshots = snapshots.collect::<ProcResult<Vec<_>>>();
        parent.kill()?;
        parent.wait()?;
        for (snapshot, in_full) in snapshots?.iter().zip([4, 1, 0]) {
            assert_eq!(snapshot.processes.len(), 4);
            let (full, short) = snapshot.processes.split_at(in_full);
            assert!(full.iter().all(|process| process.details.is_some() && process.command.len() == 4));
            assert!(short.iter().all(|process| process.details.is_none() && process.command.len() == 3));
            let omissions = |what| snapshot.unseen.iter().filter(move |gap| gap.what == what);
            let count = |what| omissions(what).map(|gap| gap.count).sum::<u64>();
            let left_out = u64::try_from(short.len())?;
            assert_eq!([count("details"), count("cmdline")], [left_out; 2], "{:?}", snapshot.unseen);
        }
        Ok(())
    }

    #[test]
    fn of_very_much_only_the_beginning_is_kept() -> Result<(), Box<dyn Error>> {
        let much = "x".repeat(MAX_STRINGS);
        let init = i32::try_from(std::process::id())?;
        for (long, command) in
            [("", vec!["sh", "-c", "read _", ""]), (much.as_str(), vec!["sh", "-c", "read _"])]
        {
            let mut waiting = Command::new("sh");
            waiting.args(["-c", "read _", long]).env_clear().envs([("A", "1"), ("B", long)]);
            let mut waiting = waiting.stdin(Stdio::piped()).spawn()?;
            let snapshot = capture(init, Extent::Full);
            waiting.kill()?;
            waiting.wait()?;
            let snapshot = snapshot?;
            let process = snapshot.process(i32::try_from(waiting.id())?).ok_or("not seen")?;
            assert_eq!(process.command, command);
            let environ = process.details.as_ref().and_then(|details| details.environ.as_ref());
            let environ = environ.ok_or("no environment")?;
            assert_eq!(environ.get("A").map(String::as_str), Some("1"));
            assert_eq!(environ.contains_key("B"), long.is_empty());
            let is_noted = |file| {
                snapshot
                    .unseen
                    .iter()
                    .any(|gap| gap.what == file && gap.why == "only its first 64 KiB are looked at")
            };
            assert_eq!(["cmdline", "environ"].map(is_noted), [!long.is_empty(); 2]);
        }
        Ok(())
    }
}
