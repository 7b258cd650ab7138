//! Directories of the run in the cgroup hierarchies: found by trying, prepared, and removed with everything as it
//! was.

use super::attempt_cgroup::AttemptCgroup;
use super::cell::{Cell, Site, inherit};
use super::failure::{refused, unless};
use super::v2::Moved;
use super::version::Version;
use super::{Hierarchy, Place, processors, sweep, v1, v2};
use crate::host::{CgroupMount, Host};
use crate::limits::Limits;
use crate::niceness;
use crate::plan::{CgroupFacts, View};
use crate::policy::Capability;
use crate::usage::Source;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cgroup directories of a run.
#[derive(Debug, Default)]
pub struct Cgroups {
    pub(super) hierarchies: Vec<Hierarchy>,
    /// Changes in the version 2 hierarchy that [`Cgroups::close`] has to undo.
    pub(super) moved: Option<Moved>,
    /// Numbers of the block devices, where their traffic is limited.
    pub(super) devices: Vec<String>,
    next: AtomicU64,
    /// Version 1 hierarchies of which nothing is needed, by their mount points, if root inside could write to them.
    idle: Vec<(PathBuf, Site)>,
    /// Whether the run is root's, so that what runs inside may write to the hierarchies of version 1.
    is_of_root: bool,
    next_cell: AtomicU64,
    /// Controllers that are there and were refused, and what the kernel said.
    refused: Vec<(&'static str, String)>,
    /// Sources that stand for peaks of which this kernel keeps no account.
    sampled: Vec<Source>,
}

/// Cgroups of a run, and why a metric cannot be had.
#[derive(Debug)]
pub struct Established {
    /// Directories of the run; empty where none could be made.
    pub cgroups: Cgroups,
    /// Metrics that are wanted and not served, and why.
    pub missing: Vec<(Capability, String)>,
}

impl Cgroups {
    /// Makes the run's directories for the metrics in `wanted`, and removes what dead runs have left in the same hierarchies.
    pub fn establish(host: &Host, wanted: &[Capability]) -> Established {
        let mut cgroups = Self::default();
        let mut missing = Vec::new();
        let unified = host.cgroups.iter().find(|mount| mount.unified);
        if let Some(Err(reason)) = unified.map(|mount| cgroups.add_unified(mount, wanted, host.ids.uid)) {
            missing.push((Capability::Pressure, reason));
        }
        for (capability, controller) in v1::CONTROLLERS {
            if wanted.contains(&capability) && !cgroups.serves(capability) {
                let carries = |mount: &&CgroupMount| mount.controllers.iter().any(|one| one == controller);
                let mount = host.cgroups.iter().find(carries);
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
            let why = match unified {
                Some(_) => "the kernel keeps no pressure figures here",
                None => "cgroup version 2, which alone counts it, is not mounted here",
            };
            missing.push((Capability::Pressure, why.into()));
        }
        // Processor time has another source: getrusage(2) in init.
        missing.retain(|(capability, _)| *capability != Capability::Cpu);
        if !host.accounts_for_io {
            missing.push((Capability::Io, "the kernel does not account for the I/O of processes".into()));
        }
        missing.retain(|(capability, _)| wanted.contains(capability) && !cgroups.serves(*capability));
        if host.ids.uid == 0 {
            cgroups.add_idle(host);
        }
        Established { cgroups, missing }
    }

    /// Returns whether a metric is measured in one of the hierarchies.
    pub fn serves(&self, capability: Capability) -> bool {
        self.hierarchies.iter().any(|hierarchy| hierarchy.serves.contains(&capability))
    }

    /// Returns the facts that [`crate::plan::resolve`] must know; `views` are those of [`Cgroups::views`].
    pub fn figures<'a>(&'a self, views: &'a [View], missing: &'a [(Capability, String)]) -> CgroupFacts<'a> {
        CgroupFacts { layout: self.layout(), views, missing, sampled: &self.sampled }
    }

    /// Returns the layout of the hierarchies, `v1`, `v2` or `hybrid`; `None` without any.
    pub fn layout(&self) -> Option<&'static str> {
        let has = |version| self.hierarchies.iter().any(|hierarchy| hierarchy.version == version);
        match (has(Version::V1), has(Version::V2)) {
            (true, true) => Some("hybrid"),
            (true, false) => Some("v1"),
            (false, true) => Some("v2"),
            (false, false) => None,
        }
    }

    /// Returns the run's directories, and where tests look for them.
    pub fn views(&self) -> Vec<View> {
        let view =
            |hierarchy: &Hierarchy| View { from: hierarchy.run.clone(), path: hierarchy.mount_point.clone() };
        self.hierarchies.iter().map(view).collect()
    }

    /// Returns the run's directories, those of which nothing is needed included.
    pub(super) fn run_directories(&self) -> impl Iterator<Item = (&Path, Version)> {
        let needed = self.hierarchies.iter().map(|hierarchy| (hierarchy.run.as_path(), hierarchy.version));
        needed.chain(self.idle.iter().map(|(_, site)| (site.run.as_path(), site.version)))
    }

    /// Returns the hierarchies in which a person would make an attempt's cgroups.
    pub fn places(&self) -> Vec<Place> {
        let moved = self.moved.as_ref();
        let place = |hierarchy: &Hierarchy| Place {
            base: hierarchy.run.parent().unwrap_or(&hierarchy.run).to_path_buf(),
            version: hierarchy.version,
            serves: hierarchy.serves.clone(),
            controls: hierarchy.controls.clone(),
            devices: self.devices.clone(),
            enabled: moved
                .filter(|_| hierarchy.version == Version::V2)
                .map_or_else(Vec::new, |moved| moved.enabled.clone()),
        };
        self.hierarchies.iter().map(place).collect()
    }

    /// Returns the directories in which a person would make cgroups for what is to leave the caller's.
    pub fn idle_places(&self) -> Vec<PathBuf> {
        self.idle.iter().filter_map(|(_, site)| site.run.parent()).map(Path::to_path_buf).collect()
    }

    /// Makes a cgroup for one attempt; `None` where no hierarchy could be had.
    ///
    /// # Errors
    /// When a directory cannot be made or a limit is refused.
    pub fn create_attempt(&self, limits: &Limits) -> io::Result<Option<AttemptCgroup>> {
        if self.hierarchies.is_empty() {
            return Ok(None);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        AttemptCgroup::create(&self.hierarchies, &id, limits, &self.devices).map(Some)
    }

    /// Returns the greatest number of descriptors that an attempt's cgroup has open.
    pub(crate) const fn descriptors_of_attempt(&self) -> usize {
        self.hierarchies.len() * AttemptCgroup::DESCRIPTORS
    }

    /// Returns the greatest number of descriptors that a zygote's cell has open.
    pub(crate) const fn descriptors_of_cell(&self) -> usize {
        if self.is_of_root { Cell::descriptors(self.idle.len() + self.hierarchies.len()) } else { 0 }
    }

    /// Returns the greatest number of descriptors that are handed to whoever enters all cgroups.
    pub(crate) const fn entrances(&self) -> usize {
        self.idle.len() + self.hierarchies.len()
    }

    /// Makes a cell for one zygote; `None` where there is nothing to be kept from what it starts.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub(crate) fn make_cell(&self) -> io::Result<Option<Cell>> {
        if !self.is_of_root || (self.idle.is_empty() && self.hierarchies.is_empty()) {
            return Ok(None);
        }
        let idle: Vec<_> = self.idle.iter().map(|(_, site)| site.clone()).collect();
        let site = |hierarchy: &Hierarchy| Site {
            run: hierarchy.run.clone(),
            handle: Arc::clone(&hierarchy.handle),
            version: hierarchy.version,
        };
        let measured = self.hierarchies.iter().map(site).collect();
        let name = format!("cell-{}", self.next_cell.fetch_add(1, Ordering::Relaxed));
        Cell::make(name, &idle, measured).map(Some)
    }

    /// Leaves the host's cgroups as they were. Call it when every zygote is gone.
    ///
    /// # Errors
    /// Message about the first thing that could not be undone; the others are undone.
    pub fn close(self) -> Result<(), String> {
        let mut result = Ok(());
        let unified = self.hierarchies.iter().find(|hierarchy| hierarchy.version == Version::V2);
        if let (Some(moved), Some(hierarchy)) = (&self.moved, unified) {
            result = result.and(moved.undo(&hierarchy.run));
        }
        let idle = self.idle.iter().map(|(_, site)| &site.run);
        for run in self.hierarchies.iter().map(|hierarchy| &hierarchy.run).chain(idle) {
            let removed = unless(io::ErrorKind::NotFound, sweep::remove_tree_soon(run));
            result = result.and(removed.map_err(|error| refused("remove", run, &error)));
        }
        result
    }

    fn add_unified(&mut self, mount: &CgroupMount, wanted: &[Capability], uid: u32) -> Result<(), String> {
        let base = &v2::base(mount, wanted, (uid, Path::new("/run/systemd/system").is_dir()));
        // Processes are born in the cgroups of attempts, which the kernel allows to those who may move processes within `base`.
        OpenOptions::new()
            .write(true)
            .open(base.join("cgroup.procs"))
            .map_err(|error| refused("write", &base.join("cgroup.procs"), &error))?;
        let (run, handle) = sweep::make_run(base, &mount.mount_point)
            .map_err(|error| refused("create a cgroup in", base, &error))?;
        weigh(&run);
        let controllers = v2::controllers(base, wanted);
        let mut serves = vec![Capability::Cpu];
        if run.join("memory.pressure").exists() {
            serves.push(Capability::Pressure);
        }
        serves.retain(|capability| wanted.contains(capability));
        if !controllers.is_empty() {
            let moved = v2::move_supervisor(&mount.own, base, &run).inspect_err(|_| {
                // The first error is returned; a directory that cannot be removed now is removed by the next run.
                let _ = sweep::remove_tree(&run);
            })?;
            let moved = self.moved.insert(moved);
            for (capability, controller) in controllers {
                match moved.enable(controller, &run) {
                    Ok(()) => {
                        serves.push(capability);
                        self.sampled.extend(v2::instead_of_peak(capability, &run));
                    }
                    Err(reason) => self.refused.push((controller, reason)),
                }
            }
        }
        let mount_point = mount.mount_point.clone();
        self.hierarchies.push(Hierarchy::new(Version::V2, run, handle, mount_point, serves));
        Ok(())
    }

    fn add_v1(&mut self, mount: &CgroupMount, capability: Capability, uid: u32) -> Result<(), String> {
        self.v1(mount, uid)?.serve(capability);
        Ok(())
    }

    /// Makes the run's directory in every version 1 hierarchy that has none. A hierarchy in which none can be made is
    /// not writable to root inside either.
    fn add_idle(&mut self, host: &Host) {
        self.is_of_root = true;
        for mount in host.cgroups.iter().filter(|mount| !mount.unified) {
            let is_known = |point: &Path| point == mount.mount_point;
            if self.hierarchies.iter().any(|hierarchy| is_known(&hierarchy.mount_point)) {
                continue;
            }
            if let Ok((run, handle)) = sweep::make_run(&mount.own, &mount.mount_point) {
                // A cpuset without processors and memory nodes refuses processes; the error is reported when one
                // enters.
                let _ = inherit(&mount.own, &run);
                weigh(&run);
                self.idle.push((mount.mount_point.clone(), Site { run, handle, version: Version::V1 }));
            }
        }
    }

    /// Returns the hierarchy of a version 1 mount, with a directory of the run in it, which is made if there is none.
    pub(super) fn v1(&mut self, mount: &CgroupMount, uid: u32) -> Result<&mut Hierarchy, String> {
        let known = self.hierarchies.iter().position(|hierarchy| hierarchy.mount_point == mount.mount_point);
        if let Some(known) = known {
            return Ok(&mut self.hierarchies[known]);
        }
        let mount_point = mount.mount_point.clone();
        if let Some(idle) = self.idle.iter().position(|(point, _)| *point == mount_point) {
            let (_, Site { run, handle, .. }) = self.idle.remove(idle);
            self.hierarchies.push(Hierarchy::new(Version::V1, run, handle, mount_point, Vec::new()));
            return Ok(self.hierarchies.last_mut().ok_or("no hierarchy")?);
        }
        let run_in = |base: &Path| sweep::make_run(base, &mount.mount_point);
        let handed_over = || v1::handed_over(&mount.own, uid).find_map(|base| run_in(&base).ok());
        let made = run_in(&mount.own).or_else(|error| handed_over().ok_or(error));
        let (run, handle) = made.map_err(|error| refused("create a cgroup in", &mount.own, &error))?;
        weigh(&run);
        self.hierarchies.push(Hierarchy::new(Version::V1, run, handle, mount_point, Vec::new()));
        Ok(self.hierarchies.last_mut().ok_or("no hierarchy")?)
    }

    /// Explains why a controller without a version 1 hierarchy is not served by version 2.
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
        if let Some((_, reason)) = self.refused.iter().find(|(refused, _)| *refused == controller) {
            return reason.clone();
        }
        format!("the `{controller}` controller is not delegated to `{}`", mount.own.display())
    }
}

/// Sets the weight of the run's cgroup by the niceness of the caller: where processors are shared among cgroups, it
/// would have as many as one process beside it, for all its tests, and however nice its caller is. In version 2
/// weights are for others to choose, and no run's is more than that.
pub(super) fn weigh(run: &Path) {
    const MOST: u64 = 1 << 18;
    let nice = niceness::of_caller();
    let (shares, weight) = (run.join("cpu.shares"), run.join("cpu.weight.nice"));
    // If the weight cannot be set, the run is slower on a busy machine, and nothing else.
    if shares.exists() {
        let _ = fs::write(shares, (niceness::weight(nice) * processors()).min(MOST).to_string());
    } else if nice > 0 && weight.exists() {
        let _ = fs::write(weight, nice.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    /// Makes a directory so deep that the kernel takes the path of the run's directory in it, and not that of the
    /// supervisor's below that, which would have more than 4095 bytes.
    fn deep(directory: &Path) -> io::Result<PathBuf> {
        const RUN_BYTES: usize = 4086;
        let wanted = RUN_BYTES - sweep::name_of_run()?.len() - "/".len();
        let mut deep = directory.to_path_buf();
        while wanted - deep.as_os_str().len() > 200 {
            deep.push("d".repeat(100));
        }
        deep.push("d".repeat(wanted - deep.as_os_str().len() - "/".len()));
        fs::create_dir_all(&deep)?;
        Ok(deep)
    }

    #[test]
    fn a_supervisor_that_cannot_move_leaves_no_directory() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let (shallow, deep) = (directory.path().join("s"), deep(directory.path())?);
        fs::create_dir(&shallow)?;
        let add = |own: &Path| -> io::Result<_> {
            fs::write(own.join("cgroup.procs"), "")?;
            fs::write(own.join("cgroup.controllers"), "pids")?;
            let mut cgroups = Cgroups::default();
            let mount_point = own.to_path_buf();
            let own = own.to_path_buf();
            let mount = CgroupMount { mount_point, own, unified: true, controllers: Vec::new() };
            let added = cgroups.add_unified(&mount, &[Capability::Pids], 0);
            Ok((added, fs::read_dir(&mount.own)?.count()))
        };
        let (added, left) = add(&deep)?;
        assert!(added.is_err_and(|why| why.contains("could not move this process")));
        assert_eq!(left, 2, "the two files");
        let (added, left) = add(&shallow)?;
        assert_eq!((added, left), (Ok(()), 4), "control: with the run's directory and what it enables");
        Ok(())
    }
}
