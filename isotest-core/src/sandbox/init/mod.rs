//! PID 1 of one attempt: sets the sandbox up, starts the workload, sees what it leaves behind, and by exiting makes
//! the kernel end the rest.

mod before;
mod changes;
mod evidence;
pub(crate) mod exec_in;
mod keyring;
mod layers;
pub(crate) mod leftovers;
pub(crate) mod network_failures;
mod own_proc;
mod parent;
mod same_file;
mod sampler;
mod watch;

use crate::outcome::{Ending, Exit, LeftProcess, NetworkFailures};
use crate::plan::{Network, Template, Timeout};
use crate::policy::Capability;
use crate::sandbox::in_common::Common;
use crate::sandbox::protocol::channel::{self, Command, Packed, Report, Start};
use crate::sandbox::workload::descriptors::Descriptors;
use crate::sandbox::workload::trace::Trace;
use crate::sandbox::workload::{self, Ready, terminal};
use crate::sandbox::{mounts, network};
use crate::step::{Step, StepError};
use crate::sys::clock::Instant;
use crate::sys::clone3::{SingleThreaded, exit_now};
use crate::sys::mount::attr;
use crate::sys::wait::Used;
use crate::units::Bytes;
use crate::usage::{Children, Cpu, Io};
use before::Before;
use changes::Changes;
use layers::Views;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::{set_dumpable, set_name, set_pdeathsig};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::sys::time::TimeVal;
use nix::unistd::{Pid, dup2_stdin, pipe2, read, setsid, write};
use own_proc::OwnProc;
use parent::{Memory, Parent};
use sampler::{Files, Sampler};
use std::convert::Infallible;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use watch::Watch;

/// Unit of `ru_inblock` and `ru_oublock` in bytes.
const BLOCK_BYTES: u64 = 512;

/// Facts that init is told by the zygote it is a copy of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InitArgs<'zygote> {
    pub(crate) proof: &'zygote SingleThreaded,
    pub(crate) template: &'zygote Template,
    pub(crate) start: &'zygote Start,
    /// Directory for everything that the attempt writes.
    pub(crate) scratch: &'zygote Path,
    /// Number of packets without a route that earlier attempts tried to send in the network namespace.
    pub(crate) unreachable_before: u64,
    /// Namespaces that init enters itself.
    pub(crate) namespaces: CloneFlags,
    /// Namespaces that exist already and are entered instead of made.
    pub(crate) common: Option<&'zygote Common>,
    /// Pipe that is readable once the id maps are written.
    pub(crate) hold: &'zygote OwnedFd,
}

/// Executes init, from its first instruction to its last. Over `word` it tells the zygote when there are ids to be
/// mapped.
pub(crate) fn run(args: InitArgs<'_>, word: OwnedFd, descriptors: Vec<OwnedFd>) -> ! {
    let mut descriptors = Descriptors::new(descriptors, args.start);
    let Some(mut control) = descriptors.control.take().map(UnixStream::from) else { exit_now(1) };
    // Replaces the zygote's socket: while a copy of it is open, the zygote's end goes unnoticed.
    if dup2_stdin(&control).is_err() {
        exit_now(1);
    }
    let report = match attempt(args, word, descriptors, &mut control) {
        Ok(ending) => Report::Ended(Box::new(ending)),
        Err(error) => Report::Failed(error),
    };
    // A supervisor that waits for a report that was not sent hears of init's end.
    if channel::send(&mut control, &report, &[]).is_err() {
        exit_now(1);
    }
    // The tmpfs of this sandbox is charged to the attempt's cgroup until init is gone: it stays until the
    // supervisor has read the figures and closed its side.
    while let Ok(Some(_)) = channel::receive::<Command>(&mut control) {}
    exit_now(0)
}

fn attempt(
    args: InitArgs<'_>,
    word: OwnedFd,
    mut descriptors: Descriptors,
    control: &mut UnixStream,
) -> Result<Ending, StepError> {
    let InitArgs { template, start, scratch, hold, .. } = args;
    let settings = enter(args, word)?;
    Step::DieWithParent.run(|| die_with_parent(hold))?;
    let mut files = Files::held_in(scratch).ok().filter(|_| start.measured);
    let views = set_up(template, start, scratch, settings)?;
    if let Some(interactive) = start.interactive {
        let open = || terminal::open_for(interactive, &descriptors.stdio, control);
        descriptors.terminal = Step::OpenTerminal.run(open)?;
    }
    let signals = Step::CloneWorkload.run(watch::children)?;
    let Some((workload, timeout, leak_grace)) = Step::Supervise.run(|| workload_from(control))? else {
        exit_now(0)
    };
    // Not made ahead of time, as the kernel limits the number of keyrings of a user.
    Step::NewKeyring.run(keyring::leave)?;
    let traced = if template.trace_missing { Some(Step::TracePaths.run(UnixStream::pair)?) } else { None };
    let begins = traced.map(|(begins, follower)| {
        descriptors.follower = Some(follower);
        begins
    });
    let (errors, error_end) = Step::CloneWorkload.run(|| pipe2(nix::fcntl::OFlag::O_CLOEXEC))?;
    let (proc, counts_io) = (Step::CloneWorkload.run(OwnProc::open)?, counts_io());
    let before = Before::look(template, args.unreachable_before, &views, &mut files, &proc);
    let ready = Ready::new(&workload);
    let born = Instant::now();
    let cgroup = descriptors.cgroup.as_ref().map(AsFd::as_fd);
    let own_cgroup = !template.shared.contains(&Capability::Cgroup);
    let run = || workload::run(own_cgroup, &ready, &descriptors, &error_end);
    let (parent, pid) = Step::CloneWorkload.run(|| clone_workload(args, cgroup, run))?;
    // One descriptor stays open, so that a program that closes and reopens the terminal is not taken for one that has
    // ended.
    let terminal = descriptors.terminal.take();
    let sources = if start.measured { template.sampled.as_slice() } else { &[] };
    let sampler = Sampler::new(sources, descriptors.cgroup.as_ref(), files, parent.pid());
    drop((error_end, descriptors));
    // From here on this process clones no other, and may have a thread.
    let trace = begins.map(|begins| Step::TracePaths.run(|| Trace::follow(begins))).transpose()?;
    let mut watch = Watch::new((parent, pid), born, timeout, start.interactive.is_some(), proc);
    watch.sampler = sampler;
    Step::Supervise.run(|| watch.until_end(control, &signals))?;
    let left_running = Step::Supervise.run(|| watch.clear(leak_grace, control, &signals))?;
    drop(terminal);
    if let Some(error) = workload::error(&errors) {
        return Err(error);
    }
    let left = Left { running: left_running, views: &views, before, trace, counts_io };
    account(args, watch, left, control)
}

/// State that a workload leaves when it has ended.
struct Left<'attempt> {
    running: Vec<LeftProcess>,
    views: &'attempt Views,
    before: Before,
    trace: Option<Trace>,
    counts_io: bool,
}

/// Makes the report on a workload that has ended, and hands its evidence over.
fn account(
    args: InitArgs<'_>,
    watch: Watch,
    left: Left<'_>,
    control: &mut UnixStream,
) -> Result<Ending, StepError> {
    let InitArgs { template, .. } = args;
    let Left { running: left_running, views, before, trace, counts_io } = left;
    let exit = watch.exit.unwrap_or(Exit::Code(0));
    let passed = exit == Exit::Code(0) && !watch.timed_out && left_running.is_empty();
    let Changes { changed, evidence, evidence_left_out } =
        changes::list(views, &template.private, passed, &before.written);
    let evidence_left_out =
        evidence_left_out + evidence::hand_over(&evidence, views, &template.private, control)?;
    let counted = Counted { unmeasured: &template.unmeasured, counts_io, sampler: watch.sampler.as_ref() };
    let children = Step::Supervise.run(|| children(counted, watch.parents))?;
    let missing_paths = trace.map(|trace| trace.paths()).unwrap_or_default();
    let Watch { born, wall, timed_out, proc, .. } = watch;
    let network = failures_in_network(args, exit, &before, &proc);
    Ok(Ending {
        exit,
        born,
        wall,
        timed_out,
        left_running,
        changed,
        evidence_left_out,
        missing_paths,
        network,
        children,
    })
}

/// Returns the failures in a network of the attempt's own, if the workload did not pass.
fn failures_in_network(args: InitArgs<'_>, exit: Exit, before: &Before, proc: &OwnProc) -> NetworkFailures {
    if exit == Exit::Code(0) || args.template.network == Network::Host {
        return NetworkFailures::default();
    }
    network_failures::since(before.network, network_failures::read(proc))
}

/// Starts the workload's process. One that is traced gets a copy of the memory: its execve waits for an answer, and
/// init, which gives it, must not wait for that execve.
fn clone_workload(
    InitArgs { proof, template, .. }: InitArgs<'_>,
    cgroup: Option<BorrowedFd<'_>>,
    run: impl FnOnce() -> Infallible,
) -> io::Result<(Parent, Pid)> {
    let memory = if template.trace_missing { Memory::Copied } else { Memory::Shared };
    Parent::start(proof, memory, cgroup, run)
}

/// Enters the attempt's namespaces and session, and returns the directory of the network's settings if any are to be
/// written. Its `/proc` is mounted before, within the zygote's namespaces: mounts from another user namespace are
/// locked by the kernel, with all that covers them, so that no process of the attempt takes them off or changes them.
fn enter(
    InitArgs { template, namespaces, common, .. }: InitArgs<'_>,
    word: OwnedFd,
) -> Result<Option<File>, StepError> {
    let has_settings = common.is_none()
        && matches!(template.network, Network::Own | Network::Down)
        && !template.net_settings.is_empty();
    let settings = has_settings.then(|| Step::CopyNetSettings.run(|| File::open(network::SETTINGS)));
    let settings = settings.transpose()?;
    // Reads the process id that the zygote's `/proc` shows.
    let number = Step::MountProc.run(|| fs::read_link("/proc/self"))?;
    let is_read_only = Step::MountProc.run(|| -> io::Result<bool> {
        let (proc, is_read_only) = mounts::proc()?;
        mounts::attach(&proc, Path::new("/proc"))?;
        Ok(is_read_only)
    })?;
    if !is_read_only && !template.private.guarded_proc.is_empty() {
        guard_proc(template)?;
    }
    let new = match common {
        None => namespaces,
        Some(common) => {
            common.enter()?;
            CloneFlags::CLONE_NEWNS
        }
    };
    Step::UnshareInit.run(|| unshare(new))?;
    Step::NewSession.run(setsid)?;
    Step::UnshareInit.run(|| match write(word, number.as_os_str().as_bytes()) {
        // The zygote has failed meanwhile, and reports why.
        Err(Errno::EPIPE) => exit_now(1),
        written => written,
    })?;
    Ok(settings)
}

/// Makes parts of `/proc` read-only, without the settings of a network that is the attempt's own.
fn guard_proc(template: &Template) -> Result<(), StepError> {
    let part = |path: &Path| match mounts::detached_copy(path, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        copied => copied.map(Some),
    };
    let settings = Path::new(network::SETTINGS);
    let own = if template.network == Network::Host {
        None
    } else {
        Step::GuardProc.on(settings.display(), || part(settings))?
    };
    for name in &template.private.guarded_proc {
        let path = Path::new("/proc").join(name);
        Step::GuardProc.on(path.display(), || {
            let Some(part) = part(&path)? else { return Ok(()) };
            mounts::restrict(&part, attr::RDONLY, false)?;
            mounts::attach(&part, &path)
        })?;
    }
    let attach = |own: OwnedFd| Step::GuardProc.on(settings.display(), || mounts::attach(&own, settings));
    own.map_or(Ok(()), attach)
}

/// Waits for the zygote to write the id maps. A zygote that died before the request for its death signal took
/// effect has closed the pipe instead.
fn die_with_parent(hold: &OwnedFd) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    if read(hold, &mut [0])? == 0 {
        exit_now(1)
    }
    // A process that is not dumpable cannot be inspected, not even by a workload with all capabilities. Its id maps
    // cannot be written either, so that this comes after them.
    set_dumpable(false)?;
    Ok(set_name(c"isotest-init")?)
}

/// Sets the sandbox up, step by step.
fn set_up(
    template: &Template,
    start: &Start,
    scratch: &Path,
    settings: Option<File>,
) -> Result<Views, StepError> {
    let views = layers::mount(&template.private, scratch, start.cgroup.as_deref())?;
    if let Some(settings) = settings {
        let directory = format!("/proc/self/fd/{}", settings.as_raw_fd());
        network::write_settings(&template.net_settings, Path::new(&directory))?;
    }
    if template.network == Network::Own && !template.common {
        Step::RaiseLoopback.run(|| network::raise_loopback(&template.net_addresses))?;
    }
    Step::MountDevpts.run(|| {
        let options = [(c"ptmxmode", Some(c"0666")), (c"mode", Some(c"0620"))];
        let devpts = mounts::new_file_system(c"devpts", &options, attr::NOSUID | attr::NOEXEC)?;
        mounts::attach(&devpts, Path::new("/dev/pts"))
    })?;
    Ok(views)
}

/// Waits for the workload; returns `None` if the sandbox is not needed.
fn workload_from(control: &mut UnixStream) -> io::Result<Option<(Packed, Option<Timeout>, Duration)>> {
    match channel::receive::<Command>(control)? {
        None => Ok(None),
        Some((Command::Go(workload, timeout, leak_grace), _)) => Ok(Some((workload, timeout, leak_grace))),
        Some((Command::Kill | Command::Signal { .. } | Command::GoOn, _)) => {
            Err(io::Error::other("there is no workload yet"))
        }
    }
}

/// Selection of the figures on dead processes that are wanted and kept.
#[derive(Debug, Clone, Copy)]
struct Counted<'attempt> {
    unmeasured: &'attempt [Capability],
    /// Whether the kernel counts I/O. Where it does not, it fills in zeros, which would be no measurement.
    counts_io: bool,
    sampler: Option<&'attempt Sampler>,
}

fn counts_io() -> bool {
    Path::new("/proc/self/io").exists()
}

/// Returns the figures on all dead processes but the workload's parent.
fn children(Counted { unmeasured, counts_io, sampler }: Counted<'_>, parents: Used) -> io::Result<Children> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = Cpu {
        user: duration(usage.user_time()).saturating_sub(parents.user),
        system: duration(usage.system_time()).saturating_sub(parents.system),
    };
    let faults = u64::try_from(usage.minor_page_faults() + usage.major_page_faults()).unwrap_or_default();
    let bytes = |blocks: i64| u64::try_from(blocks).unwrap_or_default().saturating_mul(BLOCK_BYTES);
    let bytes = |blocks| Bytes::new(bytes(blocks));
    let io = Io { read: bytes(usage.block_reads()), write: bytes(usage.block_writes()) };
    let is_wanted = |capability| !unmeasured.contains(&capability);
    Ok(Children {
        cpu: is_wanted(Capability::Cpu).then_some(cpu),
        io: (counts_io && is_wanted(Capability::Io)).then_some(io),
        memory: sampler.and_then(|sampler| sampler.memory(&usage)),
        pids: sampler.and_then(Sampler::pids),
        disk: sampler.and_then(Sampler::disk),
        disk_peak: sampler.and_then(Sampler::disk_peak),
        faults: faults.saturating_sub(parents.faults),
    })
}

fn duration(time: TimeVal) -> Duration {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap_or_default())
}
