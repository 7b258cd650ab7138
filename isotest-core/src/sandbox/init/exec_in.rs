//! Processes that enter a sandbox from outside. The guest does for its own workload and the descendants of that what
//! init does for the sandbox's, but it rules over nothing else. Its monitor stays outside the pid namespace, and
//! kills the descendants that the guest has to leave: there it sees them whatever was done to the `/proc` inside.

use super::parent::{Memory, Parent};
use super::{Counted, children, counts_io, keyring, watch, workload_from};
use crate::outcome::{ChangedPaths, Ending, Exit, NetworkFailures};
use crate::plan::Interactive;
use crate::sandbox::protocol::channel::{self, Command, Report};
use crate::sandbox::workload::descriptors::Descriptors;
use crate::sandbox::workload::{self, terminal};
use crate::snapshot;
use crate::step::{Step, StepError};
use crate::sys::clock::Instant;
use crate::sys::clone3::{Side, SingleThreaded, clone3, exit_now};
use crate::sys::wait::{Change, Wait, any_child};
use crate::sys::{is_ready, pidfd, readable, signal, wait_for};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::{set_child_subreaper, set_dumpable, set_name, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, dup, pipe2, read, setsid};
use procfs::process::Process;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// Interval at which the monitor looks whether all processes that it has killed are dead.
const KILL_INTERVAL: Duration = Duration::from_millis(1);

/// Facts that a guest is told by the process it is a copy of.
#[derive(Debug)]
pub(crate) struct ExecIn<'caller> {
    pub(crate) proof: SingleThreaded,
    /// Handle of a process inside the sandbox.
    pub(crate) process: &'caller OwnedFd,
    pub(crate) namespaces: CloneFlags,
    /// Files by which the cgroups of the sandbox are entered.
    pub(crate) cgroups: &'caller [PathBuf],
    pub(crate) interactive: Interactive,
}

/// Executes monitor and guest, from the first instruction to the last.
pub(crate) fn run(guest: &ExecIn<'_>, mut control: UnixStream) -> ! {
    let ended = guest.enter(&mut control).or_else(|error| {
        let report = Report::Failed(error);
        channel::send(&mut control, &report, &[])
    });
    exit_now(i32::from(ended.is_err()))
}

impl ExecIn<'_> {
    /// Sends the guest in and waits for its end.
    fn enter(&self, control: &mut UnixStream) -> Result<(), StepError> {
        // Not dumpable: this copy of a process from outside must not be read by processes of the sandbox.
        Step::Join.run(|| set_dumpable(false))?;
        Step::ResetSignals.run(|| signal::reset_all().and_then(|()| signal::ignore_pipe()))?;
        // A session of its own: signals of the terminal for the caller's process group do not concern it.
        Step::NewSession.run(setsid)?;
        let doors = self.open_cgroups();
        // A network namespace that is reused belongs to another user namespace than the sandbox's: a process in the
        // latter may not enter it.
        let outer = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET;
        self.enter_namespaces(outer)?;
        let (alarm, held) = Step::Join.run(|| pipe2(OFlag::O_CLOEXEC))?;
        match Step::Join.run(|| clone3(&self.proof, 0))? {
            Side::Child => {
                drop(alarm);
                // The monitor itself is not counted.
                let uncounted = doors.and_then(|doors| self.enter_cgroups(doors)).err();
                let entered = self.enter_namespaces(outer.complement());
                self.be(entered.map(|()| (uncounted, held)), control)
            }
            Side::Parent(guest) => {
                drop((doors, held));
                Step::Supervise.run(|| monitor(guest, &alarm))
            }
        }
    }

    /// Executes the guest: reports its end, and exits.
    fn be(&self, entered: Result<(Option<StepError>, OwnedFd), StepError>, control: &mut UnixStream) -> ! {
        let report = match entered.and_then(|(uncounted, held)| self.stay(uncounted, held, control)) {
            Ok(ending) => Report::Ended(Box::new(ending)),
            Err(error) => Report::Failed(error),
        };
        exit_now(i32::from(channel::send(control, &report, &[]).is_err()))
    }

    fn stay(
        &self,
        uncounted: Option<StepError>,
        held: OwnedFd,
        control: &mut UnixStream,
    ) -> Result<Ending, StepError> {
        // If its monitor died, nobody would kill it at the sandbox's end.
        Step::DieWithParent.run(|| set_pdeathsig(Signal::SIGKILL))?;
        Step::DieWithParent.run(|| set_name(c"isotest-guest"))?;
        // Orphans of the started program become its children, and not init's, so that it can kill them.
        Step::Join.run(|| set_child_subreaper(true))?;
        let signals = Step::CloneWorkload.run(watch::children)?;
        let stdio = Step::Join.run(|| -> io::Result<Vec<OwnedFd>> {
            Ok(vec![dup(io::stdin())?, dup(io::stdout())?, dup(io::stderr())?])
        })?;
        Step::NewSession.run(setsid)?;
        let open = || terminal::open_for(self.interactive, &stdio, control);
        let terminal = Step::OpenTerminal.run(open)?;
        let mut descriptors = Descriptors::of_guest(stdio, terminal);
        let Some((workload, ..)) = Step::Supervise.run(|| workload_from(control))? else { exit_now(0) };
        Step::NewKeyring.run(keyring::leave)?;
        let (errors, error_end) = Step::CloneWorkload.run(|| pipe2(OFlag::O_CLOEXEC))?;
        let ready = workload::Ready::new(&workload);
        let counts_io = counts_io();
        let born = Instant::now();
        let run = || workload::run(false, &ready, &descriptors, &error_end);
        let (parent, pid) =
            Step::CloneWorkload.run(|| Parent::start(&self.proof, Memory::Shared, None, run))?;
        let terminal = descriptors.terminal.take();
        drop((error_end, descriptors));
        let exit = Step::Supervise.run(|| until_end(pid, &parent, control, &signals));
        let wall = born.elapsed();
        drop(terminal);
        let parents = Step::Supervise.run(|| parent.end())?;
        Step::Supervise.run(|| end_all(held))?;
        let exit = exit?;
        if let Some(error) = workload::error(&errors) {
            return Err(error);
        }
        if let Some(error) = uncounted {
            Step::Supervise.run(|| channel::send(control, &Report::Uncounted(error), &[]))?;
        }
        let counted = Counted { unmeasured: &[], counts_io, sampler: None };
        let children = Step::Supervise.run(|| children(counted, parents))?;
        let (left_running, missing_paths) = (Vec::new(), Vec::new());
        let (changed, network) = (ChangedPaths::default(), NetworkFailures::default());
        Ok(Ending {
            exit,
            born,
            wall,
            timed_out: false,
            left_running,
            changed,
            evidence_left_out: 0,
            missing_paths,
            network,
            children,
        })
    }

    /// Enters those of `these` namespaces that the process in the sandbox does not share with the caller.
    fn enter_namespaces(&self, these: CloneFlags) -> Result<(), StepError> {
        let namespaces = self.namespaces & these;
        if namespaces.is_empty() { Ok(()) } else { Step::Join.run(|| setns(self.process, namespaces)) }
    }

    /// Opens the files by which the cgroups are entered. The right to enter is that of the opener: outside it is
    /// larger.
    fn open_cgroups(&self) -> Result<Vec<File>, StepError> {
        let open = |file: &PathBuf| OpenOptions::new().write(true).open(file);
        let doors = self.cgroups.iter().map(|file| Step::JoinCgroup.on(file.display(), || open(file)));
        doors.collect()
    }

    fn enter_cgroups(&self, doors: Vec<File>) -> Result<(), StepError> {
        let mut doors = self.cgroups.iter().zip(doors);
        doors.try_for_each(|(file, mut door)| Step::JoinCgroup.on(file.display(), || door.write_all(b"0")))
    }
}

/// Waits until the guest asks for the end of its descendants, or is dead, and kills them until it has ended.
fn monitor(guest: Pid, alarm: &OwnedFd) -> io::Result<()> {
    // Nothing is written to the pipe: reading returns when the other end is closed.
    let _ = read(alarm, &mut [0]);
    while waitpid(guest, Some(WaitPidFlag::WNOHANG))? == WaitStatus::StillAlive {
        for (pid, parent) in snapshot::below(guest.as_raw()).unwrap_or_default() {
            let handle = pidfd::open(pid);
            // The id may have been reused before the pidfd was opened.
            let is_same = Process::new(pid).and_then(|process| process.stat());
            if let (Ok(handle), true) = (handle, is_same.is_ok_and(|stat| stat.ppid == parent)) {
                // Fails if the process has just ended.
                let _ = pidfd::send(handle.as_fd(), libc::SIGKILL);
            }
        }
        sleep(KILL_INTERVAL);
    }
    Ok(())
}

/// Has the monitor kill all descendants that are left, and waits for their ends.
fn end_all(held: OwnedFd) -> io::Result<()> {
    drop(held);
    while any_child(0)? != Wait::NoChildren {}
    Ok(())
}

/// Waits for the workload's end and obeys the supervisor's commands meanwhile. Signals no other process of the
/// sandbox.
fn until_end(pid: Pid, parent: &Parent, control: &mut UnixStream, signals: &SignalFd) -> io::Result<Exit> {
    loop {
        let stops = parent.stops();
        let mut sources = [readable(signals), readable(control), readable(&stops)];
        wait_for(&mut sources, None)?;
        let [child, command, stop] = sources.map(|source| is_ready(&source));
        if stop {
            channel::send(control, &Report::Stopped(parent.next_stop()?), &[])?;
        }
        if child {
            while signals.read_signal()?.is_some() {}
            parent.go_on();
            while let Wait::Changed(changed, change) = any_child(libc::WNOHANG | libc::WUNTRACED)? {
                match change {
                    Change::Exited(status) if changed == pid => return Ok(Exit::Code(status)),
                    Change::Signaled(signal) if changed == pid => return Ok(Exit::Signal(signal)),
                    Change::Stopped(signal) if changed == pid => {
                        channel::send(control, &Report::Stopped(signal), &[])?;
                    }
                    _ => {}
                }
            }
        }
        if command {
            obey(pid, parent, control)?;
        }
    }
}

fn obey(pid: Pid, parent: &Parent, control: &mut UnixStream) -> io::Result<()> {
    match channel::receive::<Command>(control)? {
        None => return Err(Errno::ECHILD.into()),
        Some((Command::Signal { signal, group }, _)) => parent.signal(pid, signal, group),
        Some((Command::Kill, _)) => parent.signal(pid, libc::SIGKILL, true),
        Some((Command::Go(..) | Command::GoOn, _)) => {
            return Err(io::Error::other("there is one workload to a guest"));
        }
    }
    Ok(())
}
