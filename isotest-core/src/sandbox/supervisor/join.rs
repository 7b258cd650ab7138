//! Enters a sandbox that is running: a copy of this process goes in, and starts a workload there. It is nobody's
//! child inside, so it is no part of what the attempt leaves behind; but the resources that it uses are counted with
//! the attempt.

use super::attempt::Attempt;
use super::prepared::Sandbox;
use crate::cgroup::Version;
use crate::host;
use crate::namespace::NAMESPACES;
use crate::plan::SandboxPlan;
use crate::sandbox::init::exec_in::{self, ExecIn};
use crate::snapshot;
use crate::step::{Step, StepError};
use crate::sys::clock::Instant;
use crate::sys::clone3::{Side, SingleThreaded, clone3};
use crate::sys::{pidfd, readable, wait_for};
use nix::errno::Errno;
use nix::sched::CloneFlags;
use procfs::process::Process;
use procfs::{ProcError, ProcResult};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Sandbox that is running.
#[derive(Debug)]
pub struct Running {
    /// Handle of a process of the sandbox's workload: init itself lets nobody look into it.
    process: OwnedFd,
    /// Namespaces of that process that are not the caller's.
    namespaces: CloneFlags,
    /// Files by which the cgroups of the sandbox are entered.
    cgroups: Vec<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
}

impl Running {
    /// Opens the sandbox in which `init`, an id as seen from here, is PID 1.
    ///
    /// # Errors
    /// `ESRCH` if init has ended; others, with the file, if it may not be looked into.
    pub fn open(init: i32) -> Result<Self, StepError> {
        let first =
            look(&format!("/proc/{init}/task/{init}/children"), || of_proc(snapshot::first_of(init)))?;
        let (pid, parent) = first.ok_or_else(|| ended(init))?;
        Self::look_into(pid, parent, init)
    }

    fn look_into(pid: i32, parent: i32, init: i32) -> Result<Self, StepError> {
        let file = |name: &str| format!("/proc/{pid}/{name}");
        let handle = look(&file(""), || pidfd::open(pid))?;
        let process = look(&file(""), || of_proc(Process::new(pid)))?;
        // The id may have been given to another process before it was opened.
        if look(&file("stat"), || of_proc(process.stat()))?.ppid != parent {
            return Err(ended(init));
        }
        let directory = look(&file("cwd"), || fs::read_link(file("cwd")))?;
        let environment = look(&file("environ"), || of_proc(process.environ()))?;
        Ok(Self {
            process: handle,
            namespaces: look(&file("ns"), || namespaces(pid))?,
            cgroups: look(&file("cgroup"), || cgroups(pid))?,
            environment: environment.into_iter().collect(),
            directory: if directory.to_string_lossy().ends_with(" (deleted)") {
                "/".into()
            } else {
                directory
            },
        })
    }

    /// Returns the environment that the sandbox's workload was started with.
    pub fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }

    /// Returns the current directory of the sandbox's workload.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns whether the sandbox's workload has ended meanwhile, and with it everything in the sandbox.
    pub fn has_ended(&self) -> bool {
        matches!(wait_for(&mut [readable(&self.process)], Some(Instant::now())), Ok(1..))
    }

    /// Executes a workload in the sandbox, to which somebody attends. The caller must have one thread. The attempt
    /// that is returned is measured only so far as a parent is told of its children; limits are those of the sandbox.
    pub fn enter(&self, plan: &SandboxPlan) -> Attempt {
        match self.send_guest(plan) {
            Ok(sandbox) => Attempt::start(sandbox, 0, plan),
            Err(error) => Attempt::without_sandbox(error),
        }
    }

    fn send_guest(&self, plan: &SandboxPlan) -> Result<Sandbox, StepError> {
        let proof = Step::Join.run(SingleThreaded::verify)?;
        let (control, theirs) = Step::Join.run(UnixStream::pair)?;
        let Self { process, namespaces, cgroups, .. } = self;
        let interactive = plan.interactive.unwrap_or_default();
        match Step::Join.run(|| clone3(&proof, 0))? {
            Side::Child => {
                drop(control);
                exec_in::run(
                    &ExecIn { proof, process, namespaces: *namespaces, cgroups, interactive },
                    theirs,
                )
            }
            Side::Parent(_) => Ok(Sandbox::of_guest(plan, control)),
        }
    }
}

/// Returns the error that says the sandbox is not there any more.
fn ended(init: i32) -> StepError {
    Step::Join.failed(Some(format!("process {init}")), &Errno::ESRCH.into())
}

/// Reads a fact on a process. An absent file becomes the error that the process is gone.
fn look<T>(what: &str, seen: impl FnOnce() -> io::Result<T>) -> Result<T, StepError> {
    Step::Join.on(what, || {
        seen().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Errno::ESRCH.into(),
            _ => error,
        })
    })
}

/// Converts an error of procfs into that of the system.
fn of_proc<T>(seen: ProcResult<T>) -> io::Result<T> {
    seen.map_err(|error| match error {
        ProcError::PermissionDenied(_) => Errno::EACCES.into(),
        ProcError::NotFound(_) => Errno::ESRCH.into(),
        ProcError::Io(error, _) => error,
        other => io::Error::other(other),
    })
}

fn namespaces(pid: i32) -> io::Result<CloneFlags> {
    let mut others = CloneFlags::empty();
    for namespace in &NAMESPACES {
        let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/{}", namespace.file));
        if of(&pid.to_string())? != of("self")? {
            others |= CloneFlags::from_bits_retain(namespace.flag);
        }
    }
    Ok(others)
}

/// Returns the files by which a process's cgroups are entered, without those of hierarchies in which this process is
/// in the same cgroup.
fn cgroups(pid: i32) -> io::Result<Vec<PathBuf>> {
    let (own, theirs) = (host::probe::cgroups_of(None)?, host::probe::cgroups_of(Some(pid))?);
    let others = theirs.into_iter().filter(|theirs| !own.iter().any(|own| own.own == theirs.own));
    Ok(others.map(|mount| mount.own.join(Version::from_mount(&mount).entrance())).collect())
}
