//! Writes a plan as the shell commands a person would type: a script that works, with a comment for each step. Pure.
//!
//! The script is made from the same [`Template`] and [`SandboxPlan`](crate::plan::SandboxPlan) that are executed, and
//! leads to the same namespaces, mounts and limits, though not by the same system calls: a shell has neither clone3
//! nor detached mounts.

mod cgroups;
mod rootfs;
mod subject;
mod words;
mod workload;

use crate::namespace::NAMESPACES;
use crate::plan::{Network, Template, Timeout};
use cgroups::Cgroup;
use words::{Lines, WITH_SBIN};

pub use subject::Explained;
pub use words::quoted;

/// Writes the script.
pub fn explain(explained: &Explained<'_>) -> String {
    let cgroups = Cgroup::of_all(explained.hierarchies, explained.plan);
    let mut lines = Lines::default();
    head(&mut lines, explained.title, &cgroups);
    outside(&mut lines, explained, &cgroups);
    prepare(&mut lines, explained, &cgroups);
    enclose(&mut lines, explained.template);
    attempt(&mut lines, explained);
    workload::workload(&mut lines, explained, &cgroups);
    lines.blank();
    lines.top("# Each of the five is this script again, one inside the other.");
    lines.top("\"${1:-outside}\"");
    lines.text()
}

/// Command that executes the script again inside: its path is out of sight there, but not its descriptor.
const AGAIN: &str = "sh /proc/self/fd/9";

/// Command like [`AGAIN`] for a shell that may begin before ids are mapped, in whose startup they may be.
const AGAIN_UNMAPPED: &str = "$shell /proc/self/fd/9";

fn head(lines: &mut Lines, title: &str, cgroups: &[Cgroup<'_>]) {
    lines.top("#!/bin/sh");
    lines.top(&format!("# How `cargo isotest` executes {} here, as commands to type.", title.escape_debug()));
    lines.top("#");
    lines.top("# It is a script that works: save it, and execute it as the same user by `sh FILE`. It needs util-linux and");
    lines.top("# iproute2. `cargo isotest` itself calls the kernel, and does 2. once for many tests.");
    lines.top("set -eu");
    lines.top("name=${2:-explained-$$}");
    cgroups::name(lines, cgroups);
    lines.blank();
    lines.top("# Makes a place at $2 that $1 can be mounted on.");
    lines.top("place() { [ -e \"$2\" ] || if [ -d \"$1\" ]; then mkdir -p \"$2\"; else mkdir -p \"${2%/*}\"; touch \"$2\"; fi; }");
}

fn outside(lines: &mut Lines, explained: &Explained<'_>, cgroups: &[Cgroup<'_>]) {
    lines.blank();
    lines.top("# 1. Outside: a cgroup, and the way out of the host's namespaces.");
    lines.top("outside() {");
    lines.say("This script, to be read again where its path leads nowhere.");
    lines.run("exec 9< \"$0\"");
    cgroups::make(lines, cgroups);
    cgroups::leave(lines, explained.idle, !cgroups.is_empty());
    lines.blank();
    let mut unshare = "unshare".to_owned();
    if explained.template.outer_user {
        lines.say("In a user namespace of its own, an ordinary user is root, and may do all that follows.");
        unshare += " --user --map-root-user";
    }
    lines.say("What is mounted from here on is seen from here on only. Processes see none but their own.");
    unshare += " --mount --pid --fork --kill-child";
    if explained.template.network != Network::Host {
        lines.say("The network has no neighbour; its interfaces are all that the /sys of 2. will show.");
        unshare += " --net";
    }
    lines.run(&format!("{unshare} \\"));
    lines.run(&format!("    {AGAIN} prepare \"$name\""));
    lines.top("}");
    cgroups::clean_up(lines, cgroups, explained.idle);
}

fn prepare(lines: &mut Lines, explained: &Explained<'_>, cgroups: &[Cgroup<'_>]) {
    let template = explained.template;
    lines.blank();
    lines.top("# 2. The tree that becomes /.");
    lines.top("prepare() {");
    rootfs::build(lines, template, cgroups);
    if template.network == Network::Loopback {
        lines.blank();
        lines.say("127.0.0.1 answers once the loopback interface is up.");
        network(lines, template);
    }
    lines.blank();
    lines.say("Processes of this test see none but their own. Process 1 leads a session without a terminal (setsid), of");
    lines.say("which the program is a member. A process between the two, which is not made here, is the program's parent and the");
    lines.say("first of its process group.");
    lines.run("unshare --mount --pid --fork --kill-child \\");
    lines.run(&format!("    {AGAIN} enclose \"$name\" <&0 &"));
    lines.say(
        "Nobody is anybody in the user namespace it enters until ids are mapped. Who may: a process outside.",
    );
    lines.run("until process=$(cat /proc/$!/task/$!/children) && [ -n \"$process\" ] &&");
    lines.run("    [ \"$(readlink /proc/${process% }/ns/user)\" != \"$(readlink /proc/self/ns/user)\" ]; do sleep 0.01; done");
    for (file, map) in [("uid_map", &template.uid_map), ("gid_map", &template.gid_map)] {
        lines.run(&format!(
            "echo {} > /proc/${{process% }}/{file}",
            quoted(seen_from_prepare(map, template.outer_user))
        ));
    }
    lines.run("wait $!");
    lines.top("}");
}

/// Writes the third step. Mounts made here are locked in the next step, which is in another user namespace.
fn enclose(lines: &mut Lines, template: &Template) {
    lines.blank();
    lines.top("# 3. Process 1 of the sandbox, as yet in the user namespace of 2. What it mounts nobody inside can take off.");
    lines.top("enclose() {");
    lines.run("mount -t proc -o nosuid,nodev,noexec proc /proc");
    if let Some(guarded) = guarded(template) {
        lines.blank();
        if template.network != Network::Host {
            lines.say("The settings of its network are its own.");
            lines.run("mount --bind /proc/sys/net /proc/sys/net");
        }
        lines
            .say("Of /proc, what is guarded by nothing but the user id 0, and all else that may be written.");
        lines.run("for part in /proc/*; do");
        lines.run("    case ${part#/proc/} in");
        lines.run(&format!("        {guarded}) ;;"));
        lines.run("        [0-9]* | pressure) continue ;;");
        lines.run("        *) [ -n \"$(find \"$part\" -type f -perm /222 -print -quit 2> /dev/null)\" ] || continue ;;");
        lines.run("    esac");
        lines.run("    mount --rbind \"$part\" \"$part\"");
        lines.run("    mount -o remount,bind,ro,nosuid,nodev,noexec \"$part\"");
        lines.run("done");
    }
    lines.blank();
    if template.common {
        lines.say("Tests of this binary share the namespaces that follow, but for that of mounts, and all that they write.");
        lines.say("Here one of them has its own.");
    }
    lines.say("Into namespaces that are this test's alone. A shell that sees its ids change while it starts would drop its");
    lines.say("rights, but with -p, if it knows that.");
    lines.run("shell=\"sh -p\"; $shell -c : 2> /dev/null || shell=sh");
    lines.run(&format!("exec unshare {} --keep-caps \\", namespaces(template)));
    lines.run(&format!("    setsid {AGAIN_UNMAPPED} attempt \"$name\""));
    lines.top("}");
}

/// Returns a pattern of the shell for the guarded parts of `/proc`.
fn guarded(template: &Template) -> Option<String> {
    let names: Vec<_> = template.private.guarded_proc.iter().map(quoted).collect();
    if names.is_empty() { None } else { Some(names.join(" | ")) }
}

/// Returns an id map as step 2 sees it: an ordinary user must be root there for mount(8), so its own id is 0.
fn seen_from_prepare(map: &str, outer_user: bool) -> String {
    let line = |line: &str| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [inside, _, length] if outer_user => format!("{inside} 0 {length}"),
        fields => fields.join(" "),
    };
    map.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn namespaces(template: &Template) -> String {
    let new = NAMESPACES.iter().filter(|namespace| template.is_entered_by_init(namespace));
    new.map(|namespace| namespace.option).collect::<Vec<_>>().join(" ")
}

fn network(lines: &mut Lines, template: &Template) {
    if template.network != Network::Down {
        lines.run(&format!("{WITH_SBIN} ip link set lo up"));
    }
    if template.network != Network::Down && !template.net_addresses.is_empty() {
        lines.say("Resolvers take a network with loopback addresses alone for none. These lead nowhere.");
        for address in &template.net_addresses {
            lines.run(&format!("{WITH_SBIN} ip address add {address} dev lo"));
        }
    }
    if template.net_settings.is_empty() {
        return;
    }
    lines.say("What programs may notice is as on the host, so far as a new network has it at all.");
    lines.run("cd /proc/sys/net");
    for (name, value) in &template.net_settings {
        lines.run(&format!("[ ! -w {0} ] || echo {1} > {0}", quoted(name), quoted(value.replace('\t', " "))));
    }
    lines.run("cd /");
}

fn attempt(lines: &mut Lines, explained: &Explained<'_>) {
    let Explained { template, plan, .. } = explained;
    lines.blank();
    lines.top(
        "# 4. The same process, in all of its namespaces. When it ends, the kernel ends all others in it.",
    );
    lines.top("attempt() {");
    lines.say("Who we are is known once both maps are written.");
    lines.run("until read -r mapped < /proc/self/gid_map; do sleep 0.01; done");
    if matches!(template.network, Network::Own | Network::Down) {
        lines.blank();
        lines.say("This network belongs to this user namespace: root inside may configure it.");
        network(lines, template);
    }
    lines.blank();
    let limited = plan.timeout.map_or_else(String::new, |Timeout { after, grace }| {
        let [after, grace] = [after, grace].map(|time| time.as_secs_f64());
        lines.say(&format!("When its time is over it is told to end, and {grace} seconds later made to."));
        format!("timeout --kill-after={grace} {after} ")
    });
    lines.say("As process 1 itself, a program would behave differently: signals without a handler do nothing to it.");
    lines.run(&format!("{limited}{AGAIN} workload \"$name\""));
    lines.top("}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::sample;
    use crate::limits::Limits;
    use crate::plan::{self, CgroupFacts, Request, Root, SandboxPlan, Views, Workload};
    use crate::policy::Policy;
    use crate::units::Bytes;
    use snapbox::{assert_data_eq, file};
    use std::time::Duration;

    /// Writes the script for a test of root or of an ordinary user, on a host with nothing on it.
    fn script(uid: u32, network: Network) -> String {
        let request = Request {
            policy: &Policy::default(),
            root: &Root::Host,
            views: &Views { copy_on_write: vec!["/w".into()], ..Views::default() },
            network,
            trace_missing: false,
            jobs: 2,
            cgroups: CgroupFacts::default(),
        };
        let template = plan::resolve(&request, &sample(uid)).template;
        let plan = SandboxPlan {
            workload: Workload {
                program: "/w/target/debug/deps/tour".into(),
                arguments: ["--exact", "it reads"].map(Into::into).to_vec(),
                environment: vec![("CARGO_MANIFEST_DIR".into(), "/w".into())],
                directory: "/w".into(),
            },
            timeout: Some(Timeout::new(Duration::from_mins(1))),
            limits: Limits { memory: Some(Bytes::mib(64)), ..Limits::default() },
            measured: true,
            inherit_stdio: false,
            interactive: None,
            leak_grace: SandboxPlan::LEAK_GRACE,
            output_bytes: 0,
        };
        let title = "the test `tour it reads`";
        let (hierarchies, idle, environment) = (&[], &[], &[]);
        explain(&Explained { title, template: &template, plan: &plan, hierarchies, idle, environment })
    }

    #[test]
    fn a_test_of_root_and_one_of_a_user_are_explained() {
        assert_data_eq!(script(0, Network::Loopback), file!["of-root.txt"].raw());
        assert_data_eq!(script(1000, Network::Host), file!["of-a-user.txt"].raw());
    }
}
