//! Cgroups of version 2: one hierarchy, in which processes are born. A directory that hands controllers on may hold no
//! process, so that the supervisor moves out of it.

use super::attempt_files::AttemptFiles;
use super::failure::{refused, unless};
use super::interface::Interface;
use super::parse;
use super::setting::{PERIOD_US, Setting, required};
use crate::host::CgroupMount;
use crate::limits::{Control, Limits};
use crate::metric::Metric;
use crate::policy::Capability;
use crate::units::Bytes;
use crate::usage::{Oom, Pressure, Reading, Source, Usage};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Name of the directory into which the supervisor itself moves.
pub(super) const SUPERVISOR: &str = "supervisor";

/// Metrics that need a controller, and the controllers.
const CONTROLLERS: [(Capability, &str); 3] =
    [(Capability::Memory, "memory"), (Capability::Pids, "pids"), (Capability::Io, "io")];

/// Files of version 2.
#[derive(Debug)]
pub(super) struct Files;

impl Interface for Files {
    fn entrance(&self) -> &'static str {
        "cgroup.procs"
    }

    fn takes_births(&self) -> bool {
        true
    }

    fn hands_on(&self) -> bool {
        true
    }

    fn controller(&self, control: Control) -> &'static str {
        control.as_str()
    }

    fn settings(&self, limits: &Limits, control: Control, devices: &[String]) -> Vec<Setting> {
        match control {
            Control::Memory => memory(limits),
            Control::Pids => limits.pids.map(|pids| required("pids.max", pids)).into_iter().collect(),
            Control::Cpu => cpu(limits),
            Control::Io => limits.io.map(Bytes::get).map_or_else(Vec::new, |bytes| {
                let max = |device| required("io.max", format!("{device} rbps={bytes} wbps={bytes}"));
                devices.iter().map(max).collect()
            }),
        }
    }

    fn read(&self, metric: Capability, files: AttemptFiles<'_>, limits: &Limits, usage: &mut Usage) {
        match metric {
            Capability::Memory => read_memory(files, limits, usage),
            Capability::Cpu => {
                let cpu = files.text("cpu.stat").and_then(|text| parse::cpu_v2(&text));
                usage.cpu = cpu.map(|value| Reading { value, source: Source::CpuStat });
            }
            Capability::Pids => {
                usage.pids_peak = files.number(Source::PidsPeak);
                // Some kernels count refused forks in the cgroup itself only, and not in its ancestors.
                let refused = |text: Option<String>| parse::keyed(&text?, "max");
                usage.pids_refused = limits.pids.and_then(|_| {
                    refused(files.text("pids.events")).max(refused(files.innermost_text("pids.events")))
                });
            }
            Capability::Io => {
                let io = files.text("io.stat").map(|text| parse::io_v2(&text));
                usage.io = io.map(|value| Reading { value, source: Source::IoStat });
            }
            Capability::Pressure => usage.pressure = read_pressure(files),
            // No other capability is measured by this hierarchy.
            _ => {}
        }
    }

    fn memory_now(&self) -> &'static str {
        Source::MemoryCurrent.as_str()
    }

    fn witness(&self, metric: Capability) -> &'static str {
        match metric {
            Capability::Memory => "memory.stat",
            Capability::Pids => "pids.current",
            Capability::Io => "io.stat",
            Capability::Pressure => "memory.pressure",
            _ => "cpu.stat",
        }
    }
}

/// Returns the settings of memory. The files of swap are absent where the kernel does not account for it.
fn memory(limits: &Limits) -> Vec<Setting> {
    let Some(memory) = limits.memory else { return Vec::new() };
    // Without a limit of swap, memory beyond the limit would go there.
    let swap = required("memory.swap.max", limits.swap.unwrap_or_default().get());
    let swap = Setting { optional: limits.swap.is_none(), ..swap };
    let group = Setting { optional: true, ..required("memory.oom.group", 1) };
    vec![required("memory.max", memory.get()), swap, group]
}

fn cpu(limits: &Limits) -> Vec<Setting> {
    let quota = limits.cpu.map(|cpu| u64::from(cpu.get()) * PERIOD_US / 1000);
    let settings = [
        quota.map(|quota| required("cpu.max", format!("{quota} {PERIOD_US}"))),
        limits.cpu_weight.map(|weight| required("cpu.weight", weight)),
    ];
    settings.into_iter().flatten().collect()
}

fn read_memory(files: AttemptFiles<'_>, limits: &Limits, usage: &mut Usage) {
    usage.memory_peak = files.size(Source::MemoryPeak);
    if let Some(stat) = files.text("memory.stat") {
        usage.faults_most = files.faults_most(&stat, "pgfault");
        let split = parse::memory_split_v2(&stat);
        usage.memory_split = split.map(|value| Reading { value, source: Source::MemoryStat });
    }
    let events = files.text("memory.events");
    let kills = events.as_deref().and_then(|text| parse::keyed(text, "oom_kill"));
    usage.oom = kills.map(|kills| {
        // A kill is the attempt's own doing only if its own limit was hit; the machine may have been short.
        let is_hit = |text: Option<String>| {
            text.and_then(|text| parse::keyed(&text, "oom")).is_some_and(|hits| hits > 0)
        };
        let own = || match files.text("memory.events.local") {
            Some(outer) => is_hit(Some(outer)) || is_hit(files.innermost_text("memory.events.local")),
            None => is_hit(files.text("memory.events")),
        };
        let own_limit = kills > 0 && limits.memory.is_some() && own();
        Reading { value: Oom { kills, own_limit }, source: Source::MemoryEvents }
    });
}

fn read_pressure(files: AttemptFiles<'_>) -> Pressure {
    let total = |source: Source| {
        let value = parse::pressure(&files.text(source.as_str())?)?;
        Some(Reading { value, source })
    };
    Pressure {
        cpu: total(Source::CpuPressure),
        memory: total(Source::MemoryPressure),
        io: total(Source::IoPressure),
    }
}

/// Record that the supervisor left its cgroup, and that controllers were enabled in `base` for its children.
#[derive(Debug)]
pub(super) struct Moved {
    /// Cgroup that the supervisor left.
    home: PathBuf,
    base: PathBuf,
    pub(super) enabled: Vec<&'static str>,
}

impl Moved {
    /// Enables a controller for the run's attempts, one write each, since one refusal would refuse all.
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

    /// Moves the supervisor back and disables its controllers. One that another run has come to need stays enabled.
    pub(super) fn undo(&self, run: &Path) -> Result<(), String> {
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

/// Returns the source that stands for a peak which the kernel does not keep in a directory beside those of the
/// attempts.
pub(super) fn instead_of_peak(capability: Capability, run: &Path) -> Option<Source> {
    let mut readings =
        Metric::for_capability(capability).map(|metric| metric.v2.iter().map(|origin| origin.source));
    let is_kept = |source: &Source| run.join(source.as_str()).exists();
    readings.find_map(|mut sources| sources.find(is_kept).filter(|source| source.is_sampled()))
}

/// Moves the supervisor from its home to a directory of the run.
pub(super) fn move_supervisor(home: &Path, base: &Path, run: &Path) -> Result<Moved, String> {
    let directory = run.join(SUPERVISOR);
    let moved = fs::create_dir(&directory).and_then(|()| fs::write(directory.join("cgroup.procs"), "0"));
    moved.map_err(|error| refused("move this process to", &directory, &error))?;
    Ok(Moved { home: home.to_path_buf(), base: base.to_path_buf(), enabled: Vec::new() })
}

/// Returns the controllers of a cgroup that are wanted.
pub(super) fn controllers(base: &Path, wanted: &[Capability]) -> Vec<(Capability, &'static str)> {
    let there = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
    let wanted = CONTROLLERS.into_iter().filter(|(capability, _)| wanted.contains(capability));
    wanted.filter(|(_, controller)| there.split_whitespace().any(|name| name == *controller)).collect()
}

/// Finds the own cgroup, or the nearest around it that divides more: a cgroup in which other processes stay hands no
/// controllers on, and whoever was handed a subtree over may be in a part of it. What systemd manages is left to it.
pub(super) fn base(mount: &CgroupMount, wanted: &[Capability], (uid, managed): (u32, bool)) -> PathBuf {
    let own = &mount.own;
    let processes = |directory: &Path| fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    let alone = processes(own).lines().all(|pid| pid == std::process::id().to_string());
    let has = if alone { controllers(own, wanted).len() } else { 0 };
    let may_move = |place: &Path| OpenOptions::new().write(true).open(place.join("cgroup.procs")).is_ok();
    let is_ours = |place: &Path| !managed || is_delegated(place, &mount.mount_point, uid);
    // Processes in the root of the hierarchy do not keep controllers from being enabled.
    let is_free = |place: &Path| place == mount.mount_point || processes(place).is_empty();
    let around = own.ancestors().skip(1).take_while(|place| place.starts_with(&mount.mount_point));
    let mut around = around.take_while(|place| may_move(place) && is_ours(place));
    let found = around.find(|place| is_free(place) && controllers(place, wanted).len() > has);
    found.unwrap_or(own).to_owned()
}

/// Returns whether a cgroup is in a subtree that was given to this user, and is no service manager's: that has its
/// own processes in `init.scope`, wherever it is, and nobody else makes cgroups where it does (systemd's
/// CGROUP_DELEGATION).
fn is_delegated(place: &Path, mount_point: &Path, uid: u32) -> bool {
    let is_given = |place: &Path| fs::metadata(place).is_ok_and(|meta| meta.uid() == uid);
    let given = place.ancestors().take_while(|place| place.starts_with(mount_point) && is_given(place));
    let given: Vec<_> = given.collect();
    // Root owns every cgroup that it sees, so that ownership does not show delegation.
    uid != 0 && !given.is_empty() && !given.iter().any(|place| place.join("init.scope").is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// User id of somebody who is neither root nor the caller.
    const STRANGER: u32 = 61_247;

    /// Makes a cgroup with these processes and controllers, in a hierarchy that is files.
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
        let base_of = |own: &Path, managed| base(&mount(own), &wanted, (uid, managed));
        assert_eq!(base_of(&job, true), unit);
        assert_eq!(base_of(&job, false), unit, "control: the same where nobody manages cgroups");
        if is_root {
            assert_eq!(base(&mount(&job), &wanted, (0, true)), job, "what is systemd's is left to it");
            assert_eq!(base_of(&unit, true), unit, "nothing around it was given");
            // Another process in the unit keeps it from handing controllers on, and around it is not ours.
            cgroup(&unit, "1\n", "memory pids")?;
            assert_eq!(base_of(&job, true), job);
            cgroup(&unit, "", "memory pids")?;
        }
        // A user's own manager is one, too.
        fs::create_dir(unit.join("init.scope"))?;
        assert_eq!(base_of(&job, true), job);
        fs::remove_dir(unit.join("init.scope"))?;
        cgroup(&job, &me, "memory pids")?;
        assert_eq!(base_of(&job, true), job, "control: alone and with everything, it stays");
        cgroup(&job, &format!("{me}1\n"), "memory pids")?;
        assert_eq!(base_of(&job, true), unit);
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
