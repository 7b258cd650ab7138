//! Looking at the runs on this machine.

use crate::error::Error;
use crate::registry::{Answer, Asked, Present, ask_all};
use isotest_core::snapshot::{self, Extent, Picture};
use procfs::process::Process;
use procfs::{Current, Uptime};
use serde::Serialize;
use std::time::Duration;

/// A run that is going on.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    /// Its supervisor.
    pub(crate) pid: i32,
    /// The user it belongs to.
    pub(crate) uid: u32,
    /// How it was called.
    pub(crate) command: Option<Vec<String>>,
    /// Where.
    pub(crate) directory: Option<String>,
    /// Since its start, in microseconds.
    pub(crate) age_us: Option<u64>,
    /// How many attempts at once.
    pub(crate) jobs: Option<usize>,
    /// How many tests are selected.
    pub(crate) tests: Option<usize>,
    /// How many of them have ended.
    pub(crate) ended: Option<usize>,
    /// Those that are running.
    pub(crate) attempts: Vec<Attempt>,
    /// Why nothing more is known.
    pub(crate) trouble: Option<String>,
}

/// An attempt that is running.
#[derive(Debug, Serialize)]
pub(crate) struct Attempt {
    /// What it is called on the command line, as long as it runs: the supervisor's id, a dot, and its number in the run.
    pub(crate) id: String,
    /// Its test's binary.
    pub(crate) binary_id: String,
    /// Its test's name.
    pub(crate) name: String,
    /// The process that is PID 1 inside.
    pub(crate) init: Option<i32>,
    /// All others.
    pub(crate) picture: Option<Picture>,
    /// Why there is no picture.
    pub(crate) trouble: Option<String>,
}

/// All runs of the caller's, or of everybody if that is root; or the one with the attempt `wanted`, and only that.
///
/// # Errors
/// When the machine does not tell, or there is not exactly one such attempt.
pub(crate) fn runs(extent: Extent, wanted: Option<&str>) -> Result<Vec<Run>, Error> {
    let asked = ask_all().map_err(Error::Host)?;
    let is_wanted = |present: &Present, pid| wanted.is_none_or(|wanted| is(wanted, present, pid));
    let mut runs: Vec<_> = asked.iter().map(|asked| run(asked, extent, &is_wanted)).collect();
    forget_the_ended(&mut runs)?;
    let Some(wanted) = wanted else { return Ok(runs) };
    runs.retain(|run| !run.attempts.is_empty());
    let attempts = runs.iter().flat_map(|run| &run.attempts);
    let ids: Vec<_> = attempts.map(|attempt| attempt.id.clone()).collect();
    match ids.len() {
        0 => Err(Error::NoAttempt { wanted: wanted.to_owned() }),
        1 => Ok(runs),
        _ => Err(Error::ManyAttempts { wanted: wanted.to_owned(), ids }),
    }
}

/// An attempt may be called by its id, or by the name of its test, with or without the binary before it.
fn is(wanted: &str, present: &Present, pid: i32) -> bool {
    let Present { binary_id, name, .. } = present;
    wanted == id(pid, present) || wanted == name || wanted == format!("{binary_id} {name}")
}

fn id(pid: i32, present: &Present) -> String {
    format!("{pid}.{}", present.number)
}

fn run(asked: &Asked, extent: Extent, is_wanted: &impl Fn(&Present, i32) -> bool) -> Run {
    let Asked { pid, uid, answer } = asked;
    let (answer, mut trouble) = match answer {
        Ok(answer) => (Some(answer), None),
        Err(why) => (None, Some(why.clone())),
    };
    // Ids in another pid namespace say nothing here.
    let is_foreign = answer.is_some_and(|answer| answer.pid != *pid);
    if is_foreign {
        trouble = Some("it is in another pid namespace, and cannot be looked into from here".to_owned());
    }
    let supervisor = Process::new(*pid).ok().filter(|_| !is_foreign);
    let directory = supervisor.as_ref().and_then(|process| process.cwd().ok());
    let presents = answer.map(|answer| answer.attempts.as_slice()).unwrap_or_default();
    let mut presents: Vec<_> = presents.iter().filter(|present| is_wanted(present, *pid)).collect();
    presents.sort_by_key(|present| present.number);
    Run {
        pid: *pid,
        uid: *uid,
        command: supervisor.as_ref().and_then(|process| process.cmdline().ok()),
        directory: directory.map(|directory| directory.to_string_lossy().into_owned()),
        age_us: supervisor.as_ref().and_then(age_us),
        jobs: answer.map(|answer| answer.jobs),
        tests: answer.map(|answer| answer.tests),
        ended: answer.map(|answer| answer.ended),
        attempts: presents.iter().map(|present| look_into(present, *pid, extent, is_foreign)).collect(),
        trouble,
    }
}

fn age_us(process: &Process) -> Option<u64> {
    let start = snapshot::ticks_us(process.stat().ok()?.starttime);
    let now: Duration = Uptime::current().ok()?.uptime_duration();
    Some(u64::try_from(now.as_micros()).unwrap_or(u64::MAX).saturating_sub(start))
}

fn look_into(present: &Present, pid: i32, extent: Extent, is_foreign: bool) -> Attempt {
    let init = if is_foreign { Ok(None) } else { snapshot::init_below(present.zygote) };
    let (init, mut trouble) = match init {
        Ok(None) if !is_foreign => (None, Some("it has no process yet".to_owned())),
        Ok(init) => (init, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let picture = init.and_then(|init| {
        snapshot::take(init, extent).map_err(|error| trouble = Some(error.to_string())).ok()
    });
    let Present { binary_id, name, .. } = present.clone();
    Attempt { id: id(pid, present), binary_id, name, init, picture, trouble }
}

/// What was looked into was the attempt only if it is still running: its slot may have begun the next one.
fn forget_the_ended(runs: &mut [Run]) -> Result<(), Error> {
    if runs.iter().all(|run| run.attempts.is_empty()) {
        return Ok(());
    }
    let again = ask_all().map_err(Error::Host)?;
    for run in runs {
        let now = again.iter().find(|asked| asked.pid == run.pid);
        let Some(Ok(Answer { attempts, .. })) = now.map(|asked| asked.answer.as_ref()) else {
            run.attempts.clear();
            continue;
        };
        run.attempts.retain(|attempt| attempts.iter().any(|present| id(run.pid, present) == attempt.id));
    }
    Ok(())
}
