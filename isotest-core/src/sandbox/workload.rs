//! The workload's process from its birth inside the attempt's cgroup to execve. What happens here is measured, so
//! there is as little of it as possible.

use super::channel::Packed;
use super::init::Descriptors;
use super::step::{Step, StepError};
use super::terminal::Terminal;
use super::trace;
use crate::plan::Template;
use crate::policy::Capability;
use crate::sys::clone3::exit_now;
use crate::sys::{fd, signal};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{
    Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, execve, execvpe, read, setpgid, setsid, write,
};
use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Executes the workload, or says over `errors` why not.
pub(super) fn run(template: &Template, workload: &Packed, descriptors: &Descriptors, errors: &OwnedFd) -> ! {
    let Err(error) = execute(template, workload, descriptors);
    if let Ok(message) = postcard::to_stdvec(&error) {
        // Init takes an unreadable message for what it is: a failure that could not be told.
        let _ = write(errors, &message);
    }
    exit_now(127)
}

/// What [`run`] said, once the workload's process has ended. Its end of the pipe closes when it executes.
pub(super) fn error(errors: &OwnedFd) -> Option<StepError> {
    let mut message = [0; 8192];
    let length = read(errors, &mut message).ok().filter(|length| *length > 0)?;
    postcard::from_bytes(message.get(..length)?).ok()
}

fn execute(
    template: &Template,
    workload: &Packed,
    descriptors: &Descriptors,
) -> Result<Infallible, StepError> {
    for tasks in &descriptors.tasks {
        // A single-threaded process that moves itself is moved at once; a process id would wait for a grace period.
        Step::JoinCgroup.run(|| write(tasks, b"0"))?;
    }
    if !template.shared.contains(&Capability::Cgroup) {
        Step::UnshareCgroup.run(|| unshare(CloneFlags::CLONE_NEWCGROUP))?;
    }
    Step::NewSession.run(|| session(descriptors))?;
    Step::PlaceDescriptors.run(|| place(descriptors))?;
    Step::ResetSignals.run(|| -> io::Result<()> {
        // The zygote has reset all others.
        signal::reset(libc::SIGPIPE)?;
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
        Ok(())
    })?;
    let (directory, program) = (workload.directory(), workload.program());
    Step::ChangeDirectory.on(directory.to_string_lossy(), || chdir(directory))?;
    if let Some(follower) = &descriptors.follower {
        Step::TracePaths.run(|| trace::begin(follower))?;
    }
    Step::Exec.on(program.to_string_lossy(), || exec(workload))
}

/// A test has a session of its own. A command somebody attends to is a job in init's: the terminal's stop signals would
/// be lost on a session of its own, in which nobody could continue it.
fn session(descriptors: &Descriptors) -> io::Result<()> {
    if !descriptors.attended {
        setsid()?;
        return Ok(());
    }
    let own = Pid::from_raw(0);
    setpgid(own, own)?;
    descriptors.terminal.as_ref().map_or(Ok(()), Terminal::give_to_this_group)
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

fn exec(workload: &Packed) -> io::Result<Infallible> {
    let (program, arguments, environment) =
        (workload.program(), workload.arguments(), workload.environment());
    // A runner of cargo's configuration may be named without its directory.
    let is_bare_name = !program.to_bytes().contains(&b'/');
    let executed = if is_bare_name {
        execvpe(program, &arguments, &environment)
    } else {
        execve(program, &arguments, &environment)
    };
    Ok(executed?)
}
