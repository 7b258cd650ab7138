//! Nothing is left of many attempts.

use crate::killed_supervisors::{Base, descendants, enter};
use crate::observed::{Seen, eventually};
use crate::promise::{Kept, Promise};
use crate::sandboxed::Suite;
use isotest_core::limits::Limits;
use isotest_core::outcome::Outcome;
use libtest_mimic::Failed;
use nix::sys::prctl::set_child_subreaper;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::thread;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[Promise::new("nothing_is_left", nothing_is_left).alone()];

/// How many attempts there are, unless this variable of the environment says otherwise.
const VARIABLE: &str = "E2E_ATTEMPTS";
const ATTEMPTS: usize = 1000;

/// How much may be left of a kind of thing that others on the machine make, too, or that the kernel frees in batches.
const FEW: u64 = 100;

/// How long the kernel may take to free what nobody uses any more.
const PATIENCE: Duration = Duration::from_mins(1);

fn nothing_is_left(suite: &Suite) -> Kept {
    let attempts = env::var(VARIABLE).unwrap_or_else(|_| ATTEMPTS.to_string());
    let temporary = tempfile::tempdir()?;
    let base = Base::beside(suite, "e2e-many")?;
    // A supervisor whose processes, descriptors, mounts and files are nobody else's.
    let seen = Seen::run(base.command("many_attempts")?.arg(attempts).env("TMPDIR", temporary.path()))?;
    seen.did()?;
    base.remove()?;
    assert_eq!(fs::read_dir(temporary.path())?.count(), 0, "in the temporary directory");
    Ok(())
}

/// A supervisor that executes very many attempts and compares before and after.
pub(crate) fn many_attempts(arguments: &[OsString]) -> Kept {
    let [bases, attempts] = arguments else { return Err("cgroups and a number are needed".into()) };
    let attempts = attempts.to_str().and_then(|number| number.parse().ok()).ok_or("attempts are a number")?;
    enter(bases)?;
    // What would be left to the host's init is left to this process.
    set_child_subreaper(true)?;
    let suite = Suite::of_a_supervisor()?;
    // What is made once and kept, such as page cache and the kernel's own caches, is there before.
    execute(&suite, 50)?;
    let before = Traces::now(&suite)?;
    see_what_would_be_left(&suite, &before)?;
    execute(&suite, attempts)?;
    let mut after = Traces::now(&suite)?;
    let freed = eventually(PATIENCE, || {
        Traces::now(&suite).is_ok_and(|now| {
            after = now;
            after.is_little_more_than(&before)
        })
    });
    suite.close()?;
    if freed { Ok(()) } else { Err(format!("after {attempts} attempts {after:?}, before {before:?}").into()) }
}

/// Two slots at once, as in a run.
fn execute(suite: &Suite, attempts: usize) -> Kept {
    let template = suite.template(&suite.wish());
    let half = || -> Kept {
        let mut slot = suite.slot(&template)?;
        for _ in 0..attempts.div_ceil(2) {
            suite.wish().attempt(&mut slot, &["exit", "0"])?.outcome(&Outcome::Passed)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(half), scope.spawn(half)];
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })
}

/// What attempts could leave.
#[derive(Debug, PartialEq, Eq)]
struct Traces {
    processes: usize,
    threads: usize,
    descriptors: usize,
    mounts: String,
    /// What a zygote mounts first is mounted on a directory of the host.
    in_foothold: BTreeSet<OsString>,
    leaves: usize,
    /// Cgroups the kernel has in each hierarchy, those included that are removed but still charged.
    cgroups: BTreeMap<String, u64>,
    /// Network namespaces the kernel has; root alone may know.
    networks: Option<u64>,
}

impl Traces {
    fn now(suite: &Suite) -> Result<Self, Failed> {
        let staging_dir = suite.template(&suite.wish()).staging_dir;
        let ours = ["host", "root"].map(OsString::from);
        let entries = fs::read_dir(staging_dir)?.flatten().map(|entry| entry.file_name());
        let runs = suite.cgroups.views().into_iter().filter_map(|view| fs::read_dir(view.from).ok());
        let leaves = runs.flatten().flatten().filter(|entry| {
            entry.file_name() != "supervisor" && entry.file_type().is_ok_and(|kind| kind.is_dir())
        });
        Ok(Self {
            processes: descendants(std::process::id()).len(),
            threads: fs::read_dir("/proc/self/task")?.count(),
            descriptors: fs::read_dir("/proc/self/fd")?.count(),
            mounts: fs::read_to_string("/proc/self/mountinfo")?,
            in_foothold: entries.filter(|name| ours.contains(name)).collect(),
            leaves: leaves.count(),
            cgroups: cgroups()?,
            networks: networks(),
        })
    }

    fn is_little_more_than(&self, before: &Self) -> bool {
        let few_more = |now: u64, then: u64| now < then + FEW;
        let cgroups = self
            .cgroups
            .iter()
            .all(|(name, now)| few_more(*now, before.cgroups.get(name).copied().unwrap_or_default()));
        let networks = self.networks.zip(before.networks).is_none_or(|(now, then)| few_more(now, then));
        let exact = |traces: &Self| {
            (traces.processes, traces.threads, traces.descriptors, traces.leaves, traces.in_foothold.clone())
        };
        cgroups && networks && exact(self) == exact(before) && self.mounts == before.mounts
    }
}

/// The control: what would be left is seen.
fn see_what_would_be_left(suite: &Suite, before: &Traces) -> Kept {
    let template = suite.template(&suite.wish());
    let slot = suite.slot(&template)?;
    let with_slot = Traces::now(suite)?;
    assert!(
        with_slot.processes > before.processes && with_slot.descriptors > before.descriptors,
        "{with_slot:?}"
    );
    drop(slot);
    if suite.cgroups.layout().is_some() {
        let leaves: Vec<_> = (0..2 * FEW).map(|_| suite.cgroups.create_attempt(&Limits::default())).collect();
        let seen = !Traces::now(suite)?.is_little_more_than(before);
        for leaf in leaves {
            leaf?.ok_or("no leaf")?.remove()?;
        }
        assert!(seen, "two hundred cgroups more are not seen");
    }
    Ok(())
}

/// The number of cgroups in each hierarchy (cgroups(7), `/proc/cgroups`).
fn cgroups() -> Result<BTreeMap<String, u64>, Failed> {
    let text = fs::read_to_string("/proc/cgroups")?;
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split_whitespace();
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    });
    Ok(lines.collect())
}

/// Objects in use in the kernel's cache of network namespaces (slabinfo(5)).
fn networks() -> Option<u64> {
    let text = fs::read_to_string("/proc/slabinfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("net_namespace "))?;
    line.split_whitespace().next()?.parse().ok()
}
