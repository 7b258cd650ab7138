//! The run's own cgroup directories: found by trying, prepared, and removed with everything as it was.

use super::leaf::Leaf;
use super::{Hierarchy, sweep};
use crate::host::{CgroupMount, Host};
use crate::plan::{Figures, Limits, View, explain};
use crate::policy::Capability;
use crate::usage::Source;
use nix::unistd::{SysconfVar, sysconf};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the supervisor itself moves, since a version 2 cgroup that hands controllers on may hold no processes.
const SUPERVISOR: &str = "supervisor";

/// The cgroup directories of a run.
#[derive(Debug, Default)]
pub struct Cgroups {
    hierarchies: Vec<Hierarchy>,
    /// What [`Cgroups::close`] has to undo in the version 2 hierarchy.
    moved: Option<Moved>,
    next: AtomicU64,
    /// What stands for peaks of which this kernel keeps no account.
    sampled: Vec<Source>,
}

/// The supervisor left `base`, and these controllers were enabled there for its children.
#[derive(Debug)]
struct Moved {
    base: PathBuf,
    enabled: Vec<&'static str>,
}

/// The cgroups of a run, and why a metric cannot be had.
#[derive(Debug)]
pub struct Established {
    /// The directories; empty where none could be made.
    pub cgroups: Cgroups,
    /// The metrics that are wanted and not served.
    pub missing: Vec<(Capability, String)>,
}

impl Cgroups {
    /// Makes the run's directories for the metrics in `wanted`, and removes what dead runs have left beside them.
    pub fn establish(host: &Host, wanted: &[Capability]) -> Established {
        let mut cgroups = Self::default();
        let mut missing = Vec::new();
        let unified = host.cgroups.iter().find(|mount| mount.unified);
        if let Some(Err(reason)) = unified.map(|mount| cgroups.add_unified(mount, wanted)) {
            missing.push((Capability::Pressure, reason));
        }
        for (capability, controller) in CONTROLLERS {
            if wanted.contains(&capability) && !cgroups.serves(capability) {
                let mount = host.cgroups.iter().find(|mount| {
                    let counts = capability != Capability::Io || mount.counts_io;
                    counts && mount.controllers.iter().any(|carried| carried == controller)
                });
                let added = mount.map(|mount| cgroups.add_v1(mount, capability, host.ids.uid));
                match added {
                    Some(Ok(())) => {}
                    Some(Err(reason)) => missing.push((capability, reason)),
                    None => {
                        let reason = cgroups.why_not_unified(unified, controller, &missing);
                        missing.push((capability, reason));
                    }
                }
            }
        }
        if wanted.contains(&Capability::Pressure)
            && !cgroups.serves(Capability::Pressure)
            && missing.is_empty()
        {
            missing.push((Capability::Pressure, "the kernel keeps no pressure figures here".into()));
        }
        missing.retain(|(capability, _)| {
            // Init accounts for its children.
            let accounted = match capability {
                Capability::Cpu => true,
                Capability::Io => host.accounts_for_io,
                _ => false,
            };
            !accounted && wanted.contains(capability) && !cgroups.serves(*capability)
        });
        Established { cgroups, missing }
    }

    /// Whether a metric is measured.
    pub fn serves(&self, capability: Capability) -> bool {
        self.hierarchies.iter().any(|hierarchy| hierarchy.serves.contains(&capability))
    }

    /// What [`crate::plan::resolve`] must know; `views` are those of [`Cgroups::views`].
    pub fn figures<'a>(&'a self, views: &'a [View], missing: &'a [(Capability, String)]) -> Figures<'a> {
        Figures { layout: self.layout(), views, missing, sampled: &self.sampled }
    }

    /// `v1`, `v2` or `hybrid`; `None` without any.
    pub fn layout(&self) -> Option<&'static str> {
        let unified = self.hierarchies.iter().any(|hierarchy| hierarchy.unified);
        let v1 = self.hierarchies.iter().any(|hierarchy| !hierarchy.unified);
        match (v1, unified) {
            (true, true) => Some("hybrid"),
            (true, false) => Some("v1"),
            (false, true) => Some("v2"),
            (false, false) => None,
        }
    }

    /// The run's directories, and where tests look for them.
    pub fn views(&self) -> Vec<View> {
        let view = |hierarchy: &Hierarchy| View {
            stash: hierarchy.run.clone(),
            path: hierarchy.mount_point.clone(),
        };
        self.hierarchies.iter().map(view).collect()
    }

    /// Where a person would make an attempt's cgroups.
    pub fn places(&self) -> Vec<explain::Hierarchy> {
        let moved = self.moved.as_ref();
        let place = |hierarchy: &Hierarchy| explain::Hierarchy {
            base: hierarchy.run.parent().unwrap_or(&hierarchy.run).to_path_buf(),
            unified: hierarchy.unified,
            serves: hierarchy.serves.clone(),
            enabled: moved.filter(|_| hierarchy.unified).map_or_else(Vec::new, |moved| moved.enabled.clone()),
        };
        self.hierarchies.iter().map(place).collect()
    }

    /// Makes a cgroup for one attempt; `None` where no hierarchy could be had.
    ///
    /// # Errors
    /// When a directory cannot be made or a limit is refused.
    pub fn create_leaf(&self, limits: Limits) -> io::Result<Option<Leaf>> {
        if self.hierarchies.is_empty() {
            return Ok(None);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        Leaf::create(&self.hierarchies, &id, limits).map(Some)
    }

    /// Leaves the host's cgroups as they were. Call it when every zygote is gone.
    ///
    /// # Errors
    /// The first thing that could not be undone.
    pub fn close(self) -> io::Result<()> {
        let mut result = Ok(());
        let unified = self.hierarchies.iter().find(|hierarchy| hierarchy.unified);
        if let (Some(moved), Some(hierarchy)) = (&self.moved, unified) {
            result = result.and(moved.undo(&hierarchy.run));
        }
        for hierarchy in &self.hierarchies {
            result = result.and(sweep::remove_tree(&hierarchy.run));
        }
        result
    }

    fn add_unified(&mut self, mount: &CgroupMount, wanted: &[Capability]) -> Result<(), String> {
        let base = &mount.own;
        // Processes are born in the leaves, which the kernel allows to those who may move processes within `base`.
        OpenOptions::new()
            .write(true)
            .open(base.join("cgroup.procs"))
            .map_err(|error| refused("write", &base.join("cgroup.procs"), &error))?;
        let run = make_run(base).map_err(|error| refused("create a cgroup in", base, &error))?;
        let controllers: Vec<_> = fs::read_to_string(base.join("cgroup.controllers"))
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|name| UNIFIED.into_iter().find(|(_, controller)| *controller == name))
            .filter(|(capability, _)| wanted.contains(capability))
            .collect();
        let mut serves = vec![Capability::Cpu];
        if run.join("memory.pressure").exists() {
            serves.push(Capability::Pressure);
        }
        serves.retain(|capability| wanted.contains(capability));
        if !controllers.is_empty() {
            let moved = move_supervisor(base, &run)?;
            let moved = self.moved.insert(moved);
            for (capability, controller) in controllers {
                if moved.enable(controller, &run) {
                    serves.push(capability);
                    self.sampled.extend(instead_of_peak(capability, &run));
                }
            }
        }
        let mount_point = mount.mount_point.clone();
        let handle = opened(&run)?;
        let processors = processors();
        self.hierarchies.push(Hierarchy { unified: true, run, handle, mount_point, serves, processors });
        Ok(())
    }

    fn add_v1(&mut self, mount: &CgroupMount, capability: Capability, uid: u32) -> Result<(), String> {
        let shared = self.hierarchies.iter_mut().find(|hierarchy| hierarchy.mount_point == mount.mount_point);
        if let Some(shared) = shared {
            shared.serves.push(capability);
            return Ok(());
        }
        let run = bases(&mount.own, uid).into_iter().find_map(|base| make_run(&base).ok());
        let run = run.map_or_else(|| make_run(&mount.own), Ok);
        let run = run.map_err(|error| refused("create a cgroup in", &mount.own, &error))?;
        let mount_point = mount.mount_point.clone();
        let (handle, serves, processors) = (opened(&run)?, vec![capability], processors());
        self.hierarchies.push(Hierarchy { unified: false, run, handle, mount_point, serves, processors });
        Ok(())
    }

    /// Why a controller without a version 1 hierarchy is not served by version 2.
    fn why_not_unified(
        &self,
        mount: Option<&CgroupMount>,
        controller: &str,
        missing: &[(Capability, String)],
    ) -> String {
        let Some(mount) = mount else { return "no cgroup file system is mounted here".into() };
        if let Some((_, reason)) = missing.iter().find(|(capability, _)| *capability == Capability::Pressure)
        {
            return reason.clone();
        }
        if self.moved.is_some() {
            let base = mount.own.display();
            return format!(
                "the `{controller}` controller could not be enabled in `{base}`, or other processes are in it"
            );
        }
        format!("the `{controller}` controller is not delegated to `{}`", mount.own.display())
    }
}

/// What each metric needs in version 1.
const CONTROLLERS: [(Capability, &str); 4] = [
    (Capability::Memory, "memory"),
    (Capability::Pids, "pids"),
    (Capability::Io, "blkio"),
    (Capability::Cpu, "cpuacct"),
];

/// What needs a controller in version 2.
const UNIFIED: [(Capability, &str); 3] =
    [(Capability::Memory, "memory"), (Capability::Pids, "pids"), (Capability::Io, "io")];

impl Moved {
    /// Enables a controller for the run's leaves, one write each, since one refusal would refuse all.
    fn enable(&mut self, controller: &'static str, run: &Path) -> bool {
        let own = fs::read_to_string(self.base.join("cgroup.subtree_control")).unwrap_or_default();
        if !own.split_whitespace().any(|enabled| enabled == controller) {
            if fs::write(self.base.join("cgroup.subtree_control"), format!("+{controller}")).is_err() {
                return false;
            }
            self.enabled.push(controller);
        }
        fs::write(run.join("cgroup.subtree_control"), format!("+{controller}")).is_ok()
    }

    /// Moves the supervisor back. A controller that another run has come to need stays enabled.
    fn undo(&self, run: &Path) -> io::Result<()> {
        let enabled = fs::read_to_string(run.join("cgroup.subtree_control")).unwrap_or_default();
        for controller in enabled.split_whitespace() {
            let _ = fs::write(run.join("cgroup.subtree_control"), format!("-{controller}"));
        }
        for controller in &self.enabled {
            let _ = fs::write(self.base.join("cgroup.subtree_control"), format!("-{controller}"));
        }
        fs::write(self.base.join("cgroup.procs"), "0")
    }
}

/// What stands for a peak that the kernel does not keep in a directory beside those of the attempts.
fn instead_of_peak(capability: Capability, run: &Path) -> Option<Source> {
    let (peak, current) = match capability {
        Capability::Memory => (Source::MemoryPeak, Source::MemoryCurrent),
        Capability::Pids => (Source::PidsPeak, Source::PidsCurrent),
        _ => return None,
    };
    (!run.join(peak.as_str()).exists()).then_some(current)
}

fn move_supervisor(base: &Path, run: &Path) -> Result<Moved, String> {
    let leaf = run.join(SUPERVISOR);
    let moved = fs::create_dir(&leaf).and_then(|()| fs::write(leaf.join("cgroup.procs"), "0"));
    moved.map_err(|error| refused("move this process to", &leaf, &error))?;
    Ok(Moved { base: base.to_path_buf(), enabled: Vec::new() })
}

/// The own cgroup, and those directly below it that somebody has given to this user.
fn bases(own: &Path, uid: u32) -> Vec<PathBuf> {
    let mut bases = vec![own.to_path_buf()];
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        if uid != 0 && entry.metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == uid) {
            bases.push(entry.path());
        }
    }
    bases
}

fn make_run(base: &Path) -> io::Result<PathBuf> {
    sweep::sweep(base);
    let run = base.join(sweep::name_of_run()?);
    fs::create_dir(&run)?;
    Ok(run)
}

fn opened(run: &Path) -> Result<Arc<File>, String> {
    File::open(run).map(Arc::new).map_err(|error| refused("open", run, &error))
}

/// Those that may be online at some time; where nobody knows, more than there are.
fn processors() -> u64 {
    let number = sysconf(SysconfVar::_NPROCESSORS_CONF).ok().flatten();
    number.and_then(|number| u64::try_from(number).ok()).unwrap_or(1024)
}

fn refused(what: &str, path: &Path, error: &io::Error) -> String {
    format!("could not {what} `{}`: {error}", path.display())
}
