//! The sandboxes of a run: what the host allows, what was asked for, and what follows for every attempt.

use crate::build::Build;
use crate::caller::Caller;
use crate::cli;
use crate::error::Error;
use crate::links;
use crate::root::{self, Image, Rooted};
use crate::settings::{BindAccess, SandboxSettings, Settings};
use crate::testcase::TestBinary;
use crate::update;
use isotest_core::cgroup::{Cgroups, Established};
use isotest_core::host;
use isotest_core::plan::{self, Limits, Link, Network, Request, Resolved, Template, Views};
use isotest_core::policy::{Capability, Isolation, Level};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, iter};

/// Everything attempts have in common.
#[derive(Debug)]
pub(crate) struct Sandboxes {
    /// What zygotes prepare: the same for all binaries, or for each its own.
    pub(crate) templates: Vec<Template>,
    /// What the image says that the root was made from.
    pub(crate) image: Image,
    binaries: Vec<Arc<TestBinary>>,
    /// The run's cgroups.
    pub(crate) cgroups: Cgroups,
    /// What is in force.
    pub(crate) isolation: Isolation,
    /// The limits of every attempt.
    pub(crate) limits: Limits,
}

impl Sandboxes {
    /// Reads the host, makes the run's cgroups and decides.
    pub(crate) fn prepare(settings: &Settings, build: &Build, caller: &Caller) -> Result<Self, Error> {
        let sandbox = &settings.sandbox;
        let roots = root::of(sandbox, build, caller)?;
        let Some((first, others)) = roots.split_first() else {
            return Err(Error::NoTests { filtered: 0, ignored: 0 });
        };
        let host = host::probe::host().map_err(Error::Host)?;
        let wanted = Capability::ALL
            .into_iter()
            .filter(|capability| capability.is_metric() && sandbox.policy.level(*capability) != Level::Off);
        let Established { cgroups, missing } = Cgroups::establish(&host, &wanted.collect::<Vec<_>>());
        let cgroup_views = cgroups.views();
        let resolve = |rooted: &Rooted| {
            let request = Request {
                policy: &sandbox.policy,
                root: &rooted.root,
                views: &views(sandbox, rooted, caller),
                network: network(sandbox.network),
                jobs: settings.execution.jobs.get(),
                cgroups: cgroups.figures(&cgroup_views, &missing),
            };
            plan::resolve(&request, &host)
        };
        let Resolved { template, mut isolation, unmet } = resolve(first);
        // They differ in files only.
        let others = others.iter().map(|rooted| resolve(rooted).template);
        let templates = iter::once(template).chain(others).collect();
        if !unmet.is_empty() {
            close(cgroups);
            return Err(Error::CannotIsolate(unmet));
        }
        isolation.remarks.extend(update::remark(caller, &sandbox.keeps));
        isolation.remarks.extend(first.remarks.iter().cloned());
        let limits = Limits { memory: sandbox.memory_limit, pids: sandbox.pids_limit };
        let (image, binaries) = (first.image.clone(), build.binaries.clone());
        Ok(Self { templates, image, binaries, cgroups, isolation, limits })
    }

    /// Which of the templates attempts at a binary's tests have.
    pub(crate) fn template_for(&self, binary: &Arc<TestBinary>) -> usize {
        if self.templates.len() == 1 {
            return 0;
        }
        self.binaries.iter().position(|other| Arc::ptr_eq(other, binary)).unwrap_or_default()
    }

    /// Leaves the host as it was. Every slot must be gone.
    pub(crate) fn close(self) {
        close(self.cgroups);
    }
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
fn views(sandbox: &SandboxSettings, rooted: &Rooted, caller: &Caller) -> Views {
    let variable = |name| caller.variable(name).map(Path::new).filter(|path| path.is_absolute());
    let bound = |access| {
        let binds = sandbox.binds.iter().filter(move |bind| bind.access == access);
        binds.map(|bind| bind.path.as_path())
    };
    let (binds, writable) = (bound(BindAccess::ReadOnly), bound(BindAccess::ReadWrite));
    let keeps = sandbox.keeps.iter().map(PathBuf::as_path);
    let copied = rooted.directories.iter().map(PathBuf::as_path);
    let copied: Vec<_> = copied.chain(bound(BindAccess::CopyOnWrite)).collect();
    let named = copied.iter().copied().chain(binds.clone()).chain(writable.clone()).chain(keeps.clone());
    Views {
        links: links(named),
        copy_on_write: real(copied.into_iter()),
        temporary: real(variable("TMPDIR").into_iter()),
        runtime: real(variable("XDG_RUNTIME_DIR").into_iter()).pop(),
        missing_home: rooted.missing_home.clone(),
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
