//! Snapshots of the runs in progress on this machine. An answer of a run is its user's claim: only processes that the
//! kernel shows to be descendants of the run's supervisor are inspected.

use super::error::AttemptError;
use crate::error::{Error, HostError};
use crate::registry::{Asked, Found, Present, ask};
use isotest_core::snapshot::{self, Extent, ProcessTable, Snapshot};
use nix::unistd::geteuid;
use procfs::process::Process;
use procfs::{Current, Uptime};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Time limit for inspecting the runs of one other user.
const EACH_OTHER: Duration = Duration::from_secs(1);
/// Time limit for inspecting the runs of all other users.
const ALL_OTHERS: Duration = Duration::from_secs(10);
/// Maximum number of attempts shown of a run that cannot be inspected.
const MAX_TOLD: usize = 256;
/// Maximum number of ids named for an ambiguous name.
const MAX_IDS: usize = 10;
/// Maximum length of a test's or binary's name, in bytes; longer names are cut.
const NAME_BYTES: usize = 1024;

/// Run in progress.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "RunInProgress"))]
pub(crate) struct Run {
    /// Process id of the supervisor.
    pub(crate) pid: i32,
    /// User of the supervisor.
    pub(crate) uid: u32,
    /// Command line of the supervisor.
    pub(crate) command: Option<Vec<String>>,
    /// Working directory of the supervisor.
    pub(crate) directory: Option<String>,
    /// Age of the supervisor, in microseconds.
    pub(crate) age_us: Option<u64>,
    /// Number of slots.
    pub(crate) jobs: Option<usize>,
    /// Number of selected tests.
    pub(crate) tests: Option<usize>,
    /// Number of ended tests.
    pub(crate) ended: Option<usize>,
    /// Running attempts.
    pub(crate) attempts: Vec<Attempt>,
    /// Reason for which facts are missing.
    pub(crate) trouble: Option<String>,
}

/// Running attempt.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "RunningAttempt"))]
pub(crate) struct Attempt {
    /// Id on the command line: the supervisor's process id, a dot, and the attempt's number in the run.
    pub(crate) id: String,
    /// Id of the test binary.
    pub(crate) binary_id: String,
    /// Name of the test.
    pub(crate) name: String,
    /// Host process id of the sandbox's PID 1.
    pub(crate) init: Option<i32>,
    /// Snapshot of the sandbox's processes.
    #[serde(rename = "picture")]
    pub(crate) snapshot: Option<Snapshot>,
    /// Reason for which there is no snapshot.
    pub(crate) trouble: Option<String>,
}

/// Runs found on this machine.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Runs in progress.
    pub(crate) runs: Vec<Run>,
    /// Warnings about runs that may be missing.
    pub(crate) remarks: Vec<String>,
}

/// Returns the runs of this user, or of all users for root; with `wanted`, only the run and the attempt of that name. An
/// attempt of this user takes precedence over attempts of other users.
///
/// # Errors
/// When /proc cannot be read, or there is not exactly one attempt `wanted`.
pub(crate) fn runs(extent: Extent, wanted: Option<&str>) -> Result<Seen, Error> {
    let Found { runs: mut asked, remarks } = ask(None);
    if let Some(wanted) = wanted {
        keep_wanted(&mut asked, wanted);
    }
    let mut look = Look::new(extent)?;
    let mut runs: Vec<_> = asked.iter().map(|asked| look.run(asked)).collect();
    forget_the_ended(&mut runs);
    let Some(wanted) = wanted else { return Ok(Seen { runs, remarks }) };
    runs.retain(|run| !run.attempts.is_empty());
    let attempts = runs.iter().flat_map(|run| &run.attempts);
    let mut ids: Vec<_> = attempts.map(|attempt| attempt.id.clone()).collect();
    let more = ids.len().saturating_sub(MAX_IDS);
    match ids.len() {
        0 => Err(AttemptError::NotRunning { wanted: wanted.to_owned() }.into()),
        1 => Ok(Seen { runs, remarks }),
        2..=MAX_IDS => Err(AttemptError::Several { wanted: wanted.to_owned(), ids }.into()),
        _ => {
            ids.truncate(MAX_IDS);
            ids.push(format!("and {more} more"));
            Err(AttemptError::Several { wanted: wanted.to_owned(), ids }.into())
        }
    }
}

fn keep_wanted(asked: &mut Vec<Asked>, wanted: &str) {
    let me = geteuid().as_raw();
    let any = |named: fn(&str, &Present, i32) -> bool| {
        let mut present =
            asked.iter().flat_map(|asked| asked.answer.iter().map(move |answer| (asked.pid, answer)));
        present.any(|(pid, answer)| answer.attempts.iter().any(|present| named(wanted, present, pid)))
    };
    let named = if any(is) { is } else { is_filtered };
    for Asked { pid, answer, .. } in asked.iter_mut() {
        if let Ok(answer) = answer {
            answer.attempts.retain(|present| named(wanted, present, *pid));
        }
    }
    let has = |asked: &Asked| asked.answer.as_ref().is_ok_and(|answer| !answer.attempts.is_empty());
    let is_ours = asked.iter().any(|asked| asked.uid == me && has(asked));
    asked.retain(|asked| has(asked) && (asked.uid == me || !is_ours));
}

/// Returns whether `wanted` names the attempt: its id, or its test's whole name with or without the binary's id before it.
fn is(wanted: &str, present: &Present, pid: i32) -> bool {
    let Present { binary_id, name, .. } = present;
    wanted == id(pid, present) || wanted == name || wanted == format!("{binary_id} {name}")
}

/// Returns whether `wanted` selects the attempt's test as a filter: a part of its name, the id of its binary, or both.
fn is_filtered(wanted: &str, present: &Present, _: i32) -> bool {
    let Present { binary_id, name, .. } = present;
    let of_binary = wanted.strip_prefix(binary_id.as_str()).and_then(|rest| rest.strip_prefix(' '));
    wanted == binary_id || name.contains(of_binary.unwrap_or(wanted))
}

fn id(pid: i32, present: &Present) -> String {
    format!("{pid}.{}", present.number)
}

/// Inspection of all runs at one moment.
struct Look {
    extent: Extent,
    process_table: ProcessTable,
    /// Time spent on the runs of each other user.
    spent: BTreeMap<u32, Duration>,
}

impl Look {
    fn new(extent: Extent) -> Result<Self, Error> {
        let process_table =
            ProcessTable::read().map_err(|error| HostError::System(std::io::Error::other(error)))?;
        Ok(Self { extent, process_table, spent: BTreeMap::new() })
    }

    fn run(&mut self, asked: &Asked) -> Run {
        let Asked { pid, uid, answer } = asked;
        let (answer, mut trouble) = match answer {
            Ok(answer) => (Some(answer), None),
            Err(why) => (None, Some(why.clone())),
        };
        let supervisor = Process::new(*pid).ok().filter(|process| is_of(process, *uid));
        // Process ids of another pid namespace mean other processes here.
        if answer.is_some_and(|answer| answer.pid != *pid) {
            trouble =
                Some("the run is in another pid namespace and cannot be inspected from here".to_owned());
        } else if answer.is_some() && supervisor.is_none() {
            trouble = Some(format!("process {pid} does not belong to user {uid} and is not inspected"));
        }
        let supervisor = supervisor.filter(|_| answer.is_none() || trouble.is_none());
        let directory = supervisor.as_ref().and_then(|process| process.cwd().ok());
        let mut presents: Vec<_> = answer.iter().flat_map(|answer| &answer.attempts).collect();
        presents.sort_by_key(|present| present.number);
        let is_known = supervisor.is_some();
        let (attempts, left_out) = self.attempts(&presents, (*pid, *uid), is_known);
        if left_out > 0 && is_known {
            trouble = Some(format!(
                "{left_out} attempts are not shown: their processes are not descendants of the run"
            ));
        }
        if let Some(more) = answer.map(|answer| answer.more).filter(|more| *more > 0) {
            trouble = Some(format!("{more} more attempts are running"));
        }
        Run {
            pid: *pid,
            uid: *uid,
            command: supervisor.as_ref().and_then(|process| process.cmdline().ok()),
            directory: directory.map(|directory| directory.to_string_lossy().into_owned()),
            age_us: supervisor.as_ref().and_then(age_us),
            jobs: answer.map(|answer| answer.jobs),
            tests: answer.map(|answer| answer.tests),
            ended: answer.map(|answer| answer.ended),
            attempts,
            trouble,
        }
    }

    /// Inspects the attempts whose zygote is a descendant of the supervisor, each zygote once, and counts the rest. Without
    /// a known supervisor, no attempt is inspected.
    fn attempts(
        &mut self,
        presents: &[&Present],
        (pid, uid): (i32, u32),
        is_known: bool,
    ) -> (Vec<Attempt>, usize) {
        if !is_known {
            let told = presents.iter().take(MAX_TOLD).map(|present| unseen(present, pid));
            return (told.collect(), presents.len().saturating_sub(MAX_TOLD));
        }
        let below = self.process_table.descendants(pid).into_iter().map(|(pid, _)| pid);
        let mut zygotes: BTreeSet<_> = below.collect();
        let (own, others): (Vec<_>, Vec<_>) =
            presents.iter().copied().partition(|present| zygotes.remove(&present.zygote));
        let attempts = own.into_iter().map(|present| self.look_into(present, pid, uid)).collect();
        (attempts, others.len())
    }

    fn look_into(&mut self, present: &Present, pid: i32, uid: u32) -> Attempt {
        let mut attempt = unseen(present, pid);
        let is_other = uid != geteuid().as_raw();
        let spent = self.spent.get(&uid).copied().unwrap_or_default();
        if is_other && (spent > EACH_OTHER || self.spent.values().sum::<Duration>() > ALL_OTHERS) {
            attempt.trouble =
                Some("not inspected: the time limit for runs of other users is over".to_owned());
            return attempt;
        }
        let began = Instant::now();
        attempt.init = self.process_table.init_below(present.zygote);
        match attempt.init.map(|init| snapshot::capture(init, self.extent)) {
            None => attempt.trouble = Some("no process yet".to_owned()),
            Some(Ok(snapshot)) => attempt.snapshot = Some(snapshot),
            Some(Err(error)) => attempt.trouble = Some(error.to_string()),
        }
        if is_other {
            self.spent.insert(uid, spent + began.elapsed());
        }
        attempt
    }
}

/// Creates an attempt without a snapshot.
fn unseen(present: &Present, pid: i32) -> Attempt {
    let Present { binary_id, name, .. } = present;
    Attempt {
        id: id(pid, present),
        binary_id: cut(binary_id),
        name: cut(name),
        init: None,
        snapshot: None,
        trouble: None,
    }
}

fn cut(name: &str) -> String {
    if name.len() <= NAME_BYTES {
        return name.to_owned();
    }
    format!("{}...", &name[..name.floor_char_boundary(NAME_BYTES)])
}

/// Returns whether the process belongs to `uid`: the registered process may have ended and its id been reused.
fn is_of(process: &Process, uid: u32) -> bool {
    process.status().is_ok_and(|status| status.euid == uid)
}

fn age_us(process: &Process) -> Option<u64> {
    let start = snapshot::ticks_us(process.stat().ok()?.starttime);
    let now: Duration = Uptime::current().ok()?.uptime_duration();
    Some(u64::try_from(now.as_micros()).unwrap_or(u64::MAX).saturating_sub(start))
}

/// Removes attempts that have ended since they were inspected: an attempt is kept only if it is still running, with the
/// same init.
fn forget_the_ended(runs: &mut [Run]) {
    let with_attempts = runs.iter().filter(|run| !run.attempts.is_empty());
    let pids: BTreeSet<_> = with_attempts.map(|run| run.pid).collect();
    if pids.is_empty() {
        return;
    }
    let again = ask(Some(pids)).runs;
    let process_table = ProcessTable::read().ok();
    for run in runs.iter_mut().filter(|run| !run.attempts.is_empty()) {
        let same = again.iter().filter(|asked| (asked.pid, asked.uid) == (run.pid, run.uid));
        let answers = same.filter_map(|asked| asked.answer.as_ref().ok());
        let now: BTreeMap<_, _> = answers
            .flat_map(|answer| &answer.attempts)
            .map(|present| (id(run.pid, present), present.zygote))
            .collect();
        let still = |zygote: i32, init| {
            process_table.as_ref().is_some_and(|process_table| process_table.init_below(zygote) == init)
        };
        run.attempts.retain(|attempt| {
            now.get(&attempt.id).is_some_and(|zygote| attempt.init.is_none() || still(*zygote, attempt.init))
        });
    }
}
