//! Remedies for what a host refuses, with commands to paste. Pure.

use isotest_core::host::surroundings::Surroundings;
use isotest_core::host::{CgroupMount, Refusal};
use isotest_core::namespace::Namespace;
use isotest_core::policy::Capability;
use isotest_core::step::{Step, StepError};
use nix::libc;
use std::path::Path;

/// Unavailable capability, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// Unavailable capability.
    pub(crate) capability: Capability,
    /// Reason, as the kernel gave it.
    pub(crate) reason: String,
    /// Failed step, if a step failed.
    pub(crate) error: Option<StepError>,
}

impl From<Refusal> for Obstacle {
    fn from(Refusal { capability, error }: Refusal) -> Self {
        Self { capability, reason: error.to_string(), error: Some(error) }
    }
}

impl From<(Capability, String)> for Obstacle {
    fn from((capability, reason): (Capability, String)) -> Self {
        Self { capability, reason, error: None }
    }
}

/// Remedy that makes capabilities available. Any one of several remedies for a capability is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remedy {
    /// Capabilities that the remedy makes available.
    pub(crate) serves: Vec<Capability>,
    /// Cause, and how to remove it.
    pub(crate) why: String,
    /// Shell commands, in order; empty where none helps.
    pub(crate) commands: Vec<String>,
}

/// Host facts that remedies depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// User, container, security modules and settings.
    pub(crate) surroundings: &'a Surroundings,
    /// Cgroup hierarchies.
    pub(crate) cgroups: &'a [CgroupMount],
}

/// Returns the remedies for `obstacles`, each once.
pub(crate) fn remedies(obstacles: &[Obstacle], place: Place<'_>) -> Vec<Remedy> {
    let mut remedies: Vec<Remedy> = Vec::new();
    let measures = obstacles.iter().any(|obstacle| obstacle.capability.is_metric());
    for obstacle in obstacles {
        for (why, commands) in place.ways(obstacle, measures).into_iter().map(|way| place.without_sudo(way)) {
            match remedies.iter_mut().find(|other| other.why == why && other.commands == commands) {
                Some(same) if same.serves.contains(&obstacle.capability) => {}
                Some(same) => same.serves.push(obstacle.capability),
                None => remedies.push(Remedy { serves: vec![obstacle.capability], why, commands }),
            }
        }
    }
    remedies
}

/// Cause and commands of a remedy.
type Way = (String, Vec<String>);

fn way(why: impl Into<String>, commands: impl IntoIterator<Item = String>) -> Way {
    (why.into(), commands.into_iter().collect())
}

impl Place<'_> {
    fn ways(self, obstacle: &Obstacle, measures: bool) -> Vec<Way> {
        let Some(error) = &obstacle.error else {
            return if obstacle.capability.is_metric() { self.figures(obstacle) } else { Vec::new() };
        };
        match error.errno {
            libc::ENOSPC if error.step.makes_namespaces() => vec![self.limit(obstacle.capability)],
            libc::EPERM | libc::EACCES | libc::ENOSYS if self.is_contained() => {
                vec![self.container(measures)]
            }
            libc::EPERM | libc::EACCES => self.permission(error),
            libc::ENOSYS if self.surroundings.seccomp => vec![way(
                "a seccomp filter blocks the system call with ENOSYS: start the command without the filter",
                [],
            )],
            libc::ENOSYS | libc::ENODEV => vec![way(
                "the kernel lacks support: Linux 5.12 or newer with user namespaces and overlayfs is required",
                [],
            )],
            _ => error.known_hint().map(|hint| way(hint, [])).into_iter().collect(),
        }
    }

    /// Adds to the cause that `sudo` does not work in this shell, where no_new_privs is set.
    fn without_sudo(self, (why, commands): Way) -> Way {
        let Surroundings { uid, no_new_privs, .. } = self.surroundings;
        let is_refused =
            *uid != 0 && *no_new_privs && commands.iter().any(|command| command.starts_with("sudo "));
        let elsewhere = "`sudo` does not work in this shell, which has no_new_privs set: use another shell";
        (if is_refused { format!("{why} ({elsewhere})") } else { why }, commands)
    }

    /// Returns whether a container confines this process: by a seccomp filter, by masks over /proc, or by a root user
    /// without `CAP_SYS_ADMIN`.
    fn is_contained(self) -> bool {
        let Surroundings { container, uid, can_administer, seccomp, masked_proc, .. } = self.surroundings;
        (container.is_some() && (*seccomp || !masked_proc.is_empty())) || (*uid == 0 && !can_administer)
    }

    fn sudo(self) -> &'static str {
        if self.surroundings.uid == 0 { "" } else { "sudo " }
    }

    fn limit(self, capability: Capability) -> Way {
        let is_zero = |name: &str| self.surroundings.setting(name) == Some("0");
        let of_user = "user.max_user_namespaces";
        let own = Namespace::for_capability(capability).map_or(of_user, |namespace| namespace.limit);
        let name = if is_zero(of_user) { of_user } else { own };
        let value = self.surroundings.setting(name).unwrap_or("unknown");
        let why = format!("the limit of namespaces is reached (`{name}` is {value}): raise it");
        way(why, [format!("{}sysctl -w {name}=15000", self.sudo())])
    }

    fn permission(self, error: &StepError) -> Vec<Way> {
        let Surroundings { uid, masked_proc, seccomp, apparmor, .. } = self.surroundings;
        let sysctl = |setting: &str| format!("{}sysctl -w {setting}", self.sudo());
        if *uid != 0 && self.surroundings.setting("kernel.unprivileged_userns_clone") == Some("0") {
            let why = "only root may create user namespaces (`kernel.unprivileged_userns_clone` is 0): allow all users";
            return vec![way(why, [sysctl("kernel.unprivileged_userns_clone=1")])];
        }
        let restriction = "kernel.apparmor_restrict_unprivileged_userns";
        if *uid != 0 && self.surroundings.setting(restriction).is_some_and(|value| value != "0") {
            let why = "AppArmor restricts user namespaces to programs with a profile";
            return vec![
                way(format!("{why}: add a profile for this program"), [self.profile(true)]),
                way(
                    format!("{why}: turn the restriction off for all programs"),
                    [sysctl(&format!("{restriction}=0"))],
                ),
            ];
        }
        if matches!(error.step, Step::MountTemplateProc | Step::MountProc) && !masked_proc.is_empty() {
            let paths: Vec<_> = masked_proc.iter().map(|path| path.to_string_lossy()).collect();
            let why = "parts of /proc are masked by mounts, so the kernel refuses to mount a new /proc: unmount them";
            return vec![way(why, [format!("{}umount {}", self.sudo(), paths.join(" "))])];
        }
        if let Some(profile) = apparmor.as_ref().filter(|label| confines(label)) {
            let why = format!("the AppArmor profile `{profile}` may confine this program: replace it");
            return vec![way(why, [self.profile(false)])];
        }
        let who = if *seccomp { "the active seccomp filter or " } else { "" };
        let why =
            format!("{who}another security policy, such as Landlock or SELinux, denies it: run the command");
        vec![way(format!("{why} outside of it"), [])]
    }

    /// Returns the command that installs an unconfined AppArmor profile, with a rule for user namespaces if
    /// `restricted`.
    fn profile(self, restricted: bool) -> String {
        let program = self.surroundings.program.display();
        let (abi, rule) = if restricted { ("'abi <abi/4.0>,' ", " '  userns,'") } else { ("", "") };
        let sudo = self.sudo();
        let file = "/etc/apparmor.d/cargo-isotest";
        format!(
            "printf '%s\\n' {abi}'include <tunables/global>' 'profile cargo-isotest \"{program}\" \
             flags=(unconfined) {{'{rule} '}}' | {sudo}tee {file} && {sudo}apparmor_parser -r {file}"
        )
    }

    /// Returns the flags that lift all restrictions of the container engine, since any one of them makes a sandbox fail.
    fn container(self, measures: bool) -> Way {
        let why = "the container is too restricted: start it with";
        let cgroup = " --cgroupns host --volume /sys/fs/cgroup:/sys/fs/cgroup:rw";
        let cgroup = if measures { cgroup } else { "" };
        match self.surroundings.container.as_deref() {
            Some("kubernetes") => way(
                "the container is too restricted: add to the pod's manifest",
                ["securityContext: { privileged: true }".to_owned()],
            ),
            Some("podman") => way(
                why,
                [format!(
                    "podman run --cap-add SYS_ADMIN --security-opt seccomp=unconfined \
                     --security-opt apparmor=unconfined --security-opt unmask=ALL{cgroup}"
                )],
            ),
            _ => way(
                why,
                [format!(
                    "docker run --cap-add SYS_ADMIN --security-opt seccomp=unconfined \
                     --security-opt apparmor=unconfined --security-opt systempaths=unconfined{cgroup}"
                )],
            ),
        }
    }

    fn figures(self, obstacle: &Obstacle) -> Vec<Way> {
        let Surroundings { uid, systemd, user_manager, .. } = self.surroundings;
        if self.cgroups.is_empty() {
            let command = format!("{}mount -t cgroup2 none /sys/fs/cgroup", self.sudo());
            return vec![way("no cgroup hierarchy is mounted: mount one", [command])];
        }
        let has_unified = self.cgroups.iter().any(|mount| mount.unified);
        let is_pressure = obstacle.capability == Capability::Pressure;
        if is_pressure && has_unified && obstacle.reason.contains("the kernel keeps no") {
            return vec![way(
                "the kernel has pressure stall information (PSI) disabled: boot with `psi=1`",
                [],
            )];
        }
        if self.is_contained() {
            return vec![self.container(true)];
        }
        if is_pressure && !has_unified {
            let (sudo, place) = (self.sudo(), "/sys/fs/cgroup/unified");
            let command = format!("{sudo}mkdir -p {place} && {sudo}mount -t cgroup2 none {place}");
            return vec![way(
                "pressure is available in cgroup v2 only, which is not mounted: mount it",
                [command],
            )];
        }
        let scope = "systemd-run --scope -p Delegate=yes";
        match (*systemd, *uid) {
            (true, 0) => vec![way("run in a delegated cgroup", [format!("{scope} cargo isotest")])],
            (true, _) => {
                let own = format!("systemd-run --user {} cargo isotest", &scope["systemd-run ".len()..]);
                let agent = format!(
                    "sudo -E {scope} -p User=$(id -u) --uid=$(id -u) --gid=$(id -g) env \"PATH=$PATH\" cargo isotest"
                );
                let of_own = user_manager.then(|| way("run in a delegated cgroup", [own]));
                of_own.into_iter().chain([way("run in a cgroup delegated by root", [agent])]).collect()
            }
            (false, 0) => vec![self.alone()],
            (false, _) => vec![self.handed_over()],
        }
    }

    /// Returns the remedy for root in a cgroup v2 that has processes of its own, which keeps controllers disabled below.
    fn alone(self) -> Way {
        let own = self.cgroups.iter().find(|mount| mount.unified).map(|mount| mount.own.display());
        let commands = own.map(|own| {
            format!(
                "mkdir -p {own}/isotest-shell; for p in $(cat {own}/cgroup.procs); do echo $p \
                 >{own}/isotest-shell/cgroup.procs; done"
            )
        });
        way("this cgroup contains other processes: move them to a child cgroup", commands)
    }

    /// Returns the remedy for a user without systemd: a cgroup owned by the user in each hierarchy. In v2, the shell must
    /// be in the cgroup too.
    fn handed_over(self) -> Way {
        const OF_USE: [&str; 5] = ["memory", "pids", "cpuacct", "cpu", "blkio"];
        let Surroundings { uid, gid, .. } = self.surroundings;
        let is_of_use =
            |mount: &&CgroupMount| mount.controllers.iter().any(|name| OF_USE.contains(&name.as_str()));
        let own: Vec<_> =
            self.cgroups.iter().filter(is_of_use).map(|mount| mount.own.join("isotest")).collect();
        let own = own.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let v1 = format!("sudo mkdir -p {own} && sudo chown {uid}:{gid} {own}");
        let v2 = self.cgroups.iter().find(|mount| mount.unified);
        let v2 =
            v2.map(|mount| unified(&mount.mount_point, &mount.mount_point.join("isotest"), (*uid, *gid)));
        let commands = (!own.is_empty()).then_some(v1).into_iter().chain(v2);
        way("give this user a cgroup", commands)
    }
}

/// Returns whether an AppArmor label confines: it is neither unconfined nor in complain mode (apparmor(7)).
fn confines(label: &str) -> bool {
    label != "unconfined" && !label.ends_with(" (unconfined)") && !label.ends_with(" (complain)")
}

/// Returns the command that creates a cgroup v2 at `top`, owned by the user, and moves the calling shell into it.
fn unified(root: &Path, top: &Path, (uid, gid): (u32, u32)) -> String {
    let (root, top) = (root.display(), top.display());
    format!(
        "sudo sh -c \"for c in memory pids cpu io; do echo +\\$c >{root}/cgroup.subtree_control; done 2>/dev/null; mkdir -p \
         {top}/shell && cd {top} && chown {uid}:{gid} . cgroup.procs cgroup.subtree_control cgroup.threads shell \
         shell/cgroup.procs && echo $$ >shell/cgroup.procs\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(capability: Capability, step: Step, errno: i32) -> Obstacle {
        Refusal { capability, error: StepError { step, errno, subject: None, entry: None } }.into()
    }

    fn commands(obstacles: &[Obstacle], surroundings: &Surroundings) -> Vec<String> {
        let own = "/sys/fs/cgroup/user.slice".into();
        let mount_point = "/sys/fs/cgroup".into();
        let mount = CgroupMount { mount_point, own, unified: true, controllers: Vec::new() };
        let remedies = remedies(obstacles, Place { surroundings, cgroups: &[mount] });
        remedies.into_iter().flat_map(|remedy| remedy.commands).collect()
    }

    fn user() -> Surroundings {
        Surroundings {
            uid: 1000,
            gid: 1000,
            program: "/opt/a b/cargo-isotest".into(),
            ..Surroundings::default()
        }
    }

    #[test]
    fn a_setting_that_refuses_is_the_one_that_is_changed() {
        let obstacle = refused(Capability::User, Step::UnshareZygote, libc::EPERM);
        let settings = vec![("kernel.unprivileged_userns_clone", "0".to_owned())];
        let found = commands(std::slice::from_ref(&obstacle), &Surroundings { settings, ..user() });
        assert_eq!(found, ["sudo sysctl -w kernel.unprivileged_userns_clone=1"]);
        let settings = vec![("kernel.unprivileged_userns_clone", "1".to_owned())];
        assert_eq!(commands(&[obstacle], &Surroundings { settings, ..user() }), [""; 0]);
    }

    #[test]
    fn a_limit_of_zero_user_namespaces_is_the_limit_of_all() {
        let settings = |name| vec![(name, "0".to_owned())];
        for (name, setting) in [
            ("user.max_user_namespaces", "user.max_user_namespaces"),
            ("user.max_net_namespaces", "user.max_net_namespaces"),
        ] {
            let obstacle = refused(Capability::Net, Step::UnshareZygote, libc::ENOSPC);
            let surroundings = Surroundings { settings: settings(name), ..user() };
            assert_eq!(commands(&[obstacle], &surroundings), [format!("sudo sysctl -w {setting}=15000")]);
        }
    }

    #[test]
    fn what_is_full_or_short_is_told_apart_from_what_is_forbidden() {
        for (capability, step, errno, says) in [
            (Capability::Net, Step::MakeNetwork, libc::ENOSPC, "limit of namespaces"),
            (Capability::CopyOnWrite, Step::MakeLayers, libc::ENOSPC, "the tmpfs of the sandbox is full"),
            (Capability::Mount, Step::MountRoot, libc::ENOSPC, "the limit on mounts"),
            (Capability::User, Step::CloneInit, libc::EAGAIN, "ulimit -u"),
        ] {
            let obstacle = refused(capability, step, errno);
            let found = remedies(&[obstacle], Place { surroundings: &user(), cgroups: &[] });
            assert!(matches!(found.as_slice(), [only] if only.why.contains(says)), "{found:?}");
        }
    }

    #[test]
    fn apparmor_is_told_of_this_program_or_lifted_for_all() {
        let settings = vec![("kernel.apparmor_restrict_unprivileged_userns", "1".to_owned())];
        let obstacle = refused(Capability::User, Step::MapZygote, libc::EACCES);
        let found = commands(&[obstacle], &Surroundings { settings, ..user() });
        assert!(found[0].contains("'profile cargo-isotest \"/opt/a b/cargo-isotest\" flags=(unconfined) {'"));
        assert!(found[0].contains("'  userns,'"), "{}", found[0]);
        assert_eq!(found[1..], ["sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"]);
    }

    #[test]
    fn one_call_of_the_container_engine_lifts_all_its_walls() {
        let obstacles = [
            refused(Capability::User, Step::UnshareZygote, libc::EPERM),
            refused(Capability::Rootfs, Step::MountTemplateProc, libc::EPERM),
            refused(Capability::Pid, Step::ForkZygote, libc::ENOSYS),
            (Capability::Memory, "Read-only file system".to_owned()).into(),
        ];
        let surroundings = Surroundings { container: Some("docker".into()), seccomp: true, ..user() };
        let remedies = remedies(&obstacles[..3], Place { surroundings: &surroundings, cgroups: &[] });
        assert_eq!(remedies.len(), 1);
        assert_eq!(remedies[0].serves, [Capability::User, Capability::Rootfs, Capability::Pid]);
        let found = commands(&obstacles, &surroundings);
        assert_eq!(found.len(), 1, "{found:?}");
        for flag in ["SYS_ADMIN", "seccomp=", "apparmor=", "systempaths=", "/sys/fs/cgroup:rw"] {
            assert!(found[0].contains(flag), "{flag}");
        }
    }

    #[test]
    fn a_cgroup_comes_from_systemd_where_there_is_one() {
        let memory = [Obstacle::from((Capability::Memory, "not delegated".to_owned()))];
        let systemd = Surroundings { systemd: true, user_manager: true, ..user() };
        let found = commands(&memory, &systemd);
        assert_eq!(found[0], "systemd-run --user --scope -p Delegate=yes cargo isotest");
        assert!(found[1].starts_with("sudo -E systemd-run --scope "), "{}", found[1]);
        let found = commands(&memory, &user());
        assert!(found[0].contains("chown 1000:1000 ."), "{}", found[0]);
    }

    #[test]
    fn every_version_1_hierarchy_that_measures_or_limits_is_handed_over() {
        let mount = |name: &str| CgroupMount {
            mount_point: Path::new("/sys/fs/cgroup").join(name),
            own: Path::new("/sys/fs/cgroup").join(name).join("a"),
            unified: false,
            controllers: vec![name.to_owned()],
        };
        let mounts = ["memory", "pids", "cpuacct", "cpu", "blkio", "freezer"].map(mount);
        let limit = [Obstacle::from((Capability::Cpu, "no cgroup".to_owned()))];
        let found = remedies(&limit, Place { surroundings: &user(), cgroups: &mounts });
        let command = &found[0].commands[0];
        for name in ["memory", "pids", "cpuacct", "cpu", "blkio"] {
            assert_eq!(command.matches(&format!("/{name}/a/isotest")).count(), 2, "{name}: {command}");
        }
        assert!(!command.contains("freezer"), "{command}");
    }

    #[test]
    fn a_profile_that_confines_nothing_refuses_nothing() {
        let why = |label: &str| {
            let surroundings = Surroundings { apparmor: Some(label.to_owned()), ..user() };
            let obstacle = refused(Capability::User, Step::UnshareZygote, libc::EPERM);
            let found = remedies(&[obstacle], Place { surroundings: &surroundings, cgroups: &[] });
            found.into_iter().map(|remedy| remedy.why).collect::<String>()
        };
        for label in ["unconfined", "vscode (unconfined)", "trial (complain)"] {
            assert!(!why(label).contains("AppArmor"), "{label}: {}", why(label));
        }
        assert!(why("docker-default (enforce)").contains("AppArmor"), "control");
    }

    #[test]
    fn pressure_that_version_1_cannot_count_needs_version_2_and_no_other_kernel() {
        let mount = |unified| CgroupMount {
            mount_point: "/sys/fs/cgroup/x".into(),
            own: "/sys/fs/cgroup/x".into(),
            unified,
            controllers: Vec::new(),
        };
        let reason = "the kernel keeps no pressure figures here".to_owned();
        let obstacle = [Obstacle::from((Capability::Pressure, reason))];
        let found = |unified| {
            let mounts = [mount(unified)];
            remedies(&obstacle, Place { surroundings: &user(), cgroups: &mounts })
        };
        assert!(!found(false)[0].why.contains("psi=1"), "{:?}", found(false));
        assert!(found(false)[0].commands[0].contains("sudo mount -t cgroup2 none "), "{:?}", found(false));
        assert!(found(true)[0].why.contains("psi=1"), "control: {:?}", found(true));
    }

    #[test]
    fn sudo_that_is_refused_is_typed_elsewhere() {
        let settings = vec![("user.max_net_namespaces", "0".to_owned())];
        let obstacle = [refused(Capability::Net, Step::UnshareZygote, libc::ENOSPC)];
        let why = |uid, no_new_privs| {
            let surroundings = Surroundings { uid, no_new_privs, settings: settings.clone(), ..user() };
            let surroundings = Surroundings { can_administer: uid == 0, ..surroundings };
            remedies(&obstacle, Place { surroundings: &surroundings, cgroups: &[] })[0].why.clone()
        };
        assert!(why(1000, true).contains("`sudo` does not work in this shell"), "{}", why(1000, true));
        for (uid, no_new_privs) in [(1000, false), (0, true)] {
            assert!(!why(uid, no_new_privs).contains("sudo"), "{}", why(uid, no_new_privs));
        }
    }

    #[test]
    fn root_needs_no_sudo() {
        let obstacle = refused(Capability::Net, Step::UnshareZygote, libc::ENOSPC);
        let root = Surroundings { can_administer: true, ..Surroundings::default() };
        assert_eq!(commands(&[obstacle], &root), ["sysctl -w user.max_net_namespaces=15000"]);
    }
}
