//! Writes the commands for the cgroup of an attempt: directories, files that limit, and doors that stay open.

use super::words::{Lines, list, quoted};
use crate::cgroup::{INNER, Place, Setting};
use crate::limits::Control;
use crate::plan::SandboxPlan;
use std::path::{Path, PathBuf};

/// Descriptor number of the first door. A shell has few: one digit, without the standard ones and the script.
const FIRST_DOOR: usize = 3;

/// Cgroup of an attempt in one hierarchy.
#[derive(Debug)]
pub(super) struct Cgroup<'a> {
    hierarchy: &'a Place,
    settings: Vec<Setting>,
    is_limited: bool,
    /// Descriptor by which the cgroup is entered.
    pub(super) door: usize,
}

impl<'a> Cgroup<'a> {
    pub(super) fn of_all(hierarchies: &'a [Place], plan: &SandboxPlan) -> Vec<Self> {
        let measured = hierarchies.iter().filter(|_| plan.measured).enumerate();
        let cgroup = |(n, hierarchy): (usize, &'a Place)| {
            let version = hierarchy.version;
            let settings = |control: &Control| version.settings(&plan.limits, *control, &hierarchy.devices);
            Cgroup {
                settings: hierarchy.controls.iter().flat_map(settings).collect(),
                is_limited: plan.limits.any(),
                hierarchy,
                door: FIRST_DOOR + n,
            }
        };
        measured.map(cgroup).collect()
    }

    /// Returns the script's name for the run's directory in this hierarchy.
    fn run(&self) -> &'static str {
        self.hierarchy.name()
    }

    /// Returns whether the run's directory hands controllers on, and then may hold no processes.
    fn hands_on(&self) -> bool {
        !self.controllers().is_empty()
    }

    /// Returns the directory in which limits are set.
    fn outer(&self) -> String {
        if self.hands_on() { format!("${}/0", self.run()) } else { format!("${}", self.run()) }
    }

    /// Returns the directory of the workload's cgroup.
    pub(super) fn attempt(&self) -> String {
        if self.is_limited { format!("{}/{INNER}", self.outer()) } else { self.outer() }
    }

    fn controllers(&self) -> Vec<&'static str> {
        self.hierarchy.handed_on()
    }

    /// Returns whether the run's directory of this hierarchy is `run`.
    pub(super) fn has_run_in(&self, run: &Path) -> bool {
        run.parent() == Some(&self.hierarchy.base)
    }
}

/// Gives the runs' directories short names.
pub(super) fn name(lines: &mut Lines, cgroups: &[Cgroup<'_>]) {
    for cgroup in cgroups {
        lines.top(&format!("{}={}/$name", cgroup.run(), quoted(&cgroup.hierarchy.base)));
    }
}

fn each(paths: impl Iterator<Item = String>) -> String {
    paths.map(|path| format!("\"{path}\"")).collect::<Vec<_>>().join(" ")
}

/// Makes the cgroups, sets their limits and opens their doors.
pub(super) fn make(lines: &mut Lines, cgroups: &[Cgroup<'_>]) {
    if cgroups.is_empty() {
        return;
    }
    let is_limited = cgroups.iter().any(|cgroup| cgroup.is_limited);
    lines.blank();
    lines.say(
        "In a cgroup the kernel counts what its processes use together, and refuses what its files forbid.",
    );
    for cgroup in cgroups.iter().filter(|cgroup| cgroup.hands_on()) {
        hand_on(lines, cgroup);
    }
    lines.run(&format!("mkdir {}", each(cgroups.iter().map(Cgroup::outer))));
    if is_limited {
        lines.say("Who lives one directory below a limit cannot lift it, and finds it there once more.");
        for cgroup in cgroups {
            for controller in cgroup.controllers() {
                lines.run(&format!("echo +{controller} > \"{}/cgroup.subtree_control\"", cgroup.outer()));
            }
        }
        lines.run(&format!("mkdir {}", each(cgroups.iter().map(Cgroup::attempt))));
    }
    for cgroup in cgroups {
        for Setting { file, value, optional, innermost } in &cgroup.settings {
            let outer = Some(cgroup.outer()).filter(|_| !*innermost);
            let inner = Some(cgroup.attempt()).filter(|_| *innermost || cgroup.is_limited);
            for directory in outer.into_iter().chain(inner) {
                let path = format!("\"{directory}/{file}\"");
                let check = if *optional { format!("[ ! -e {path} ] || ") } else { String::new() };
                lines.run(&format!("{check}echo {value} > {path}"));
            }
        }
    }
    lines.run("trap clean_up EXIT");
    lines.blank();
    lines.say("Inside, these files will be read-only. Doors that are open now can still be used then.");
    for cgroup in cgroups {
        let file = cgroup.hierarchy.version.entrance();
        lines.run(&format!("exec {}> \"{}/{file}\"", cgroup.door, cgroup.attempt()));
    }
}

/// Leaves the caller's cgroups, with all that is started from here on. `cleans_up` says whether [`clean_up`] will
/// already be called.
pub(super) fn leave(lines: &mut Lines, idle: &[PathBuf], cleans_up: bool) {
    let Some(places) = list(idle.iter().map(quoted)) else { return };
    lines.blank();
    lines.say("Root inside may mount what else there is of version 1, and write to the cgroup that it is in: not the caller's.");
    lines.say("(A cpuset is empty when it is made.)");
    if !cleans_up {
        lines.run("trap clean_up EXIT");
    }
    lines.run(&format!("for place in {places}; do"));
    lines.run("    mkdir \"$place/$name\"");
    lines.run("    for file in cpuset.cpus cpuset.mems; do");
    lines.run("        [ ! -e \"$place/$file\" ] || cat \"$place/$file\" > \"$place/$name/$file\"");
    lines.run("    done");
    lines.run("    echo $$ > \"$place/$name/tasks\"");
    lines.run("done");
}

fn hand_on(lines: &mut Lines, cgroup: &Cgroup<'_>) {
    let (run, base) = (cgroup.run(), quoted(&cgroup.hierarchy.base));
    lines.say("In version 2, a cgroup that hands controllers on to others holds no process itself.");
    lines.run(&format!("mkdir \"${run}\" \"${run}/supervisor\""));
    lines.run(&format!("echo $$ > \"${run}/supervisor/cgroup.procs\""));
    for controller in cgroup.controllers() {
        if cgroup.hierarchy.enabled.contains(&controller) {
            lines.run(&format!("echo +{controller} > {base}/cgroup.subtree_control"));
        }
        lines.run(&format!("echo +{controller} > \"${run}/cgroup.subtree_control\""));
    }
}

/// Writes the function that removes the cgroups, innermost first.
pub(super) fn clean_up(lines: &mut Lines, cgroups: &[Cgroup<'_>], idle: &[PathBuf]) {
    if cgroups.is_empty() && idle.is_empty() {
        return;
    }
    lines.top("clean_up() {");
    if cgroups.iter().any(|cgroup| cgroup.is_limited) {
        lines.run(&format!("rmdir {}", each(cgroups.iter().map(Cgroup::attempt))));
    }
    if !cgroups.is_empty() {
        lines.run(&format!("rmdir {}", each(cgroups.iter().map(Cgroup::outer))));
    }
    if let Some(places) = list(idle.iter().map(quoted)) {
        lines.run(&format!("for place in {places}; do"));
        lines.run("    echo $$ > \"$place/tasks\"");
        lines.run("    rmdir \"$place/$name\"");
        lines.run("done");
    }
    for cgroup in cgroups.iter().filter(|cgroup| cgroup.hands_on()) {
        let (run, base) = (cgroup.run(), quoted(&cgroup.hierarchy.base));
        for controller in cgroup.controllers() {
            lines.run(&format!("echo -{controller} > \"${run}/cgroup.subtree_control\""));
        }
        for controller in &cgroup.hierarchy.enabled {
            lines.run(&format!("echo -{controller} > {base}/cgroup.subtree_control"));
        }
        lines.run(&format!("echo $$ > {base}/cgroup.procs"));
        lines.run(&format!("rmdir \"${run}/supervisor\" \"${run}\""));
    }
    lines.top("}");
}
