//! The run's own cgroup directories: found by trying, prepared, and removed with everything as it was.

use super::cell::{Cell, Site, inherit};
use super::leaf::Leaf;
use super::{Hierarchy, Place, processors, sweep};
use crate::host::{CgroupMount, Host};
use crate::limits::Limits;
use crate::metric::Metric;
use crate::plan::{Figures, View};
use crate::policy::Capability;
use crate::usage::Source;
use std::fs::{self, OpenOptions};
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
    pub(super) hierarchies: Vec<Hierarchy>,
    /// What [`Cgroups::close`] has to undo in the version 2 hierarchy.
    pub(super) moved: Option<Moved>,
    /// The numbers of the block devices, where their traffic is limited.
    pub(super) devices: Vec<String>,
    next: AtomicU64,
    /// The version 1 hierarchies of which nothing is needed, by their mount points, if root inside could write to them.
    idle: Vec<(PathBuf, Site)>,
    /// Whether what runs inside may write to them.
    is_of_root: bool,
    next_cell: AtomicU64,
    /// The controllers that are there and were refused, and what the kernel said.
    refused: Vec<(&'static str, String)>,
    /// What stands for peaks of which this kernel keeps no account.
    sampled: Vec<Source>,
}

/// The supervisor left its cgroup, and these controllers were enabled in `base` for its children.
#[derive(Debug)]
pub(super) struct Moved {
    /// Where it was.
    home: PathBuf,
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
    /// Makes the run's directories for the metrics in `wanted`, and removes what dead runs have left in the same hierarchies.
    pub fn establish(host: &Host, wanted: &[Capability]) -> Established {
        let mut cgroups = Self::default();
        let mut missing = Vec::new();
        let unified = host.cgroups.iter().find(|mount| mount.unified);
        if let Some(Err(reason)) = unified.map(|mount| cgroups.add_unified(mount, wanted, host.ids.uid)) {
            missing.push((Capability::Pressure, reason));
        }
        for (capability, controller) in CONTROLLERS {
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
        // Init accounts for its children.
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
    pub fn places(&self) -> Vec<Place> {
        let moved = self.moved.as_ref();
        let place = |hierarchy: &Hierarchy| Place {
            base: hierarchy.run.parent().unwrap_or(&hierarchy.run).to_path_buf(),
            unified: hierarchy.unified,
            serves: hierarchy.serves.clone(),
            controls: hierarchy.controls.clone(),
            devices: self.devices.clone(),
            enabled: moved.filter(|_| hierarchy.unified).map_or_else(Vec::new, |moved| moved.enabled.clone()),
        };
        self.hierarchies.iter().map(place).collect()
    }

    /// Where a person would make cgroups for what is to leave the caller's.
    pub fn idle_places(&self) -> Vec<PathBuf> {
        self.idle.iter().filter_map(|(_, site)| site.run.parent()).map(Path::to_path_buf).collect()
    }

    /// Makes a cgroup for one attempt; `None` where no hierarchy could be had.
    ///
    /// # Errors
    /// When a directory cannot be made or a limit is refused.
    pub fn create_leaf(&self, limits: &Limits) -> io::Result<Option<Leaf>> {
        if self.hierarchies.is_empty() {
            return Ok(None);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        Leaf::create(&self.hierarchies, &id, limits, &self.devices).map(Some)
    }

    /// How many descriptors an attempt's cgroup has open, at most.
    pub(crate) const fn descriptors_of_leaf(&self) -> usize {
        self.hierarchies.len() * Leaf::DESCRIPTORS
    }

    /// How many descriptors a zygote's cell has open, at most.
    pub(crate) const fn descriptors_of_cell(&self) -> usize {
        if self.is_of_root { Cell::descriptors(self.idle.len() + self.hierarchies.len()) } else { 0 }
    }

    /// How many descriptors are handed to whoever enters all of them, at most.
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
            unified: hierarchy.unified,
        };
        let measured = self.hierarchies.iter().map(site).collect();
        let name = format!("cell-{}", self.next_cell.fetch_add(1, Ordering::Relaxed));
        Cell::make(name, &idle, measured).map(Some)
    }

    /// Leaves the host's cgroups as they were. Call it when every zygote is gone.
    ///
    /// # Errors
    /// The first thing that could not be undone, in words; the others are undone.
    pub fn close(self) -> Result<(), String> {
        let mut result = Ok(());
        let unified = self.hierarchies.iter().find(|hierarchy| hierarchy.unified);
        if let (Some(moved), Some(hierarchy)) = (&self.moved, unified) {
            result = result.and(moved.undo(&hierarchy.run));
        }
        let idle = self.idle.iter().map(|(_, site)| &site.run);
        for run in self.hierarchies.iter().map(|hierarchy| &hierarchy.run).chain(idle) {
            let removed = unless(io::ErrorKind::NotFound, sweep::remove_tree(run));
            result = result.and(removed.map_err(|error| refused("remove", run, &error)));
        }
        result
    }

    fn add_unified(&mut self, mount: &CgroupMount, wanted: &[Capability], uid: u32) -> Result<(), String> {
        let base = &unified_base(mount, wanted, (uid, Path::new("/run/systemd/system").is_dir()));
        // Processes are born in the leaves, which the kernel allows to those who may move processes within `base`.
        OpenOptions::new()
            .write(true)
            .open(base.join("cgroup.procs"))
            .map_err(|error| refused("write", &base.join("cgroup.procs"), &error))?;
        let (run, handle) = sweep::make_run(base, &mount.mount_point)
            .map_err(|error| refused("create a cgroup in", base, &error))?;
        let controllers = controllers(base, wanted);
        let mut serves = vec![Capability::Cpu];
        if run.join("memory.pressure").exists() {
            serves.push(Capability::Pressure);
        }
        serves.retain(|capability| wanted.contains(capability));
        if !controllers.is_empty() {
            let moved = move_supervisor(&mount.own, base, &run).inspect_err(|_| {
                // The failure to tell is the first; what cannot be removed now is swept by the next run.
                let _ = sweep::remove_tree(&run);
            })?;
            let moved = self.moved.insert(moved);
            for (capability, controller) in controllers {
                match moved.enable(controller, &run) {
                    Ok(()) => {
                        serves.push(capability);
                        self.sampled.extend(instead_of_peak(capability, &run));
                    }
                    Err(reason) => self.refused.push((controller, reason)),
                }
            }
        }
        let mount_point = mount.mount_point.clone();
        self.hierarchies.push(Hierarchy::new(true, run, handle, mount_point, serves));
        Ok(())
    }

    fn add_v1(&mut self, mount: &CgroupMount, capability: Capability, uid: u32) -> Result<(), String> {
        self.v1(mount, uid)?.serve(capability);
        Ok(())
    }

    /// Makes the run's directory in every version 1 hierarchy that has none. One that allows of none to be made is not
    /// writable to root inside either.
    fn add_idle(&mut self, host: &Host) {
        self.is_of_root = true;
        for mount in host.cgroups.iter().filter(|mount| !mount.unified) {
            let is_known = |point: &Path| point == mount.mount_point;
            if self.hierarchies.iter().any(|hierarchy| is_known(&hierarchy.mount_point)) {
                continue;
            }
            if let Ok((run, handle)) = sweep::make_run(&mount.own, &mount.mount_point) {
                // Without processors and memory nobody may enter it; this is found then.
                let _ = inherit(&mount.own, &run);
                weigh(&run);
                self.idle.push((mount.mount_point.clone(), Site { run, handle, unified: false }));
            }
        }
    }

    /// The hierarchy of a version 1 mount, with a directory of the run in it.
    pub(super) fn v1(&mut self, mount: &CgroupMount, uid: u32) -> Result<&mut Hierarchy, String> {
        let known = self.hierarchies.iter().position(|hierarchy| hierarchy.mount_point == mount.mount_point);
        if let Some(known) = known {
            return Ok(&mut self.hierarchies[known]);
        }
        let mount_point = mount.mount_point.clone();
        if let Some(idle) = self.idle.iter().position(|(point, _)| *point == mount_point) {
            let (_, Site { run, handle, .. }) = self.idle.remove(idle);
            self.hierarchies.push(Hierarchy::new(false, run, handle, mount_point, Vec::new()));
            return Ok(self.hierarchies.last_mut().ok_or("no hierarchy")?);
        }
        let run_in = |base: &Path| sweep::make_run(base, &mount.mount_point);
        let handed_over = || handed_over(&mount.own, uid).find_map(|base| run_in(&base).ok());
        let made = run_in(&mount.own).or_else(|error| handed_over().ok_or(error));
        let (run, handle) = made.map_err(|error| refused("create a cgroup in", &mount.own, &error))?;
        self.hierarchies.push(Hierarchy::new(false, run, handle, mount_point, Vec::new()));
        Ok(self.hierarchies.last_mut().ok_or("no hierarchy")?)
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
        if let Some((_, reason)) = self.refused.iter().find(|(refused, _)| *refused == controller) {
            return reason.clone();
        }
        format!("the `{controller}` controller is not delegated to `{}`", mount.own.display())
    }
}

/// What each metric needs in version 1. Its `blkio` does not count what is written back later, which is nearly all that
/// is written, and on recent kernels nothing at all unless something is throttled; init's accounts do.
const CONTROLLERS: [(Capability, &str); 3] =
    [(Capability::Memory, "memory"), (Capability::Pids, "pids"), (Capability::Cpu, "cpuacct")];

/// What needs a controller in version 2.
const UNIFIED: [(Capability, &str); 3] =
    [(Capability::Memory, "memory"), (Capability::Pids, "pids"), (Capability::Io, "io")];

impl Moved {
    /// Enables a controller for the run's leaves, one write each, since one refusal would refuse all.
    pub(super) fn enable(&mut self, controller: &'static str, run: &Path) -> Result<(), String> {
        let write = |directory: &Path| {
            let error = fs::write(directory.join("cgroup.subtree_control"), format!("+{controller}")).err();
            let what = format!("enable the `{controller}` controller in");
            error.map_or(Ok(()), |error| Err(refused(&what, directory, &error)))
        };
        let own = fs::read_to_string(self.base.join("cgroup.subtree_control")).unwrap_or_default();
        if !own.split_whitespace().any(|enabled| enabled == controller) {
            write(&self.base)?;
            self.enabled.push(controller);
        }
        write(run)
    }

    /// Moves the supervisor back. A controller that another run has come to need stays enabled.
    fn undo(&self, run: &Path) -> Result<(), String> {
        let disable = |directory: &Path, controller: &str| {
            let written = fs::write(directory.join("cgroup.subtree_control"), format!("-{controller}"));
            let what = format!("disable the `{controller}` controller in");
            unless(io::ErrorKind::ResourceBusy, written).map_err(|error| refused(&what, directory, &error))
        };
        let enabled = fs::read_to_string(run.join("cgroup.subtree_control")).unwrap_or_default();
        let mut result = Ok(());
        for controller in enabled.split_whitespace() {
            result = result.and(disable(run, controller));
        }
        for controller in &self.enabled {
            result = result.and(disable(&self.base, controller));
        }
        let back = fs::write(self.home.join("cgroup.procs"), "0");
        result.and(back.map_err(|error| refused("move this process back to", &self.home, &error)))
    }
}

/// What stands for a peak that the kernel does not keep in a directory beside those of the attempts.
fn instead_of_peak(capability: Capability, run: &Path) -> Option<Source> {
    let mut readings = Metric::of(capability).map(|metric| metric.v2.iter().map(|origin| origin.source));
    let is_kept = |source: &Source| run.join(source.as_str()).exists();
    readings.find_map(|mut sources| sources.find(is_kept).filter(|source| source.is_sampled()))
}

pub(super) fn move_supervisor(home: &Path, base: &Path, run: &Path) -> Result<Moved, String> {
    let leaf = run.join(SUPERVISOR);
    let moved = fs::create_dir(&leaf).and_then(|()| fs::write(leaf.join("cgroup.procs"), "0"));
    moved.map_err(|error| refused("move this process to", &leaf, &error))?;
    Ok(Moved { home: home.to_path_buf(), base: base.to_path_buf(), enabled: Vec::new() })
}

/// The controllers of a version 2 cgroup that are wanted.
fn controllers(base: &Path, wanted: &[Capability]) -> Vec<(Capability, &'static str)> {
    let there = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
    let wanted = UNIFIED.into_iter().filter(|(capability, _)| wanted.contains(capability));
    wanted.filter(|(_, controller)| there.split_whitespace().any(|name| name == *controller)).collect()
}

/// The own cgroup in version 2, or the nearest around it that divides more: a cgroup in which other processes stay hands no
/// controllers on, and whoever was handed a subtree over may be in a part of it. What systemd manages is left to it.
fn unified_base(mount: &CgroupMount, wanted: &[Capability], (uid, managed): (u32, bool)) -> PathBuf {
    let own = &mount.own;
    let processes = |directory: &Path| fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    let alone = processes(own).lines().all(|pid| pid == std::process::id().to_string());
    let has = if alone { controllers(own, wanted).len() } else { 0 };
    let may_move = |place: &Path| OpenOptions::new().write(true).open(place.join("cgroup.procs")).is_ok();
    let is_ours = |place: &Path| !managed || is_delegated(place, &mount.mount_point, uid);
    // Processes in the root are in nobody's way.
    let is_free = |place: &Path| place == mount.mount_point || processes(place).is_empty();
    let around = own.ancestors().skip(1).take_while(|place| place.starts_with(&mount.mount_point));
    let mut around = around.take_while(|place| may_move(place) && is_ours(place));
    let base = around.find(|place| is_free(place) && controllers(place, wanted).len() > has);
    base.unwrap_or(own).to_owned()
}

/// Whether a cgroup is in a subtree that was given to this user, and is no service manager's: that has its own processes in
/// `init.scope`, wherever it is, and nobody else makes cgroups where it does (systemd's CGROUP_DELEGATION).
fn is_delegated(place: &Path, mount_point: &Path, uid: u32) -> bool {
    let is_given = |place: &Path| fs::metadata(place).is_ok_and(|meta| meta.uid() == uid);
    let given = place.ancestors().take_while(|place| place.starts_with(mount_point) && is_given(place));
    let given: Vec<_> = given.collect();
    // All that root sees belongs to root, and says nothing.
    uid != 0 && !given.is_empty() && !given.iter().any(|place| place.join("init.scope").is_dir())
}

/// Where processors are shared among cgroups, the run's would have no more of them than one process beside it, for all its
/// tests.
fn weigh(run: &Path) {
    const OF_ONE: u64 = 1024;
    const MOST: u64 = 1 << 18;
    let shares = run.join("cpu.shares");
    if shares.exists() {
        // Refused, it costs time on a busy machine, and nothing else.
        let _ = fs::write(shares, (OF_ONE * processors()).min(MOST).to_string());
    }
}

/// The cgroups directly below the own one that somebody has given to this user.
fn handed_over(own: &Path, uid: u32) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(own).into_iter().flatten().flatten();
    let is_given = move |meta: fs::Metadata| uid != 0 && meta.is_dir() && meta.uid() == uid;
    entries.filter(move |entry| entry.metadata().is_ok_and(is_given)).map(|entry| entry.path())
}

/// A failure of this kind is none.
fn unless(kind: io::ErrorKind, result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == kind { Ok(()) } else { Err(error) })
}

fn refused(what: &str, path: &Path, error: &io::Error) -> String {
    format!("could not {what} `{}`: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory so deep that the kernel takes the path of the run's directory in it, and not that of the
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

    /// Somebody who is neither root nor the caller.
    const STRANGER: u32 = 61_247;

    /// A cgroup with these processes and controllers, in a hierarchy that is files.
    fn cgroup(directory: &Path, processes: &str, controllers: &str) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("cgroup.procs"), processes)?;
        fs::write(directory.join("cgroup.controllers"), controllers)
    }

    #[test]
    fn whoever_was_given_a_unit_and_is_in_a_part_of_it_climbs_to_what_was_given() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let mount_point = directory.path().join("mount");
        let (slice, unit) =
            (mount_point.join("system.slice"), mount_point.join("system.slice/agent.service"));
        let (agent, job) = (unit.join("agent"), unit.join("agent/job"));
        let me = format!("{}\n", std::process::id());
        cgroup(&mount_point, "1\n", "memory pids")?;
        cgroup(&slice, "", "memory pids")?;
        cgroup(&unit, "", "memory pids")?;
        cgroup(&agent, "", "")?;
        cgroup(&job, &me, "")?;
        let is_root = nix::unistd::geteuid().is_root();
        let uid = if is_root { STRANGER } else { nix::unistd::geteuid().as_raw() };
        // As root the directories are given to another user; without, all of them are this user's, up to the mount.
        for given in [&unit, &agent, &job] {
            std::os::unix::fs::chown(given, Some(uid), None)?;
        }
        let wanted = [Capability::Memory, Capability::Pids];
        let mount = |own: &Path| {
            let own = own.to_path_buf();
            CgroupMount { mount_point: mount_point.clone(), own, unified: true, controllers: Vec::new() }
        };
        let base = |own: &Path, managed| unified_base(&mount(own), &wanted, (uid, managed));
        assert_eq!(base(&job, true), unit);
        assert_eq!(base(&job, false), unit, "control: the same where nobody manages cgroups");
        if is_root {
            assert_eq!(
                unified_base(&mount(&job), &wanted, (0, true)),
                job,
                "what is systemd's is left to it"
            );
            assert_eq!(base(&unit, true), unit, "nothing around it was given");
            // Another process in the unit keeps it from handing controllers on, and around it is not ours.
            cgroup(&unit, "1\n", "memory pids")?;
            assert_eq!(base(&job, true), job);
            cgroup(&unit, "", "memory pids")?;
        }
        // A user's own manager is one, too.
        fs::create_dir(unit.join("init.scope"))?;
        assert_eq!(base(&job, true), job);
        fs::remove_dir(unit.join("init.scope"))?;
        cgroup(&job, &me, "memory pids")?;
        assert_eq!(base(&job, true), job, "control: alone and with everything, it stays");
        cgroup(&job, &format!("{me}1\n"), "memory pids")?;
        assert_eq!(base(&job, true), unit);
        Ok(())
    }

    #[test]
    fn what_cannot_be_undone_is_told() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let base = directory.path().to_path_buf();
        let moved = |home: &str| Moved { home: base.join(home), base: base.clone(), enabled: vec!["pids"] };
        assert_eq!(moved("").undo(&base), Ok(()), "control");
        let stuck = moved("gone").undo(&base);
        assert!(stuck.is_err_and(|why| why.contains("could not move this process back to")));
        fs::remove_file(base.join("cgroup.subtree_control"))?;
        fs::create_dir(base.join("cgroup.subtree_control"))?;
        let enabled = moved("").undo(&base);
        assert!(enabled.is_err_and(|why| why.contains("could not disable the `pids` controller")));
        Ok(())
    }
}
