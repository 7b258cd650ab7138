//! PID 1 of one attempt: sets the sandbox up, starts the workload, sees what it leaves behind, and by exiting makes
//! the kernel end the rest.

use super::channel::{self, Command, Report, Start};
use super::layers::{self, Upper};
use super::step::{Step, StepError};
use super::{changes, leftovers, mounts, network, workload};
use crate::outcome::{Ending, Exit, LeftProcess};
use crate::plan::{Network, Template, Workload};
use crate::sys::clone3::{Side, SingleThreaded, clone3, exit_now};
use crate::sys::mount::attr;
use crate::sys::wait::{Change, Wait, any_child};
use crate::usage::{Children, Cpu, Io};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::{set_dumpable, set_name, set_pdeathsig};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeVal;
use nix::unistd::{Pid, pipe2, read};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long what the workload has left behind may take to end by itself before it counts as left running.
const LEFTOVER_GRACE: Duration = Duration::from_millis(100);

/// The unit of `ru_inblock` and `ru_oublock`.
const BLOCK_BYTES: u64 = 512;

/// What init is told by the zygote it is a copy of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errand<'zygote> {
    pub(super) proof: &'zygote SingleThreaded,
    pub(super) template: &'zygote Template,
    pub(super) start: &'zygote Start,
    /// The attempt's place to write.
    pub(super) store: &'zygote Path,
    /// Readable once the id maps are written.
    pub(super) hold: &'zygote OwnedFd,
}

/// Everything, from the first instruction to the last.
pub(super) fn run(errand: Errand<'_>, descriptors: Vec<OwnedFd>) -> ! {
    let mut descriptors = Descriptors::new(descriptors, errand.start.born_in_cgroup);
    let Some(mut control) = descriptors.control.take().map(UnixStream::from) else { exit_now(1) };
    let report = match attempt(errand, descriptors, &mut control) {
        Ok(ending) => Report::Ended(ending),
        Err(error) => Report::Failed(error),
    };
    let sent = channel::send(&mut control, &report, &[]);
    // The tmpfs of this sandbox is charged to the attempt's cgroup until init is gone: it stays until the
    // supervisor has read the figures and closed its side.
    while let Ok(Some(_)) = channel::receive::<Command<Workload>>(&mut control) {}
    exit_now(i32::from(sent.is_err()))
}

/// What comes with a [`Start`].
#[derive(Debug)]
pub(super) struct Descriptors {
    control: Option<OwnedFd>,
    /// Standard input, output and error.
    pub(super) stdio: Vec<OwnedFd>,
    /// The version 2 cgroup directory.
    cgroup: Option<OwnedFd>,
    /// The `tasks` file of each version 1 hierarchy.
    pub(super) tasks: Vec<OwnedFd>,
}

impl Descriptors {
    fn new(descriptors: Vec<OwnedFd>, born_in_cgroup: bool) -> Self {
        let mut rest = descriptors.into_iter();
        Self {
            control: rest.next(),
            stdio: rest.by_ref().take(3).collect(),
            cgroup: if born_in_cgroup { rest.next() } else { None },
            tasks: rest.collect(),
        }
    }
}

fn attempt(
    errand: Errand<'_>,
    descriptors: Descriptors,
    control: &mut UnixStream,
) -> Result<Ending, StepError> {
    let Errand { proof, template, start, store, hold } = errand;
    Step::DieWithParent.run(|| die_with_parent(hold))?;
    let uppers = set_up(template, start, store)?;
    let signals = Step::CloneWorkload.run(watch_children)?;
    let Some((workload, tell)) = Step::Supervise.run(|| workload_from(control))? else { exit_now(0) };
    let (errors, error_end) = Step::CloneWorkload.run(|| pipe2(nix::fcntl::OFlag::O_CLOEXEC))?;
    let born = Instant::now();
    let cgroup = descriptors.cgroup.as_ref().map(AsFd::as_fd);
    let pid = match Step::CloneWorkload.run(|| clone3(proof, 0, cgroup))? {
        Side::Child => workload::run(template, &workload, &descriptors, &error_end),
        Side::Parent(pid) => pid,
    };
    drop((error_end, descriptors));
    if tell {
        Step::Supervise.run(|| channel::send(control, &Report::Born, &[]))?;
    }
    let mut watch = Watch { pid, born, exit: None, wall: Duration::ZERO, timed_out: false };
    Step::Supervise.run(|| watch.until_end(control, &signals))?;
    let left_running = Step::Supervise.run(|| clear(&signals))?;
    if let Some(error) = workload::error(&errors) {
        return Err(error);
    }
    let changed = changes::list(&uppers, template.private.changed_paths_most);
    let exit = watch.exit.unwrap_or(Exit::Code(0));
    let children = Step::Supervise.run(children)?;
    Ok(Ending { exit, wall: watch.wall, timed_out: watch.timed_out, left_running, changed, children })
}

/// Waits for the zygote to write the id maps. A zygote that died before the request for its death signal took
/// effect has closed the pipe instead.
fn die_with_parent(hold: &OwnedFd) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    if read(hold, &mut [0])? == 0 {
        exit_now(1)
    }
    // A process that is not dumpable cannot be looked into, not even by a workload with all capabilities; nor can
    // its id maps be written, so it is done after that.
    set_dumpable(false)?;
    Ok(set_name(c"isotest-init")?)
}

/// The sandbox, step by step.
fn set_up(template: &Template, start: &Start, store: &Path) -> Result<Vec<Upper>, StepError> {
    let uppers = layers::mount(&template.private, store, start.leaf.as_deref())?;
    if matches!(template.network, Network::Own | Network::Down) {
        network::write_settings(&template.net_settings)?;
    }
    if template.network == Network::Own {
        Step::RaiseLoopback.run(network::raise_loopback)?;
    }
    Step::MountProc.run(|| {
        let proc = mounts::new_file_system(c"proc", &[], attr::NOSUID | attr::NODEV | attr::NOEXEC)?;
        mounts::attach(&proc, Path::new("/proc"))
    })?;
    for name in &template.private.guarded_proc {
        let path = Path::new("/proc").join(name);
        Step::GuardProc.on(path.display(), || guard(&path))?;
    }
    Step::MountDevpts.run(|| {
        let options = [(c"ptmxmode", Some(c"0666")), (c"mode", Some(c"0620"))];
        let devpts = mounts::new_file_system(c"devpts", &options, attr::NOSUID | attr::NOEXEC)?;
        mounts::attach(&devpts, Path::new("/dev/pts"))
    })?;
    Ok(uppers)
}

fn guard(path: &Path) -> io::Result<()> {
    let part = match mounts::detached_copy(path, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        copied => copied?,
    };
    mounts::restrict(&part, attr::RDONLY, false)?;
    mounts::attach(&part, path)
}

/// Waits for the workload, and whether to tell of its birth; `None` if the sandbox is not needed.
fn workload_from(control: &mut UnixStream) -> io::Result<Option<(Workload, bool)>> {
    match channel::receive::<Command<Workload>>(control)? {
        None => Ok(None),
        Some((Command::Go { workload, tell }, _)) => Ok(Some((workload, tell))),
        Some((Command::Terminate | Command::Kill, _)) => Err(io::Error::other("there is no workload yet")),
    }
}

/// From here on the ends of children wait in a descriptor.
fn watch_children() -> io::Result<SignalFd> {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&children), None)?;
    Ok(SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?)
}

/// The wait for the workload's end.
#[derive(Debug)]
struct Watch {
    pid: Pid,
    born: Instant,
    exit: Option<Exit>,
    wall: Duration,
    timed_out: bool,
}

impl Watch {
    fn until_end(&mut self, control: &mut UnixStream, signals: &SignalFd) -> io::Result<()> {
        while self.exit.is_none() {
            let mut sources = [
                PollFd::new(signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(control.as_fd(), PollFlags::POLLIN),
            ];
            if let Err(error) = poll(&mut sources, PollTimeout::NONE) {
                if error != Errno::EINTR {
                    return Err(error.into());
                }
                continue;
            }
            let [child, command] = sources.map(|source| source.any().unwrap_or(false));
            if child {
                while signals.read_signal()?.is_some() {}
                self.reap()?;
            }
            if command && self.exit.is_none() {
                self.obey(control)?;
            }
        }
        Ok(())
    }

    fn reap(&mut self) -> io::Result<()> {
        while let Wait::Changed(pid, change) = any_child(libc::WNOHANG | libc::WUNTRACED)? {
            match change {
                Change::Exited(code) => self.ended(pid, Exit::Code(code)),
                Change::Signaled(signal) => self.ended(pid, Exit::Signal(signal)),
                // With nothing left that could continue it, it would wait for ever.
                Change::Stopped(signal) if pid == self.pid && leftovers::is_alone(pid) => {
                    self.ended(pid, Exit::Stopped(signal));
                }
                Change::Stopped(_) => {}
            }
        }
        Ok(())
    }

    fn ended(&mut self, pid: Pid, exit: Exit) {
        if pid == self.pid && self.exit.is_none() {
            self.exit = Some(exit);
            self.wall = self.born.elapsed();
        }
    }

    fn obey(&mut self, control: &mut UnixStream) -> io::Result<()> {
        match channel::receive::<Command<Workload>>(control)? {
            None => exit_now(1),
            Some((Command::Terminate, _)) => {
                self.timed_out = true;
                everybody(Signal::SIGTERM)?;
                everybody(Signal::SIGCONT)
            }
            Some((Command::Kill, _)) => everybody(Signal::SIGKILL),
            Some((Command::Go { .. }, _)) => Err(io::Error::other("there is one workload to a sandbox")),
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

/// Gives what is left a moment, notes what is still there then, and kills it.
fn clear(signals: &SignalFd) -> io::Result<Vec<LeftProcess>> {
    let deadline = Instant::now() + LEFTOVER_GRACE;
    while anybody() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        // Interrupted or not, what counts is who is still there.
        let _ = poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], timeout);
        while signals.read_signal()?.is_some() {}
        while matches!(any_child(libc::WNOHANG)?, Wait::Changed(..)) {}
    }
    let mut left = Vec::new();
    if anybody() {
        left = leftovers::list();
        everybody(Signal::SIGKILL)?;
    }
    while any_child(0)? != Wait::NoChildren {}
    Ok(left)
}

/// Whether init is not alone in the sandbox.
fn anybody() -> bool {
    kill(Pid::from_raw(-1), None).is_ok()
}

/// The accounts of the dead. Without accounting for I/O the kernel fills in zeros, which would be no measurement.
fn children() -> io::Result<Children> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = Cpu { user: duration(usage.user_time()), system: duration(usage.system_time()) };
    let bytes = |blocks: i64| u64::try_from(blocks).unwrap_or_default().saturating_mul(BLOCK_BYTES);
    let io = Io { read: bytes(usage.block_reads()), write: bytes(usage.block_writes()) };
    Ok(Children { cpu, io: Path::new("/proc/self/io").exists().then_some(io) })
}

fn duration(time: TimeVal) -> Duration {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap_or_default())
}
