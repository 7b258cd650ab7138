//! One attempt, watched from outside: its output, its time, its end, its figures.

use super::cancel::Cancel;
use super::capture::Capture;
use super::channel::{self, KILL, Order, Report, Start, TERMINATE};
use super::slot;
use super::step::{Step, StepError};
use crate::cgroup::{Cgroups, Leaf};
use crate::outcome::{Ending, Outcome};
use crate::plan::SandboxPlan;
use crate::record::Record;
use crate::usage::{Reading, Source, Usage};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::unistd::{dup, pipe2, read};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// After SIGTERM at the end of its time, a workload may put its things in order for this long.
const TERMINATE_GRACE: Duration = Duration::from_secs(2);
/// If init has not reported the end this long after it was told to kill everything, the sandbox counts as lost.
const KILL_GRACE: Duration = Duration::from_secs(10);
/// The longest report.
const REPORT_BYTES: usize = 256 << 10;

/// An attempt that is running.
#[derive(Debug)]
pub(super) struct Attempt {
    leaf: Option<Leaf>,
    control: OwnedFd,
    streams: [Stream; 2],
    /// When the next thing happens to it, and what.
    next: Option<(Instant, Urge)>,
}

#[derive(Debug)]
struct Stream {
    pipe: Option<OwnedFd>,
    capture: Capture,
}

#[derive(Debug, Clone, Copy)]
enum Urge {
    Terminate,
    Kill,
    GiveUp,
}

/// How watching an attempt ended.
#[derive(Debug)]
pub(super) enum End {
    /// It ended, well or badly.
    Recorded(Box<Record>),
    /// Its sandbox does not answer.
    Lost(Attempt, StepError),
    /// The whole run is to end.
    Cancelled(Attempt),
}

/// What travels to the zygote, and the ends that stay here.
struct Wiring {
    outside: [Option<OwnedFd>; 2],
    inside: Vec<OwnedFd>,
}

impl Attempt {
    /// Makes the cgroup and orders the zygote to start.
    pub(super) fn start(
        plan: &SandboxPlan,
        cgroups: &Cgroups,
        orders: &mut UnixStream,
    ) -> Result<Self, StepError> {
        let leaf =
            if plan.measured { Step::CreateCgroup.run(|| cgroups.create_leaf(plan.limits))? } else { None };
        let started = Self::order(plan, leaf.as_ref(), orders);
        let (control, outside) = match started {
            Ok(started) => started,
            Err(error) => {
                discard(leaf.as_ref());
                return Err(error);
            }
        };
        let streams = outside.map(|pipe| Stream { pipe, capture: Capture::new(plan.output_bytes) });
        let next = plan.timeout.map(|timeout| (Instant::now() + timeout, Urge::Terminate));
        Ok(Self { leaf, control, streams, next })
    }

    fn order(
        plan: &SandboxPlan,
        leaf: Option<&Leaf>,
        orders: &mut UnixStream,
    ) -> Result<(OwnedFd, [Option<OwnedFd>; 2]), StepError> {
        let (control, theirs) = Step::StartZygote
            .run(|| socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC))?;
        let wiring = Step::StartZygote.run(|| wire(plan))?;
        let (directory, tasks) = match leaf {
            Some(leaf) => Step::CreateCgroup.run(|| leaf.entrances())?,
            None => (None, Vec::new()),
        };
        let start = Start {
            workload: plan.workload.clone(),
            leaf: leaf.map(|leaf| leaf.name().to_owned()),
            born_in_cgroup: directory.is_some(),
        };
        let descriptors = [&theirs].into_iter().chain(&wiring.inside).chain(&directory).chain(&tasks);
        let descriptors: Vec<_> = descriptors.map(AsFd::as_fd).collect();
        Step::StartZygote.run(|| channel::send(orders, &Order::Start(Box::new(start)), &descriptors))?;
        Ok((control, wiring.outside))
    }

    /// Watches it to its end.
    pub(super) fn until_end(mut self, plan: &SandboxPlan, cancel: &Cancel) -> End {
        loop {
            match self.wait(cancel) {
                Ok(Woken::Report(Report::Ended(ending))) => {
                    return End::Recorded(Box::new(self.record(plan, ending)));
                }
                Ok(Woken::Report(Report::Failed(error))) => {
                    self.remove();
                    return End::Recorded(Box::new(slot::not_isolated(error)));
                }
                Ok(Woken::Output) => {}
                Ok(Woken::Urge(urge)) => {
                    if let Err(error) = self.urge(urge) {
                        return End::Lost(self, error);
                    }
                }
                Ok(Woken::Cancelled) => return End::Cancelled(self),
                Err(error) => {
                    let error = Step::Supervise.failed(None, &error);
                    return End::Lost(self, error);
                }
            }
        }
    }

    /// Waits for the next thing to happen. Output is taken in by itself.
    fn wait(&mut self, cancel: &Cancel) -> io::Result<Woken> {
        let timeout = match self.next {
            None => PollTimeout::NONE,
            Some((at, urge)) => {
                let left = at.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(Woken::Urge(urge));
                }
                // Rounded up, so that it does not wake a moment too early again and again.
                PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
            }
        };
        let mut sources = vec![
            PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
            PollFd::new(cancel.descriptor(), PollFlags::POLLIN),
        ];
        let open = self.streams.iter().filter_map(|stream| stream.pipe.as_ref());
        sources.extend(open.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        match poll(&mut sources, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [reported, cancelled, ..] = sources.as_slice() else { return Ok(Woken::Output) };
        let (reported, cancelled) = (reported.any() == Some(true), cancelled.any() == Some(true));
        let has_output = sources.iter().skip(2).any(|source| source.any() == Some(true));
        if cancelled {
            return Ok(Woken::Cancelled);
        }
        if has_output {
            self.take_output()?;
        }
        if reported { self.report().map(Woken::Report) } else { Ok(Woken::Output) }
    }

    /// Reads what is there, without waiting; a stream at its end is closed.
    fn take_output(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        for stream in &mut self.streams {
            while let Some(pipe) = &stream.pipe {
                match read(pipe, &mut buffer) {
                    Ok(0) => stream.pipe = None,
                    Ok(length) => {
                        stream.capture.push(buffer.get(..length).unwrap_or_default());
                        if length < buffer.len() {
                            break;
                        }
                    }
                    Err(Errno::EAGAIN) => break,
                    Err(Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn report(&self) -> io::Result<Report> {
        let mut message = vec![0; REPORT_BYTES];
        match recv(self.control.as_raw_fd(), &mut message, MsgFlags::empty())? {
            0 => Err(io::Error::from_raw_os_error(libc::ECHILD)),
            length => {
                postcard::from_bytes(message.get(..length).unwrap_or_default()).map_err(io::Error::other)
            }
        }
    }

    fn urge(&mut self, urge: Urge) -> Result<(), StepError> {
        let (command, then) = match urge {
            Urge::Terminate => (TERMINATE, (TERMINATE_GRACE, Urge::Kill)),
            Urge::Kill => (KILL, (KILL_GRACE, Urge::GiveUp)),
            Urge::GiveUp => {
                return Err(Step::Supervise.failed(None, &io::Error::from_raw_os_error(libc::ETIMEDOUT)));
            }
        };
        self.next = Some((Instant::now() + then.0, then.1));
        // An init that has just gone is noticed by the next wait.
        let _ = send(self.control.as_raw_fd(), &[command], MsgFlags::MSG_NOSIGNAL);
        Ok(())
    }

    fn record(mut self, plan: &SandboxPlan, ending: Ending) -> Record {
        let mut usage = self.leaf.as_ref().map_or_else(Usage::default, Leaf::usage);
        if usage.cpu.is_none() {
            usage.cpu = Some(Reading { value: ending.children, source: Source::Rusage });
        }
        let mut remarks = Vec::new();
        if let Err(error) = self.take_output() {
            remarks.push(format!("the end of its output could not be read: {error}"));
        }
        if plan.limits.any() && self.leaf.is_none() {
            remarks.push("its limits were not in force".to_owned());
        }
        self.remove_leaf();
        let [stdout, stderr] = self.streams.map(|stream| stream.capture.finish());
        let outcome = Outcome::of(&ending, &usage);
        Record { outcome, ending: Some(ending), usage, stdout, stderr, remarks }
    }

    /// Removes what is left of it. Its processes must be gone.
    pub(super) fn remove(&self) {
        self.remove_leaf();
    }

    fn remove_leaf(&self) {
        discard(self.leaf.as_ref());
    }
}

/// What woke the supervisor.
enum Woken {
    Output,
    Report(Report),
    Urge(Urge),
    Cancelled,
}

/// A leaf that cannot be removed now is removed with the run's directory, or swept by the next run.
fn discard(leaf: Option<&Leaf>) {
    if let Some(leaf) = leaf {
        let _ = leaf.remove();
    }
}

fn wire(plan: &SandboxPlan) -> io::Result<Wiring> {
    if plan.inherit_stdio {
        let inside = vec![dup(io::stdin())?, dup(io::stdout())?, dup(io::stderr())?];
        return Ok(Wiring { outside: [None, None], inside });
    }
    let null = OwnedFd::from(File::open("/dev/null")?);
    let (stdout, stdout_inside) = pipe2(OFlag::O_CLOEXEC)?;
    let (stderr, stderr_inside) = pipe2(OFlag::O_CLOEXEC)?;
    for pipe in [&stdout, &stderr] {
        nix::fcntl::fcntl(pipe, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    }
    Ok(Wiring { outside: [Some(stdout), Some(stderr)], inside: vec![null, stdout_inside, stderr_inside] })
}
