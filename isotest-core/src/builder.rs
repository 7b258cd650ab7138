//! Sandbox for commands of one's own, with a sensible default for each choice.
//!
//! ```no_run
//! use isotest_core::{Bytes, Sandbox, SandboxError, stage};
//! use std::time::Duration;
//!
//! fn main() -> Result<(), SandboxError> {
//!     stage::enter();
//!     let sandbox = Sandbox::new().copy_on_write(".").memory_limit(Bytes::mib(64)).timeout(Duration::from_secs(10));
//!     let record = sandbox.command("ls").arg("-la").run()?;
//!     print!("{}", String::from_utf8_lossy(&record.stdout.head));
//!     println!("{:?}", record.outcome);
//!     if let Some(peak) = record.usage.memory_peak {
//!         println!("memory peak: {}, from {}", peak.value, peak.source);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Where more is to be chosen, the parts can be used by themselves: [`plan::resolve()`], [`Cgroups`], [`Slot`].

use crate::cgroup::{Cgroups, Established};
use crate::closure::{ElfError, Files};
use crate::host::{self, Host, cow_sources};
use crate::limits::{Control, Limits};
use crate::plan::{
    self, Minimal, Network, Request, Root, SandboxPlan, Template, Timeout, Tree, Views, Workload,
};
use crate::policy::{Capability, Isolation, Policy};
use crate::record::Record;
use crate::role;
use crate::sandbox::{Cancel, Slot};
use crate::step::StepError;
use crate::units::{Bytes, MilliCpu};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fmt, fs, io};
use thiserror::Error;

/// Number of bytes of each stream's beginning and of its end that a record keeps.
const OUTPUT_BYTES: usize = 1 << 20;

/// Reason why a sandbox could not be made, or a command not be executed in it.
#[derive(Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Program whose `main` does not begin with [`stage::enter`](crate::stage::enter). It starts itself again as a part of each
    /// sandbox, which without that call would be the whole program once more.
    #[error(
        "this program cannot make sandboxes yet: write `isotest_core::stage::enter();` as the first line of `main`"
    )]
    NotEntered,
    /// Path of the caller that is not there or cannot be looked at.
    #[error("`{}` cannot be shown in the sandbox: {source}", path.display())]
    Path {
        /// Path as it was given.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// Program whose libraries cannot be found.
    #[error("the libraries of `{}` cannot be found: {source}", program.display())]
    Closure {
        /// Path of the program.
        program: PathBuf,
        /// Reason why the file cannot be read as a program.
        source: ElfError,
    },
    /// Capability that is required and that this host does not have.
    #[error("this host has no `{capability}`: {reason}")]
    Missing {
        /// Capability that is missing.
        capability: Capability,
        /// Reason in the terms of the host.
        reason: String,
    },
    /// Limit that this host cannot enforce.
    #[error("this host enforces no limit of `{}`: {reason}", control.as_str())]
    Limit {
        /// Controller of the limit.
        control: Control,
        /// Reason in the terms of the host.
        reason: String,
    },
    /// Step of making the sandbox that failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Call of the system that failed before there was a sandbox.
    #[error("the host cannot be looked at: {0}")]
    System(#[from] io::Error),
    /// Directories for cgroups that could not be removed.
    #[error("{0}")]
    Cgroups(String),
}

impl fmt::Debug for SandboxError {
    /// Formats the error as it is displayed, since `main` shows errors that it returns like this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Root to be shown, by the path that the caller knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Shown {
    #[default]
    Host,
    Minimal(PathBuf),
    Tree(PathBuf),
}

impl Shown {
    fn read(&self) -> Result<Root, SandboxError> {
        match self {
            Self::Host => Ok(Root::Host),
            Self::Minimal(program) => minimal(program).map(Root::Minimal),
            Self::Tree(directory) => {
                let path = real(directory)?;
                let entries = host::probe::tree(&path);
                let entries = entries.map_err(|source| SandboxError::Path { path: path.clone(), source })?;
                Ok(Root::Tree(Tree { path, entries, copy_on_write: true }))
            }
        }
    }
}

/// Sandbox for commands: what they see of the host, and what they may use.
///
/// By default a command sees the host's files read-only, has `/tmp` to itself, a network in which there is nothing but
/// the loopback interface, and neither limits nor an end to its time. What it used is measured as far as the host can.
#[derive(Debug, Clone, Default)]
#[must_use = "a sandbox does nothing by itself: call `command`"]
pub struct Sandbox {
    root: Shown,
    copy_on_write: Vec<PathBuf>,
    read_only: Vec<PathBuf>,
    kept: Vec<PathBuf>,
    network: Option<Network>,
    limits: Limits,
    controls: Vec<Control>,
    timeout: Option<Timeout>,
}

impl Sandbox {
    /// Makes the default sandbox.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows a directory of the host whose writes succeed and are thrown away with the sandbox.
    pub fn copy_on_write(mut self, directory: impl Into<PathBuf>) -> Self {
        self.copy_on_write.push(directory.into());
        self
    }

    /// Shows a path of the host read-only, even where something private would cover it, as in `/tmp`.
    pub fn read_only(mut self, path: impl Into<PathBuf>) -> Self {
        self.read_only.push(path.into());
        self
    }

    /// Shows a path of the host whose writes go through to it.
    pub fn kept(mut self, path: impl Into<PathBuf>) -> Self {
        self.kept.push(path.into());
        self
    }

    /// Shows nothing of the host but this program, at its absolute path, with the libraries that it needs.
    pub fn minimal_root(self, program: impl Into<PathBuf>) -> Self {
        Self { root: Shown::Minimal(program.into()), ..self }
    }

    /// Shows the root file system in a directory, such as an unpacked container image, in place of the host's. Writes
    /// to it are thrown away.
    pub fn root(self, directory: impl Into<PathBuf>) -> Self {
        Self { root: Shown::Tree(directory.into()), ..self }
    }

    /// Gives commands another network than a [loopback interface](Network::Loopback).
    pub fn network(self, network: Network) -> Self {
        Self { network: Some(network), ..self }
    }

    /// Limits memory; the kernel kills what needs more. No swap is used then.
    pub fn memory_limit(mut self, limit: Bytes) -> Self {
        self.limits.memory = Some(limit);
        self
    }

    /// Limits processes and threads at once.
    pub fn pids_limit(mut self, limit: u64) -> Self {
        self.limits.pids = Some(limit);
        self
    }

    /// Limits processor time.
    pub fn cpu_limit(mut self, limit: MilliCpu) -> Self {
        self.limits.cpu = Some(limit);
        self
    }

    /// Ends a command after this time: first by SIGTERM, and [a little later](Timeout::GRACE) by SIGKILL.
    pub fn timeout(self, after: Duration) -> Self {
        Self { timeout: Some(Timeout::new(after)), ..self }
    }

    /// Takes further controllers into use, for limits that are [planned](SandboxPlan::limits) by the caller.
    pub fn controls(mut self, controls: &[Control]) -> Self {
        self.controls.extend(controls);
        self
    }

    /// Makes a command that is executed in this sandbox: an absolute path, or a name that is looked for in `PATH`.
    pub fn command(&self, program: impl Into<PathBuf>) -> Command {
        Command {
            sandbox: self.clone(),
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            directory: None,
            inherit_output: false,
        }
    }

    /// Prepares the host for sandboxes like this one, of which `jobs` may be in use at once.
    ///
    /// # Errors
    /// Reason why there can be no such sandbox here. The host is then as it was.
    pub fn prepare(&self, jobs: usize) -> Result<Prepared, SandboxError> {
        if !role::is_entered() {
            return Err(SandboxError::NotEntered);
        }
        let host = host::probe::host()?;
        let (root, views) = (self.root.read()?, self.views()?);
        let metrics: Vec<_> = Capability::ALL.into_iter().filter(|metric| metric.is_metric()).collect();
        let Established { mut cgroups, missing } = Cgroups::establish(&host, &metrics);
        let controls = [self.limits.controls(), self.controls.clone()].concat();
        let refused = cgroups.control(&controls, &host).into_iter().next();
        let refused = refused.map(|(control, reason)| SandboxError::Limit { control, reason });
        let cgroup_views = cgroups.views();
        let request = Request {
            policy: &Policy::default(),
            root: &root,
            views: &views,
            network: self.network.unwrap_or(Network::Loopback),
            trace_missing: false,
            jobs,
            cgroups: cgroups.figures(&cgroup_views, &missing),
        };
        let cow_sources = cow_sources::read(&views.copy_on_write, &host);
        let resolved = plan::resolve(&request, &Host { cow_sources, ..host });
        let unmet = resolved.unmet.into_iter().next();
        let unmet = unmet.map(|(capability, reason)| SandboxError::Missing { capability, reason });
        if let Some(error) = refused.or(unmet) {
            // The reason for the way back is the one to be told.
            let _ = cgroups.close();
            return Err(error);
        }
        Ok(Prepared { cgroups, template: Arc::new(resolved.template), isolation: resolved.isolation })
    }

    fn views(&self) -> Result<Views, SandboxError> {
        let all = |paths: &[PathBuf]| paths.iter().map(|path| real(path)).collect::<Result<_, _>>();
        Ok(Views {
            copy_on_write: all(&self.copy_on_write)?,
            read_only: all(&self.read_only)?,
            kept: all(&self.kept)?,
            ..Views::default()
        })
    }
}

/// Host that is prepared for sandboxes of one kind. Without [`close`](Self::close) its cgroup directories stay until the next run
/// of whatever program removes them.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) cgroups: Cgroups,
    template: Arc<Template>,
    isolation: Isolation,
}

impl Prepared {
    /// Returns what is in force, and what of it could not be had.
    pub fn isolation(&self) -> &Isolation {
        &self.isolation
    }

    /// Starts a slot, in which one command after another has a sandbox of its own. It belongs to the calling thread.
    ///
    /// # Errors
    /// Step that failed.
    pub fn slot(&self) -> Result<Slot<'_>, StepError> {
        Slot::start(&self.template, &self.cgroups)
    }

    /// Leaves the host as it was, when the slots are gone.
    ///
    /// # Errors
    /// First directory that could not be removed.
    pub fn close(self) -> Result<(), SandboxError> {
        self.cgroups.close().map_err(SandboxError::Cgroups)
    }
}

/// Command to be executed in a sandbox. It has the environment and the working directory of this process, unless told
/// otherwise, and no standard input.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing by itself: call `run`"]
pub struct Command {
    sandbox: Sandbox,
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    inherit_output: bool,
}

impl Command {
    /// Adds an argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Sets the working directory, an absolute path as seen inside. By default it is that of this process, which must be
    /// visible in the sandbox.
    pub fn current_dir(self, directory: impl Into<PathBuf>) -> Self {
        Self { directory: Some(directory.into()), ..self }
    }

    /// Has the command use the standard input, output and error of this process, of which the record then keeps
    /// nothing.
    pub fn inherit_output(self) -> Self {
        Self { inherit_output: true, ..self }
    }

    /// Returns the plan of an attempt at the command, for a [slot](Prepared::slot).
    ///
    /// # Errors
    /// When this process has no working directory and no other was given.
    pub fn plan(&self) -> io::Result<SandboxPlan> {
        let directory = self.directory.clone().map_or_else(env::current_dir, Ok)?;
        let is_own = |name: &OsStr| self.variables.iter().any(|(own, _)| own == name);
        let inherited = env::vars_os().filter(|(name, _)| !is_own(name));
        Ok(SandboxPlan {
            workload: Workload {
                program: self.program.clone(),
                arguments: self.arguments.clone(),
                environment: inherited.chain(self.variables.iter().cloned()).collect(),
                directory,
            },
            timeout: self.sandbox.timeout,
            limits: self.sandbox.limits.clone(),
            measured: true,
            inherit_stdio: self.inherit_output,
            interactive: None,
            leak_grace: SandboxPlan::LEAK_GRACE,
            output_bytes: OUTPUT_BYTES,
        })
    }

    /// Executes the command in a sandbox of its own, waits for its end, and leaves the host as it was.
    ///
    /// # Errors
    /// Reason why there is no such sandbox. How the command itself ended is in the record; one that could not be started has the
    /// outcome [`NotIsolated`](crate::outcome::Outcome::NotIsolated).
    pub fn run(&self) -> Result<Record, SandboxError> {
        let plan = self.plan()?;
        let prepared = self.sandbox.prepare(1)?;
        let record = execute(&prepared, &plan);
        match (record, prepared.close()) {
            (Ok(mut record), Err(left)) => {
                record.remarks.push(left.to_string());
                Ok(record)
            }
            (record, _) => record,
        }
    }
}

fn execute(prepared: &Prepared, plan: &SandboxPlan) -> Result<Record, SandboxError> {
    let cancel = Cancel::new()?;
    let mut slot = prepared.slot()?;
    let mut attempt = slot.launch_last(plan);
    slot.wait(&mut attempt, &cancel);
    Ok(attempt.finish())
}

fn real(path: &Path) -> Result<PathBuf, SandboxError> {
    fs::canonicalize(path).map_err(|source| SandboxError::Path { path: path.to_owned(), source })
}

fn minimal(program: &Path) -> Result<Minimal, SandboxError> {
    let closure = Files::of_host().closure(program, env::var_os("LD_LIBRARY_PATH").as_deref());
    let closure = closure.map_err(|source| SandboxError::Closure { program: program.to_owned(), source })?;
    let files = closure.objects.iter().map(|object| (object.real.clone(), object.path.clone()));
    let configuration = closure.configuration.iter().map(|path| (path.clone(), path.clone()));
    Ok(Minimal { files: files.chain(configuration).collect(), directories: Vec::new() })
}
