//! Writes the last step: into the cgroup, and execve.

use super::cgroups::Cgroup;
use super::subject::Explained;
use super::words::{Lines, quoted};
use crate::limits::ProcessLimits;
use crate::plan::SandboxPlan;
use crate::policy::Capability;
use std::ffi::{OsStr, OsString};

pub(super) fn workload(lines: &mut Lines, explained: &Explained<'_>, cgroups: &[Cgroup<'_>]) {
    let Explained { template, plan, environment, .. } = explained;
    lines.blank();
    lines.top("# 4. The program, as its process is before it executes it.");
    lines.top("workload() {");
    if !cgroups.is_empty() {
        lines.say("A process without threads may move itself; from here on everything is counted. (In version 2, `cargo");
        lines.say("isotest` has the kernel start this process in its cgroup.)");
        for cgroup in cgroups {
            lines.run(&format!("echo 0 >&{}", cgroup.door));
        }
    }
    let doors = cgroups.iter().map(|cgroup| format!("{}>&-", cgroup.door));
    let closed: Vec<_> = doors.chain(["9<&-".to_owned()]).collect();
    lines.run(&format!("exec {}", closed.join(" ")));
    lines.run(&format!("cd {}", quoted(&plan.workload.directory)));
    lines.blank();
    if plan.inherit_stdio {
        lines.say("Its three descriptors are ours.");
    } else {
        lines.say("Nothing to read; what it writes, `cargo isotest` reads from two pipes.");
        lines.run("exec < /dev/null");
    }
    let mut command = Vec::new();
    if template.shared.contains(&Capability::Cgroup) {
        command.push("exec".to_owned());
    } else {
        lines.say("The cgroup it is in now is / to it (unshare --cgroup).");
        command.push("exec unshare --cgroup".to_owned());
    }
    lines.say("No right that a program of this user would not have by itself (setpriv).");
    command.push("setpriv --ambient-caps=-all --inh-caps=-all".to_owned());
    command.extend(process_limits(&plan.limits.process));
    if !is_same(&plan.workload.environment, environment) {
        lines.say("Of its environment, what is not in yours.");
    }
    command.push(with_environment(plan, environment));
    command.push(program(plan));
    lines.run(&command.join(" \\\n        "));
    lines.top("}");
}

/// Returns the programs that set the limits for what follows, if there are any limits.
fn process_limits(limits: &ProcessLimits) -> Vec<String> {
    let mut commands = Vec::new();
    if !limits.cpus.is_empty() {
        let numbers: Vec<_> = limits.cpus.iter().map(ToString::to_string).collect();
        commands.push(format!("taskset --cpu-list {}", numbers.join(",")));
    }
    if !limits.rlimits.is_empty() {
        let value = |value: &u64| if *value == u64::MAX { "unlimited".to_owned() } else { value.to_string() };
        let set = limits
            .rlimits
            .iter()
            .map(|(limit, soft, hard)| format!("--{limit}={}:{}", value(soft), value(hard)));
        commands.push(format!("prlimit {}", set.collect::<Vec<_>>().join(" ")));
    }
    commands
}

fn is_same(own: &[(OsString, OsString)], given: &[(OsString, OsString)]) -> bool {
    own.iter().all(|variable| given.contains(variable)) && given.iter().all(|(name, _)| has(own, name))
}

fn has(variables: &[(OsString, OsString)], name: &OsStr) -> bool {
    variables.iter().any(|(other, _)| other == name)
}

/// Returns the `env` command that turns the environment given into the workload's.
fn with_environment(plan: &SandboxPlan, given: &[(OsString, OsString)]) -> String {
    let own = &plan.workload.environment;
    // The shell sets these variables when it changes its directory.
    let shells = [("PWD", plan.workload.directory.as_os_str()), ("OLDPWD", OsStr::new("/"))];
    let has_already =
        |(name, value): &&(OsString, OsString)| match shells.iter().find(|(shells, _)| name == shells) {
            Some((_, shells)) => value == shells,
            None => given.iter().any(|(other, found)| (other, found) == (name, value)),
        };
    let mut words = vec!["env".to_owned()];
    let found = given.iter().map(|(name, _)| name.as_os_str()).filter(|name| *name != "OLDPWD");
    let gone = found.chain([OsStr::new("OLDPWD")]).filter(|name| !has(own, name));
    words.extend(gone.map(|name| format!("-u {}", quoted(name))));
    words.extend(own.iter().filter(|variable| !has_already(variable)).map(|(name, value)| {
        let mut word = name.clone();
        word.push("=");
        word.push(value);
        format!("\\\n        {}", quoted(word))
    }));
    words.join(" ")
}

fn program(plan: &SandboxPlan) -> String {
    let words = std::iter::once(plan.workload.program.as_os_str())
        .chain(plan.workload.arguments.iter().map(OsString::as_os_str));
    words.map(quoted).collect::<Vec<_>>().join(" ")
}
