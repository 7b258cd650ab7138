//! Nothing outlives a supervisor that is killed, nor an attempt that is cancelled.

use crate::endings::{is_alive, unique_pause};
use crate::observed::{Running, Seen, eventually};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::Suite;
use crate::supervisors;
use isotest_core::limits::Limits;
use isotest_core::outcome::Outcome;
use isotest_core::plan::SandboxPlan;
use isotest_core::record::Record;
use isotest_core::sandbox::{Cancel, Slot};
use libtest_mimic::Failed;
use nix::sched::CloneFlags;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("within_a_second_of_a_kill_no_process_is_left_and_the_next_run_sweeps", killed).alone(),
    Promise::new("what_a_killed_run_left_in_another_cgroup_is_swept", left_elsewhere)
        .needs(&[Need::Cgroup])
        .alone(),
    Promise::new("a_run_in_another_pid_namespace_leaves_these_cgroups_alone", seen_from_elsewhere)
        .needs(&[Need::V1])
        .alone(),
    Promise::new("a_zygote_that_is_killed_costs_one_attempt_its_verdict", killed_zygote),
    Promise::new("a_cancelled_attempt_ends_at_once", cancelled),
    Promise::new("an_attempt_that_prints_without_end_can_be_cancelled", cancelled_printer),
];

/// Long enough to see it, and shorter than anything it does by itself.
const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

fn killed(suite: &Suite) -> Kept {
    let pause = unique_pause();
    let base = Base::beside(suite, "e2e-killed")?;
    let (mut supervisor, directories) = started(suite, &base, &pause)?;
    let workload = |processes: &BTreeSet<Process>| processes.iter().filter(|one| one.has(&pause)).count();
    let started = eventually(PATIENCE, || workload(&descendants(supervisor.pid())) == 3);
    let processes = descendants(supervisor.pid());
    assert!(started, "control: no workload in {processes:?}");
    supervisor.kill()?;
    let left = || processes.iter().filter(|process| process.is_alive()).collect::<Vec<_>>();
    assert!(eventually(SECOND, || left().is_empty()), "still alive: {:?}", left());
    drop(supervisor);

    assert_eq!(existing(&directories), directories.len(), "control: they are there until swept");
    base.release_controllers();
    Seen::run(&mut base.command("establish")?)?.did()?;
    assert_eq!(existing(&directories), 0, "{directories:?}");
    base.remove()
}

/// A supervisor with an attempt that lasts, and its directories.
fn started(suite: &Suite, base: &Base, pause: &str) -> Result<(Running, Vec<PathBuf>), Failed> {
    let mut supervisor = Running::start(base.command("long_attempt")?.arg(pause))?;
    let lines = suite.cgroups.views().into_iter().map(|_| supervisor.line().map(PathBuf::from));
    let directories = lines.collect::<Result<_, _>>()?;
    Ok((supervisor, directories))
}

fn existing(directories: &[PathBuf]) -> usize {
    directories.iter().filter(|path| path.exists()).count()
}

fn left_elsewhere(suite: &Suite) -> Kept {
    let [killed, living, next] =
        ["e2e-killed", "e2e-living", "e2e-next"].map(|name| Base::within(suite, name));
    let (killed, living, next) = (killed?, living?, next?);
    let (mut lives, kept) = started(suite, &living, &unique_pause())?;
    let (mut supervisor, left) = started(suite, &killed, &unique_pause())?;
    let processes = descendants(supervisor.pid());
    supervisor.kill()?;
    assert!(eventually(SECOND, || !processes.iter().any(Process::is_alive)), "{processes:?}");
    drop(supervisor);
    assert_eq!(existing(&left), left.len(), "control: they are there until swept");
    let establish = || -> Kept { Seen::run(&mut next.command("establish")?)?.did().map(drop) };
    // Sandboxes that were being made ahead end a moment after those that were seen.
    assert!(eventually(SECOND, || establish().is_ok() && existing(&left) == 0), "{left:?}");
    assert_eq!(existing(&kept), kept.len(), "control: those of a run that lives are left alone");
    lives.kill()?;
    drop(lives);
    assert!(eventually(SECOND, || establish().is_ok() && existing(&kept) == 0), "{kept:?}");
    [killed, living, next].into_iter().try_for_each(Base::remove)
}

/// A supervisor with an attempt that lasts; says where its cgroups are and executes.
#[expect(clippy::print_stdout, reason = "the suite reads there where the cgroups are")]
pub(crate) fn long_attempt(arguments: &[OsString]) -> Kept {
    let [bases, pause] = arguments else { return Err("cgroups and a pause are needed".into()) };
    enter(bases)?;
    let suite = Suite::of_a_supervisor()?;
    println!("supervisor {}", std::process::id());
    for view in suite.cgroups.views() {
        println!("{}", view.from.display());
    }
    let pause = pause.to_str().ok_or("a pause is a number")?;
    let script = "\"$0\" daemon \"$1\"; \"$0\" ignore_sigterm \"$1\" & exec \"$0\" sleep \"$1\"";
    let arguments = ["-c", script, crate::observed::text(&suite.probe)?, pause];
    suite.inside_with(&suite.wish().program("/bin/sh"), &arguments)?;
    Err("the attempt ended".into())
}

/// A supervisor that makes its cgroups and removes them.
pub(crate) fn establish(arguments: &[OsString]) -> Kept {
    let [bases] = arguments else { return Err("cgroups are needed".into()) };
    enter(bases)?;
    Ok(Suite::of_a_supervisor()?.close()?)
}

/// The cgroups that a supervisor beside this one enters, one in a hierarchy.
pub(crate) struct Base(Vec<PathBuf>);

impl Base {
    /// What it needs to make cgroups: in version 1 it may be where this one is, in version 2 only a cgroup of its own may
    /// both hold it and be handed controllers.
    pub(crate) fn beside(suite: &Suite, name: &str) -> Result<Self, Failed> {
        let views = suite.cgroups.views().into_iter().map(|view| view.from);
        Self::create(views.filter(|run| run.join("supervisor").exists()), name)
    }

    /// A new cgroup in every hierarchy.
    fn within(suite: &Suite, name: &str) -> Result<Self, Failed> {
        Self::create(suite.cgroups.views().into_iter().map(|view| view.from), name)
    }

    fn create(runs: impl Iterator<Item = PathBuf>, name: &str) -> Result<Self, Failed> {
        let bases: Vec<_> = runs.map(|run| run.join(name)).collect();
        bases.iter().try_for_each(fs::create_dir)?;
        Ok(Self(bases))
    }

    /// A supervisor that finds its base as first argument.
    pub(crate) fn command(&self, part: &str) -> Result<Command, Failed> {
        let mut command = supervisors::command(part)?;
        command.arg(env::join_paths(&self.0)?);
        Ok(command)
    }

    /// Whether no run has left a directory there.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        for base in &self.0 {
            for entry in fs::read_dir(base)? {
                if entry?.file_type()?.is_dir() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Makes the base habitable after its supervisor was killed, as whoever starts a supervisor there must: a
    /// cgroup that hands controllers on takes no process.
    pub(crate) fn release_controllers(&self) {
        let bases = self.0.iter().flat_map(|base| {
            let runs = fs::read_dir(base).into_iter().flatten().flatten().map(|entry| entry.path());
            runs.chain([base.clone()])
        });
        for directory in bases {
            let control = directory.join("cgroup.subtree_control");
            for controller in fs::read_to_string(&control).unwrap_or_default().split_whitespace() {
                // What is refused is seen when the next supervisor cannot enter.
                let _ = fs::write(&control, format!("-{controller}"));
            }
        }
    }

    /// Removes them; a second later nothing may be in them.
    pub(crate) fn remove(self) -> Kept {
        for base in &self.0 {
            let mut removed = Ok(());
            eventually(SECOND, || {
                removed = fs::remove_dir(base);
                removed.as_ref().err().is_none_or(|error| error.kind() != io::ErrorKind::ResourceBusy)
            });
            removed?;
        }
        Ok(())
    }
}

/// Enters the cgroups that the suite has made for this supervisor.
pub(crate) fn enter(bases: &OsStr) -> Kept {
    let mut bases = env::split_paths(bases).filter(|base| !base.as_os_str().is_empty());
    Ok(bases.try_for_each(|base| fs::write(base.join("cgroup.procs"), "0"))?)
}

/// A process of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pid: u32,
    parent: u32,
    start: u64,
    /// Whether it has ended and waits for its parent, here the host's first process, to notice.
    ended: bool,
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<_> = line.rsplit(')').next()?.split_whitespace().collect();
        // proc_pid_stat(5), counted from the state, which is the third.
        let (state, parent, born) = (fields.first()?, fields.get(1)?, fields.get(19)?);
        let ended = matches!(*state, "Z" | "X");
        Some(Self { pid, parent: parent.parse().ok()?, start: born.parse().ok()?, ended })
    }

    /// Whether it has this argument.
    fn has(&self, argument: &str) -> bool {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
    }

    /// Whether this very process is alive, not another one with its number.
    fn is_alive(&self) -> bool {
        Self::read(self.pid).is_some_and(|process| process.start == self.start && !process.ended)
    }
}

/// Children, and theirs.
pub(crate) fn descendants(pid: u32) -> BTreeSet<Process> {
    let all: Vec<_> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Process::read(entry.file_name().to_str()?.parse().ok()?))
        .collect();
    let mut found = BTreeSet::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for child in all.iter().filter(|process| process.parent == parent) {
            parents.push(child.pid);
            found.insert(child.clone());
        }
    }
    found
}

/// In version 2, two runs share a cgroup only where it has no controllers.
fn seen_from_elsewhere(suite: &Suite) -> Kept {
    const OWN_PROC: &str = "mount -t proc proc /proc && exec \"$@\"";
    let leaf = suite.cgroups.create_attempt(&Limits::default())?.ok_or("no cgroup")?;
    let runs = suite.cgroups.views().into_iter().map(|view| view.from);
    let runs: Vec<_> = runs.filter(|run| !run.join("supervisor").exists()).collect();
    // Of a run that is dead, wherever it is seen from.
    let dead: Vec<_> = runs.iter().map(|run| run.with_file_name("isotest-0-1")).collect();
    for directory in &dead {
        fs::create_dir(directory)?;
    }
    let flags = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    let mut command = supervisors::in_new(flags, "/bin/sh")?;
    command.args(["-c", "\"$@\"; exit $?", "sh"]);
    command.args(["/bin/sh", "-c", OWN_PROC, "sh"]);
    let establish = supervisors::command("establish")?;
    command.arg(establish.get_program()).args(establish.get_args()).arg("");
    let established = Seen::run(&mut command);
    let left = runs.iter().filter(|run| run.join(leaf.name()).exists()).count();
    let swept = dead.iter().filter(|directory| fs::remove_dir(directory).is_err()).count();
    leaf.remove()?;
    established?.did()?;
    assert_eq!(swept, dead.len(), "control: it sweeps here");
    assert_eq!(left, runs.len());
    Ok(())
}

/// Both of its processes, while an attempt is running and while none is.
fn killed_zygote(suite: &Suite) -> Kept {
    let wish = suite.wish();
    let template = suite.template(&wish);
    let next = |slot: &mut Slot<'_>| wish.attempt(slot, &["exit", "0"])?.outcome(&Outcome::Passed);
    for is_inner in [true, false] {
        let mut slot = suite.slot(&template)?;
        let pause = unique_pause();
        let mut attempt = slot.launch(&wish.plan(&["sleep", &pause]));
        assert!(eventually(PATIENCE, || is_alive(&pause)));
        kill_zygote(&slot, is_inner)?;
        assert!(slot.wait(&mut attempt, &Cancel::new()?));
        was_told(&attempt.finish())?;
        assert!(!is_alive(&pause));
        next(&mut slot)?;
        // Once more, when none is waiting for its workload.
        let mut slot = suite.slot(&template)?;
        kill_zygote(&slot, is_inner)?;
        was_told(&slot.execute(&wish.plan(&["exit", "0"]), &Cancel::new()?).ok_or("cancelled")?)?;
        next(&mut slot)?;
    }
    Ok(())
}

fn kill_zygote(slot: &Slot<'_>, is_inner: bool) -> Kept {
    let outer = slot.zygote().cast_unsigned();
    let inner = descendants(outer).into_iter().find(|process| process.parent == outer);
    let inner = inner.ok_or("no zygote")?;
    let pid = if is_inner { inner.pid } else { outer };
    signal::kill(Pid::from_raw(pid.try_into()?), Signal::SIGKILL)?;
    assert!(eventually(PATIENCE, || !inner.is_alive()));
    Ok(())
}

/// In words, once, with what to do.
fn was_told(record: &Record) -> Kept {
    let Outcome::NotIsolated(error) = &record.outcome else {
        return Err(format!("{:?}", record.outcome).into());
    };
    let said = error.to_string();
    assert!(said.contains("the process that makes sandboxes was killed"), "{said}");
    assert!(!said.contains("os error"), "{said}");
    assert_eq!(record.remarks, [error.hint()]);
    assert!(error.hint().contains("`dmesg`"), "{}", error.hint());
    Ok(())
}

fn cancelled(suite: &Suite) -> Kept {
    let (wish, pause) = (suite.wish(), unique_pause());
    let template = suite.template(&wish);
    cancel_when_alive(suite, &wish.plan(&["ignore_sigterm", &pause]), &pause)?;
    // Control: without the switch it goes on to its end.
    wish.attempt(&mut suite.slot(&template)?, &["exit", "0"])?.did()?;
    Ok(())
}

fn cancelled_printer(suite: &Suite) -> Kept {
    let pause = unique_pause();
    let script = "\"$0\" print_without_end; exit 0";
    let plan =
        suite.wish().program("/bin/sh").plan(&["-c", script, crate::observed::text(&suite.probe)?, &pause]);
    cancel_when_alive(suite, &plan, &pause)
}

/// Executes the plan until its workload, which has this argument, is there, and cancels it.
fn cancel_when_alive(suite: &Suite, plan: &SandboxPlan, mark: &str) -> Kept {
    let template = suite.template(&suite.wish());
    let cancel = Cancel::new()?;
    let record = thread::scope(|scope| -> Result<_, Failed> {
        let attempt = scope.spawn(|| Ok::<_, Failed>(suite.slot(&template)?.execute(plan, &cancel)));
        let started = eventually(PATIENCE, || is_alive(mark));
        thread::sleep(SECOND / 4);
        cancel.throw();
        let gone = eventually(SECOND, || !is_alive(mark));
        assert!(started && gone, "started {started}, gone {gone}");
        attempt.join().map_err(|_| "a thread panicked")?
    })?;
    assert!(record.is_none(), "{record:?}");
    assert!(suite.slot(&template)?.execute(plan, &cancel).is_none());
    Ok(())
}
