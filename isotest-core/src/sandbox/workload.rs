//! The workload's process from its birth inside the attempt's cgroup to execve. What happens here is measured, so
//! there is as little of it as possible.

use super::init::Descriptors;
use super::step::{Step, StepError};
use crate::plan::{Template, Workload};
use crate::policy::Capability;
use crate::sys::clone3::exit_now;
use crate::sys::{fd, signal};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_dumpable;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{chdir, dup2_stderr, dup2_stdin, dup2_stdout, execve, execvpe, read, setsid, write};
use std::convert::Infallible;
use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

/// Executes the workload, or says over `errors` why not.
pub(super) fn run(
    template: &Template,
    workload: &Workload,
    descriptors: &Descriptors,
    errors: &OwnedFd,
) -> ! {
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
    workload: &Workload,
    descriptors: &Descriptors,
) -> Result<Infallible, StepError> {
    for tasks in &descriptors.tasks {
        // A single-threaded process that moves itself is moved at once; a process id would wait for a grace period.
        Step::JoinCgroup.run(|| write(tasks, b"0"))?;
    }
    if !template.shared.contains(&Capability::Cgroup) {
        Step::UnshareCgroup.run(|| unshare(CloneFlags::CLONE_NEWCGROUP))?;
    }
    Step::NewSession.run(setsid)?;
    Step::PlaceDescriptors.run(|| place(&descriptors.stdio))?;
    Step::ResetSignals.run(|| -> io::Result<()> {
        // The zygote has reset all others.
        signal::reset(libc::SIGPIPE)?;
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
        set_dumpable(true)?;
        Ok(())
    })?;
    Step::ChangeDirectory.on(workload.directory.display(), || chdir(&workload.directory))?;
    Step::Exec.on(workload.program.display(), || exec(workload))
}

fn place(stdio: &[OwnedFd]) -> io::Result<()> {
    if let [input, output, error] = stdio {
        dup2_stdin(input)?;
        dup2_stdout(output)?;
        dup2_stderr(error)?;
    }
    fd::close_on_exec_from(3)
}

fn exec(workload: &Workload) -> io::Result<Infallible> {
    let program = c_string(workload.program.as_os_str().as_bytes())?;
    let mut arguments = vec![program.clone()];
    for argument in &workload.arguments {
        arguments.push(c_string(argument.as_bytes())?);
    }
    let mut environment = Vec::with_capacity(workload.environment.len());
    for (name, value) in &workload.environment {
        environment.push(c_string(&[name.as_bytes(), b"=", value.as_bytes()].concat())?);
    }
    // A runner of cargo's configuration may be named without its directory.
    if workload.program.components().count() == 1 {
        return Ok(execvpe(&program, &arguments, &environment)?);
    }
    Ok(execve(&program, &arguments, &environment)?)
}

fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}
