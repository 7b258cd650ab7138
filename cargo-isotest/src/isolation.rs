//! The sandboxes of a run: what the host allows, what was asked for, and what follows for every attempt.

use crate::build::Directories;
use crate::caller::Caller;
use crate::cli;
use crate::error::Error;
use crate::links;
use crate::settings::{SandboxSettings, Settings};
use crate::update;
use isotest_core::cgroup::{Cgroups, Established};
use isotest_core::host::{self, Host};
use isotest_core::plan::{self, Limits, Link, Network, Request, Template, Views};
use isotest_core::policy::{Capability, Isolation, Level};
use std::fs;
use std::path::{Path, PathBuf};

/// Everything attempts have in common.
#[derive(Debug)]
pub(crate) struct Sandboxes {
    /// What every zygote prepares.
    pub(crate) template: Template,
    /// The run's cgroups.
    pub(crate) cgroups: Cgroups,
    /// What is in force.
    pub(crate) isolation: Isolation,
    /// The limits of every attempt.
    pub(crate) limits: Limits,
}

impl Sandboxes {
    /// Reads the host, makes the run's cgroups and decides; `refused` are the directories of which the kernel makes no
    /// copy-on-write views, and what it said.
    pub(crate) fn prepare(
        settings: &Settings,
        directories: &Directories,
        caller: &Caller,
        refused: &[(PathBuf, String)],
    ) -> Result<Self, Error> {
        let mut host = host::probe::host().map_err(Error::Host)?;
        let sandbox = &settings.sandbox;
        let views = views(sandbox, directories, caller);
        host.originals = host::originals::read(&views.copy_on_write, &host);
        host.originals.refused = refused.to_vec();
        let wanted = Capability::ALL
            .into_iter()
            .filter(|capability| capability.is_metric() && sandbox.policy.level(*capability) != Level::Off);
        let Established { mut cgroups, missing } = Cgroups::establish(&host, &wanted.collect::<Vec<_>>());
        let unlimited = unlimited(&mut cgroups, &sandbox.limits, &host);
        let cgroup_views = cgroups.views();
        let request = Request {
            policy: &sandbox.policy,
            views: &views,
            network: network(sandbox.network),
            jobs: settings.execution.jobs.get(),
            cgroups: cgroups.figures(&cgroup_views, &missing),
        };
        let resolved = plan::resolve(&request, &host);
        if !resolved.unmet.is_empty() {
            close(cgroups);
            return Err(Error::CannotIsolate(resolved.unmet));
        }
        if !unlimited.is_empty() {
            close(cgroups);
            return Err(Error::CannotLimit(unlimited));
        }
        let mut isolation = resolved.isolation;
        isolation.remarks.extend(update::remark(caller, &sandbox.keeps));
        Ok(Self { template: resolved.template, cgroups, isolation, limits: sandbox.limits.clone() })
    }

    /// Leaves the host as it was. Every slot must be gone.
    pub(crate) fn close(self) {
        close(self.cgroups);
    }
}

/// What is to be limited and cannot be, and why.
fn unlimited(cgroups: &mut Cgroups, limits: &Limits, host: &Host) -> Vec<(String, String)> {
    let unmet = cgroups.prepare_limits(limits, host).into_iter();
    let of_cgroups = unmet.map(|(control, reason)| (control.controller(true).to_owned(), reason));
    of_cgroups.chain(host::bounds::unmet(&limits.process)).collect()
}

/// What cannot be removed now is removed by the next run in the same place.
fn close(cgroups: Cgroups) {
    let _ = cgroups.close();
}

const fn network(typed: cli::Network) -> Network {
    match typed {
        cli::Network::Loopback => Network::Loopback,
        cli::Network::Own => Network::Own,
        cli::Network::Host => Network::Host,
        cli::Network::None => Network::Down,
    }
}

/// The directories tests write to under `cargo test`, and what else the environment names. Those that do not exist
/// cannot be written to, here or there.
fn views(sandbox: &SandboxSettings, directories: &Directories, caller: &Caller) -> Views {
    let variable = |name| caller.variable(name).map(Path::new).filter(|path| path.is_absolute());
    let homes = ["HOME", "CARGO_HOME", "RUSTUP_HOME"].into_iter().filter_map(variable);
    let project = [&directories.workspace, &directories.target, &directories.build];
    let project = project.into_iter().chain(&directories.packages).map(PathBuf::as_path);
    let binds = sandbox.binds.iter().filter(|bind| !bind.writable).map(|bind| bind.path.as_path());
    let writable = sandbox.binds.iter().filter(|bind| bind.writable).map(|bind| bind.path.as_path());
    let keeps = sandbox.keeps.iter().map(PathBuf::as_path);
    let copied: Vec<_> = project.chain(homes).collect();
    let named = copied.iter().copied().chain(binds.clone()).chain(writable.clone()).chain(keeps.clone());
    Views {
        links: links(named),
        copy_on_write: real(copied.into_iter()),
        temporary: real(variable("TMPDIR").into_iter()),
        runtime: real(variable("XDG_RUNTIME_DIR").into_iter()).pop(),
        missing_home: variable("HOME").filter(|home| !home.exists()).map(Path::to_path_buf),
        read_only: real(binds),
        kept: real(writable.chain(keeps)),
    }
}

fn links<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for link in paths.flat_map(links::on_the_way_to) {
        if !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

fn real<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<PathBuf> {
    let mut real: Vec<PathBuf> = Vec::new();
    for path in paths.filter_map(|path| fs::canonicalize(path).ok()) {
        if !real.contains(&path) {
            real.push(path);
        }
    }
    real
}
