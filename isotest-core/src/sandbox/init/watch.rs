//! Waits for a workload's end, and ends the processes that it leaves behind.

use super::leftovers::{self, Liveliness};
use super::own_proc::OwnProc;
use super::parent::Parent;
use super::sampler::Sampler;
use crate::outcome::{Exit, LeftProcess};
use crate::plan::Timeout;
use crate::record::Moment;
use crate::sandbox::protocol::channel::{self, Command, Report};
use crate::sys::clock::{self, Instant};
use crate::sys::clone3::exit_now;
use crate::sys::wait::{Change, Used, Wait, any_child};
use crate::sys::{is_ready, readable, wait_for};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Time limit of the supervisor's look at processes that are about to be killed.
const LOOK_GRACE: Duration = Duration::from_secs(10);

/// Blocks the signal of children that end, and returns a descriptor in which it waits.
pub(super) fn children() -> io::Result<SignalFd> {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&children), None)?;
    Ok(SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?)
}

/// Interval at which a workload that has stopped is checked for processes that could continue it.
const STOP_INTERVAL: Duration = Duration::from_millis(200);

/// Report that the workload has stopped.
#[derive(Debug, Clone, Copy)]
struct Stop {
    signal: i32,
    /// Time of the next check whether a process could continue the workload.
    look_again: Instant,
}

/// Wait for the workload's end.
#[derive(Debug)]
pub(super) struct Watch {
    pid: Pid,
    /// Process that started the workload.
    parent: Parent,
    /// Resources that the parent has used, once it has ended.
    pub(super) parents: Used,
    /// Moment just before the workload's birth.
    pub(super) born: Instant,
    /// Time at which the workload is told to end, or, once it has been told, at which it is killed.
    deadline: Option<Instant>,
    pub(super) exit: Option<Exit>,
    /// Time from the workload's birth to its end.
    pub(super) wall: Duration,
    /// Time between the request to end and the kill.
    grace: Duration,
    /// Whether the workload's time ran out before it ended.
    pub(super) timed_out: bool,
    /// Whether somebody attends to the workload, who is told that it has stopped and may let it go on.
    interactive: bool,
    /// Stop of the workload, if nobody attends to it.
    stopped: Option<Stop>,
    /// Sampler of peaks, where any have to be sampled.
    pub(super) sampler: Option<Sampler>,
    /// Directory `/proc` in which processes are looked at.
    pub(super) proc: OwnProc,
}

impl Watch {
    /// Begins to watch the workload `pid`, which `parent` started at `born` and which has the time limit `timeout`.
    pub(super) fn new(
        (parent, pid): (Parent, Pid),
        born: Instant,
        timeout: Option<Timeout>,
        interactive: bool,
        proc: OwnProc,
    ) -> Self {
        let deadline = timeout.and_then(|timeout| born.checked_add(timeout.after));
        Self {
            pid,
            parent,
            parents: Used::default(),
            born,
            deadline,
            exit: None,
            wall: Duration::ZERO,
            grace: timeout.map_or(Timeout::GRACE, |timeout| timeout.grace),
            timed_out: false,
            interactive,
            stopped: None,
            sampler: None,
            proc,
        }
    }

    pub(super) fn until_end(&mut self, control: &mut UnixStream, signals: &SignalFd) -> io::Result<()> {
        while self.exit.is_none() {
            let stops = self.parent.stops();
            let mut sources = [readable(signals), readable(control), readable(&stops)];
            let look_again = self.stopped.map(|stop| stop.look_again);
            let sample = self.sampler.as_ref().map(Sampler::next);
            let next = [self.deadline, sample, look_again].into_iter().flatten().min();
            wait_for(&mut sources, next)?;
            let [child, command, stop] = sources.map(|source| is_ready(&source));
            if stop {
                self.stopped(self.parent.next_stop()?, control)?;
            }
            if child {
                while signals.read_signal()?.is_some() {}
                self.parent.go_on();
                self.reap(control)?;
            }
            if command && self.exit.is_none() {
                self.obey(control)?;
            }
            self.mind_the_time(control)?;
            self.mind_a_stop()?;
            if let Some(sampler) = self.sampler.as_mut().filter(|_| self.exit.is_none()) {
                sampler.look(&self.proc);
            }
        }
        Ok(())
    }

    /// Tells the workload to end when its time is over, and kills the sandbox's processes a grace period later.
    fn mind_the_time(&mut self, control: &mut UnixStream) -> io::Result<()> {
        if self.exit.is_some() || self.deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return Ok(());
        }
        if self.timed_out {
            self.deadline = None;
            return everybody(Signal::SIGKILL);
        }
        self.timed_out = true;
        self.let_look(control, Moment::TimeOut)?;
        self.deadline = Instant::now().checked_add(self.grace);
        for signal in [Signal::SIGTERM, Signal::SIGCONT] {
            self.parent.signal(self.pid, signal as i32, true);
        }
        Ok(())
    }

    fn reap(&mut self, control: &mut UnixStream) -> io::Result<()> {
        while let Wait::Changed(pid, change) = any_child(libc::WNOHANG | libc::WUNTRACED)? {
            match change {
                Change::Exited(code) => self.ended(pid, Exit::Code(code))?,
                Change::Signaled(signal) => self.ended(pid, Exit::Signal(signal))?,
                // Init gets this report only if the parent process is gone.
                Change::Stopped(signal) if pid == self.pid => self.stopped(signal, control)?,
                Change::Stopped(_) => {}
            }
        }
        Ok(())
    }

    fn stopped(&mut self, signal: i32, control: &mut UnixStream) -> io::Result<()> {
        if self.interactive {
            return channel::send(control, &Report::Stopped(signal), &[]);
        }
        self.stopped = Some(Stop { signal, look_again: Instant::now() });
        Ok(())
    }

    /// Takes a stop for the workload's end if no process is left that could continue it: it would wait for ever. Such
    /// a process may end without a word to init, so it is checked again and again.
    fn mind_a_stop(&mut self) -> io::Result<()> {
        // While the run is stopped, processes are stopped by it, and not by themselves.
        let is_due = |stop: &Stop| stop.look_again <= Instant::now() && !clock::stands();
        let Some(stop) = self.stopped.filter(is_due) else { return Ok(()) };
        match leftovers::liveliness(&self.proc, self.pid, self.parent.pid()) {
            Liveliness::OthersMove => {
                self.stopped = Some(Stop { look_again: Instant::now() + STOP_INTERVAL, ..stop });
            }
            Liveliness::Moves => self.stopped = None,
            Liveliness::NobodyMoves => self.ended(self.pid, Exit::Stopped(stop.signal))?,
        }
        Ok(())
    }

    fn ended(&mut self, pid: Pid, exit: Exit) -> io::Result<()> {
        if pid == self.pid && self.exit.is_none() {
            self.exit = Some(exit);
            self.wall = self.born.elapsed();
            self.parents = self.parent.end()?;
        }
        Ok(())
    }

    fn obey(&self, control: &mut UnixStream) -> io::Result<()> {
        match channel::receive::<Command>(control)? {
            None => exit_now(1),
            Some((Command::Kill, _)) => everybody(Signal::SIGKILL),
            Some((Command::Signal { signal, group }, _)) => {
                self.parent.signal(self.pid, signal, group);
                Ok(())
            }
            // The snapshot took too long, and init has gone on without it.
            Some((Command::GoOn, _)) => Ok(()),
            Some((Command::Go(..), _)) => Err(io::Error::other("there is one workload to a sandbox")),
        }
    }

    /// Gives the processes that are left a moment, lists those that are still there then, and kills them.
    pub(super) fn clear(
        &self,
        leak_grace: Duration,
        control: &mut UnixStream,
        signals: &SignalFd,
    ) -> io::Result<Vec<LeftProcess>> {
        // A time that overflows the clock is one that never ends.
        let deadline = Instant::now().checked_add(leak_grace);
        while anybody() && deadline.is_none_or(|deadline| Instant::now() < deadline) {
            wait_for(&mut [readable(signals)], deadline)?;
            while signals.read_signal()?.is_some() {}
            while matches!(any_child(libc::WNOHANG)?, Wait::Changed(..)) {}
        }
        let mut left = Vec::new();
        if anybody() {
            left = leftovers::list(&self.proc);
            // After a timeout the snapshot of that moment is kept.
            if !self.timed_out {
                self.let_look(control, Moment::LeftRunning)?;
            }
            everybody(Signal::SIGKILL)?;
        }
        while any_child(0)? != Wait::NoChildren {}
        Ok(left)
    }

    /// Lets the supervisor look at the processes that are about to be killed: it sees more than init, whose `/proc`
    /// is the workload's, too, and it knows the processes by the ids they have outside.
    fn let_look(&self, control: &mut UnixStream, moment: Moment) -> io::Result<()> {
        channel::send(control, &Report::About(moment), &[])?;
        match wait_for(&mut [readable(control)], Some(Instant::now() + LOOK_GRACE))? {
            0 => Ok(()),
            _ => self.obey(control),
        }
    }
}

/// Signals every process of the sandbox but init.
fn everybody(signal: Signal) -> io::Result<()> {
    match kill(Pid::from_raw(-1), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Returns whether init is not alone in the sandbox.
fn anybody() -> bool {
    kill(Pid::from_raw(-1), None).is_ok()
}
