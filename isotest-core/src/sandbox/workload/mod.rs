//! Executes the workload's process, from its birth inside the attempt's cgroup to execve. These steps are measured
//! with the workload, so there are as few of them as possible.

pub(crate) mod descriptors;
pub(crate) mod terminal;
pub(crate) mod trace;

use crate::host::bounds::resource;
use crate::limits::ProcessLimits;
use crate::sandbox::protocol::channel::Packed;
use crate::step::{Step, StepError};
use crate::sys::clone3::exit_now;
use crate::sys::exec::{Strings, exec};
use crate::sys::{fd, signal};
use descriptors::Descriptors;
use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::sys::resource::setrlimit;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, read, write};
use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Workload for whose execve all memory is allocated. Its process shares init's memory until then: a page it needed
/// there would be charged to init's cgroup, but counted among the faults of the workload.
#[derive(Debug)]
pub(crate) struct Ready<'packed> {
    packed: &'packed Packed,
    arguments: Strings<'packed>,
    environment: Strings<'packed>,
}

impl<'packed> Ready<'packed> {
    pub(crate) fn new(packed: &'packed Packed) -> Self {
        let (arguments, environment) = (packed.arguments().collect(), packed.environment().collect());
        Self { packed, arguments, environment }
    }
}

/// Executes the workload, with `own_cgroup` in a new cgroup namespace, or writes the error to `errors`.
pub(crate) fn run(own_cgroup: bool, workload: &Ready<'_>, descriptors: &Descriptors, errors: &OwnedFd) -> ! {
    let Err(error) = execute(own_cgroup, workload, descriptors);
    if let Ok(message) = postcard::to_stdvec(&error) {
        // If writing fails, init reads no message, and reports that the failure is unknown.
        let _ = write(errors, &message);
    }
    exit_now(127)
}

/// Reads the error that [`run`] wrote, once the workload's process has ended. Its end of the pipe closes at execve.
pub(crate) fn error(errors: &OwnedFd) -> Option<StepError> {
    let mut message = [0; 8192];
    let length = read(errors, &mut message).ok().filter(|length| *length > 0)?;
    postcard::from_bytes(message.get(..length)?).ok()
}

fn execute(
    own_cgroup: bool,
    workload: &Ready<'_>,
    descriptors: &Descriptors,
) -> Result<Infallible, StepError> {
    for tasks in &descriptors.tasks {
        // A single-threaded process that moves itself is moved at once; a process id would wait for a grace period.
        Step::JoinCgroup.run(|| write(tasks, b"0"))?;
    }
    if own_cgroup {
        Step::UnshareCgroup.run(|| unshare(CloneFlags::CLONE_NEWCGROUP))?;
    }
    if let Some(terminal) = &descriptors.terminal {
        Step::TakeTerminal.run(|| terminal.give_to_this_group())?;
    }
    Step::PlaceDescriptors.run(|| place(descriptors))?;
    Step::ResetSignals.run(|| -> io::Result<()> {
        // The zygote has reset all others.
        signal::reset(libc::SIGPIPE)?;
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
        Ok(())
    })?;
    let Ready { packed, arguments, environment } = workload;
    let (directory, program) = (packed.directory(), packed.program());
    Step::ChangeDirectory.on(directory.to_string_lossy(), || chdir(directory))?;
    if let Some(follower) = &descriptors.follower {
        Step::TracePaths.run(|| trace::begin(follower))?;
    }
    if packed.limits.any() {
        Step::LimitProcess.run(|| limit(&packed.limits))?;
    }
    Step::Exec.on(program.to_string_lossy(), || Err(exec(program, arguments, environment)))
}

/// Limits this process. It is the last step before execve, so that no limit is in the way of the others.
fn limit(limits: &ProcessLimits) -> io::Result<()> {
    if !limits.cpus.is_empty() {
        let mut set = CpuSet::new();
        limits.cpus.iter().try_for_each(|number| set.set(*number))?;
        sched_setaffinity(Pid::from_raw(0), &set)?;
    }
    for (limit, soft, hard) in &limits.rlimits {
        setrlimit(resource(*limit), *soft, *hard)?;
    }
    Ok(())
}

fn place(descriptors: &Descriptors) -> io::Result<()> {
    let terminal = descriptors.terminal.as_ref();
    let placed = descriptors.stdio.iter().enumerate().map(|(number, own)| {
        terminal.and_then(|terminal| terminal.instead_of(number)).unwrap_or_else(|| own.as_fd())
    });
    if let [input, output, error] = placed.collect::<Vec<_>>().as_slice() {
        dup2_stdin(input)?;
        dup2_stdout(output)?;
        dup2_stderr(error)?;
    }
    fd::close_on_exec_from(3)
}
