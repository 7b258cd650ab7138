//! The process that enters a sandbox from outside: what init is to the workload it is to its own, but it rules over
//! nothing else.

use super::channel::{self, Command, Report};
use super::init::{self, Descriptors};
use super::step::{Step, StepError};
use super::{terminal, watch, workload};
use crate::outcome::{ChangedPaths, Ending, Exit};
use crate::plan::Attended;
use crate::sys::clone3::{SingleThreaded, exit_now};
use crate::sys::signal;
use crate::sys::spawn::spawn;
use crate::sys::wait::{Change, Wait, any_child};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use nix::unistd::{Pid, dup, pipe2, setsid};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Instant;

/// What it is told by the process it is a copy of.
#[derive(Debug)]
pub(super) struct Guest<'caller> {
    pub(super) proof: SingleThreaded,
    /// A process inside.
    pub(super) process: &'caller OwnedFd,
    pub(super) namespaces: CloneFlags,
    /// By these files its cgroups are entered.
    pub(super) cgroups: &'caller [PathBuf],
    pub(super) attended: Attended,
}

/// Everything, from the first instruction to the last.
pub(super) fn run(guest: &Guest<'_>, mut control: UnixStream) -> ! {
    let report = match guest.stay(&mut control) {
        Ok(ending) => Report::Ended(ending),
        Err(error) => Report::Failed(error),
    };
    exit_now(i32::from(channel::send(&mut control, &report, &[]).is_err()))
}

impl Guest<'_> {
    fn stay(&self, control: &mut UnixStream) -> Result<Ending, StepError> {
        Step::ResetSignals.run(|| signal::reset_all().and_then(|()| signal::ignore_pipe()))?;
        let signals = Step::CloneWorkload.run(watch::children)?;
        let stdio = Step::Join.run(|| -> io::Result<Vec<OwnedFd>> {
            Ok(vec![dup(io::stdin())?, dup(io::stdout())?, dup(io::stderr())?])
        })?;
        let uncounted = self.enter_cgroups().err();
        Step::Join.run(|| setns(self.process, self.namespaces))?;
        // Entering a user namespace has cleared it, if it was asked for before.
        Step::DieWithParent.run(|| set_pdeathsig(Signal::SIGKILL))?;
        Step::NewSession.run(setsid)?;
        let open = || terminal::open_for(self.attended, &stdio, control);
        let terminal = Step::OpenTerminal.run(open)?;
        let mut descriptors = Descriptors::of_guest(stdio, terminal);
        let Some((workload, _)) = Step::Supervise.run(|| init::workload_from(control))? else { exit_now(0) };
        let (errors, error_end) = Step::CloneWorkload.run(|| pipe2(nix::fcntl::OFlag::O_CLOEXEC))?;
        let ready = workload::Ready::new(&workload);
        let born = Instant::now();
        let pid = Step::CloneWorkload
            .run(|| spawn(&self.proof, None, || workload::run(false, &ready, &descriptors, &error_end)))?;
        let terminal = descriptors.terminal.take();
        drop((error_end, descriptors));
        let exit = Step::Supervise.run(|| until_end(pid, control, &signals))?;
        let wall = born.elapsed();
        drop(terminal);
        if let Some(error) = workload::error(&errors) {
            return Err(error);
        }
        if let Some(error) = uncounted {
            Step::Supervise.run(|| channel::send(control, &Report::Uncounted(error), &[]))?;
        }
        let children = Step::Supervise.run(|| init::children(&[], None))?;
        let changed = ChangedPaths::default();
        let (left_running, missing_paths) = (Vec::new(), Vec::new());
        Ok(Ending { exit, wall, timed_out: false, left_running, changed, missing_paths, children })
    }

    /// In version 2 it depends on the cgroup this process comes from, too, whether it may.
    fn enter_cgroups(&self) -> Result<(), StepError> {
        self.cgroups.iter().try_for_each(|file| Step::JoinCgroup.on(file.display(), || fs::write(file, "0")))
    }
}

/// Waits for the workload's end, obeying meanwhile. Nobody else in the sandbox is ours to signal.
fn until_end(pid: Pid, control: &mut UnixStream, signals: &SignalFd) -> io::Result<Exit> {
    loop {
        let mut sources = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut sources, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [child, command] = sources.map(|source| source.any().unwrap_or(false));
        if child {
            while signals.read_signal()?.is_some() {}
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
            obey(pid, control)?;
        }
    }
}

fn obey(pid: Pid, control: &mut UnixStream) -> io::Result<()> {
    let pid = pid.as_raw();
    let (to, signal) = match channel::receive::<Command>(control)? {
        // The workload dies with this process.
        None => exit_now(1),
        Some((Command::Signal { signal, group }, _)) => (if group { -pid } else { pid }, signal),
        Some((Command::Kill, _)) => (-pid, libc::SIGKILL),
        Some((Command::Go(..) | Command::GoOn, _)) => {
            return Err(io::Error::other("there is one workload to a guest"));
        }
    };
    // What has just ended takes no signal any more.
    let _ = signal::send(to, signal);
    Ok(())
}
