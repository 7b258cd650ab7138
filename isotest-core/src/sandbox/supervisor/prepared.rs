//! Sandbox that is set up, or being set up, and waits for its workload: the next ones are made while the present
//! workload runs.

use super::capture::Capture;
use crate::cgroup::{AttemptCgroup, Cell, Cgroups};
use crate::descriptors;
use crate::limits::{Limits, Rlimit};
use crate::plan::{Interactive, SandboxPlan};
use crate::sandbox::protocol::channel::{self, Command, Order, Packed, Report, Start};
use crate::step::{Step, StepError};
use crate::usage::Usage;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{dup, pipe2, read};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// Facts on an attempt that must be known before its sandbox is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    limits: Limits,
    measured: bool,
    inherit_stdio: bool,
    interactive: Option<Interactive>,
    output_bytes: usize,
}

impl From<&SandboxPlan> for Kind {
    fn from(plan: &SandboxPlan) -> Self {
        let SandboxPlan { measured, inherit_stdio, interactive, output_bytes, .. } = *plan;
        Self { limits: plan.limits.clone(), measured, inherit_stdio, interactive, output_bytes }
    }
}

/// Sandbox, seen from outside.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) kind: Kind,
    cgroup: Option<AttemptCgroup>,
    /// Cell in which the attempt is in the hierarchies in which it has no cgroup.
    cell: Option<Arc<Cell>>,
    pub(super) control: UnixStream,
    pub(super) streams: [Stream; 2],
}

/// Maximal number of bytes of a stream that are read at once: a workload that writes without end shares the reader
/// with the other stream, the clock, and signals. It is as much as a pipe holds by default.
const TURN_BYTES: usize = 64 << 10;

/// Standard output or error of the workload.
#[derive(Debug)]
pub(super) struct Stream {
    /// Pipe of the stream; `None` once it has ended, or if the workload has the supervisor's own stream.
    pub(super) pipe: Option<OwnedFd>,
    pub(super) capture: Capture,
}

impl Stream {
    /// Reads the bytes that are there, a turn at most, and returns their number. At the end of the pipe it is closed.
    fn take(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 << 10];
        let mut taken = 0;
        while let Some(pipe) = self.pipe.as_ref().filter(|_| taken < TURN_BYTES) {
            match read(pipe, &mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(length) => {
                    self.capture.push(buffer.get(..length).unwrap_or_default());
                    taken += length;
                    // A short read means that the pipe is empty now.
                    if length < buffer.len() {
                        break;
                    }
                }
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(taken)
    }

    /// Returns the maximal number of bytes that the pipe holds.
    fn capacity(&self) -> io::Result<usize> {
        let Some(pipe) = &self.pipe else { return Ok(0) };
        Ok(usize::try_from(fcntl(pipe, FcntlArg::F_GETPIPE_SZ)?).unwrap_or_default())
    }
}

impl Sandbox {
    /// Number of descriptors open here for a sandbox besides its cgroup's: its socket and the ends of two pipes.
    pub(super) const DESCRIPTORS: usize = 3;

    /// Makes the cgroup and orders a zygote to do the rest. Failures of the zygote are reported over `control`.
    ///
    /// # Errors
    /// The step that failed here.
    pub(super) fn order(
        kind: &Kind,
        cgroups: &Cgroups,
        cell: Option<&Arc<Cell>>,
        orders: &mut UnixStream,
    ) -> Result<Self, StepError> {
        let cgroup = if kind.measured {
            Step::CreateCgroup.run(|| cgroups.create_attempt(&kind.limits))?
        } else {
            None
        };
        match Self::send(kind, cgroup.as_ref(), cell.map(|cell| &**cell), orders) {
            Ok((control, pipes)) => {
                let streams = pipes.map(|pipe| Stream { pipe, capture: Capture::new(kind.output_bytes) });
                Ok(Self { kind: kind.clone(), cgroup, cell: cell.cloned(), control, streams })
            }
            Err(error) => {
                remove(cgroup.as_ref());
                Err(error)
            }
        }
    }

    /// Returns a sandbox that was not made here: reports of a guest in it come over `control`.
    pub(super) fn of_guest(plan: &SandboxPlan, control: UnixStream) -> Self {
        let stream = || Stream { pipe: None, capture: Capture::new(0) };
        Self { kind: Kind::from(plan), cgroup: None, cell: None, control, streams: [stream(), stream()] }
    }

    fn send(
        kind: &Kind,
        cgroup: Option<&AttemptCgroup>,
        cell: Option<&Cell>,
        orders: &mut UnixStream,
    ) -> Result<(UnixStream, [Option<OwnedFd>; 2]), StepError> {
        let (control, theirs) = Step::StartZygote.run(UnixStream::pair)?;
        let Wiring { outside, inside } = Step::StartZygote.run(|| wire(kind))?;
        let entrances = cgroup.map_or_else(|| Ok(Vec::new()), AttemptCgroup::entrances);
        let entrances = Step::CreateCgroup.run(|| entrances)?;
        let mut directory = cgroup.and_then(AttemptCgroup::birthplace);
        let mut tasks: Vec<_> = entrances.iter().map(AsFd::as_fd).collect();
        if let Some(cell) = cell {
            let (born, further) = Step::CreateCgroup.run(|| cell.for_workload(cgroup.is_some()))?;
            directory = directory.or(born);
            tasks.extend(further);
        }
        let start = Start {
            cgroup: cgroup.map(|cgroup| cgroup.name().to_owned()),
            born_in_cgroup: directory.is_some(),
            measured: kind.measured,
            interactive: kind.interactive,
        };
        let mut descriptors = vec![theirs.as_fd()];
        descriptors.extend(inside.iter().map(AsFd::as_fd).chain(directory).chain(tasks));
        Step::StartZygote.run(|| channel::send(orders, &Order::Start(start), &descriptors))?;
        Ok((control, outside))
    }

    /// Starts the workload.
    ///
    /// # Errors
    /// Error of a workload that cannot be executed by anybody, or of the message to init.
    pub(super) fn go(&mut self, plan: &SandboxPlan) -> Result<(), StepError> {
        let SandboxPlan { workload, timeout, leak_grace, .. } = plan;
        let mut limits = self.kind.limits.process.clone();
        if let Some((soft, hard)) = descriptors::callers()
            && !limits.rlimits.iter().any(|(limit, ..)| *limit == Rlimit::Nofile)
        {
            limits.rlimits.push((Rlimit::Nofile, soft, hard));
        }
        let packed = Step::Exec.on(workload.program.display(), || Packed::new(workload, limits))?;
        match channel::send(&mut self.control, &Command::Go(packed, *timeout, *leak_grace), &[]) {
            // An init that has failed sent its error before it ended: it is read later.
            Err(error) if !is_of_the_gone(&error) => Err(Step::Supervise.failed(None, &error)),
            _ => Ok(()),
        }
    }

    /// Waits until the sandbox's terminal is open, if it is to have one.
    pub(super) fn terminal(&mut self) -> Result<Option<OwnedFd>, StepError> {
        if !self.kind.interactive.is_some_and(Interactive::has_terminal) {
            return Ok(None);
        }
        let report = Step::Supervise.run(|| channel::receive::<Report>(&mut self.control))?;
        match report {
            Some((Report::Terminal, descriptors)) => Ok(descriptors.into_iter().next()),
            Some((Report::Failed(error), _)) => Err(error),
            None | Some(_) => Err(Step::Supervise.failed(None, &io::Error::from_raw_os_error(libc::ECHILD))),
        }
    }

    /// Reads a turn of the output that is there, without waiting.
    pub(super) fn take_output(&mut self) -> io::Result<()> {
        self.streams.iter_mut().try_for_each(|stream| stream.take().map(drop))
    }

    /// Reads all the output that is left. A process outside that has got hold of a stream does not keep this from
    /// ending.
    pub(super) fn take_rest_of_output(&mut self) -> io::Result<()> {
        for stream in &mut self.streams {
            let mut left = None;
            // Most often there is nothing left but the end, for which it does not matter how much could be.
            while let length @ 1.. = stream.take()? {
                let before = left.map_or_else(|| stream.capacity(), Ok)?;
                left = Some(before.saturating_sub(length));
                if left == Some(0) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Returns the memory that is occupied now, if the sandbox has a cgroup that counts it.
    pub(super) fn memory_now(&self) -> Option<u64> {
        self.cgroup.as_ref()?.memory_now()
    }

    /// Returns whether the sandbox has no cgroup of its own.
    pub(super) const fn lacks_cgroup(&self) -> bool {
        self.cgroup.is_none()
    }

    /// Reads the figures from the cgroup. Every process of the workload must be gone.
    ///
    /// # Errors
    /// Error of a cgroup that is gone, too.
    pub(super) fn usage(&self) -> Result<Usage, StepError> {
        self.cgroup.as_ref().map_or_else(|| Ok(Usage::default()), AttemptCgroup::usage)
    }

    /// Lets frozen processes die.
    pub(super) fn thaw(&self) {
        if let Some(cell) = &self.cell {
            cell.thaw();
        }
    }

    /// Returns the limit that somebody has changed, if any.
    pub(super) fn changed_limit(&self) -> Option<String> {
        self.cgroup.as_ref().and_then(AttemptCgroup::changed_limit)
    }

    /// Lets init go, and removes the cgroup. Every process of the workload must be gone.
    pub(super) fn end(self) -> [Capture; 2] {
        let Self { cgroup, control, streams, .. } = self;
        drop(control);
        remove(cgroup.as_ref());
        streams.map(|stream| stream.capture)
    }
}

/// Returns whether the error says that nobody is left to be told.
fn is_of_the_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Removes a cgroup. One that cannot be removed now is removed with the run's directory, or swept by the next run.
fn remove(cgroup: Option<&AttemptCgroup>) {
    if let Some(cgroup) = cgroup {
        let _ = cgroup.remove();
    }
}

/// Standard descriptors: those that the workload gets, and the ends that stay here.
struct Wiring {
    outside: [Option<OwnedFd>; 2],
    inside: Vec<OwnedFd>,
}

fn wire(kind: &Kind) -> io::Result<Wiring> {
    if kind.inherit_stdio {
        let inside = vec![dup(io::stdin())?, dup(io::stdout())?, dup(io::stderr())?];
        return Ok(Wiring { outside: [None, None], inside });
    }
    let null = OwnedFd::from(File::open("/dev/null")?);
    let (stdout, stdout_inside) = pipe2(OFlag::O_CLOEXEC)?;
    let (stderr, stderr_inside) = pipe2(OFlag::O_CLOEXEC)?;
    for pipe in [&stdout, &stderr] {
        fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    }
    Ok(Wiring { outside: [Some(stdout), Some(stderr)], inside: vec![null, stdout_inside, stderr_inside] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Workload;
    use std::io::Write;

    #[test]
    fn output_is_read_in_turns() -> io::Result<()> {
        let (reader, mut writer) = io::pipe()?;
        let pipe = OwnedFd::from(reader);
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(1 << 20))?;
        writer.write_all(&vec![b'x'; 5 * TURN_BYTES])?;
        let plan = SandboxPlan {
            workload: Workload {
                program: "/bin/true".into(),
                arguments: Vec::new(),
                environment: Vec::new(),
                directory: "/".into(),
            },
            timeout: None,
            limits: Limits::default(),
            measured: false,
            inherit_stdio: false,
            interactive: None,
            leak_grace: SandboxPlan::LEAK_GRACE,
            output_bytes: 1 << 20,
        };
        let mut sandbox = Sandbox::of_guest(&plan, UnixStream::pair()?.0);
        sandbox.streams[0] = Stream { pipe: Some(pipe), capture: Capture::new(1 << 20) };
        sandbox.take_output()?;
        assert_eq!(sandbox.streams[0].capture.len(), TURN_BYTES);
        // Somebody still holds the other end.
        sandbox.take_rest_of_output()?;
        assert_eq!(sandbox.streams[0].capture.len(), 5 * TURN_BYTES);
        drop(writer);
        sandbox.take_output()?;
        assert!(sandbox.streams[0].pipe.is_none());
        Ok(())
    }
}
