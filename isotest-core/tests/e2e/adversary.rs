//! What a workload that means harm gets at: with all capabilities in its own namespaces, if root runs it.

use crate::observed::{Seen, text};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::supervisors;
use isotest_core::host::CgroupMount;
use isotest_core::outcome::Outcome;
use isotest_core::plan::{Network, Views};
use nix::sched::CloneFlags;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("no_attack_opens_what_is_guarded", guarded),
    Promise::new("the_same_attacks_open_what_it_has_guarded_itself", guarded_itself).needs(&[Need::Root]),
    Promise::new("root_may_write_the_settings_of_its_own_network", own_settings).needs(&[Need::Root]),
    Promise::new("a_session_keyring_is_of_one_attempt", session_keyring),
    Promise::new("root_finds_no_version_1_cgroup_of_the_host", cgroups_of_the_host)
        .needs(&[Need::Root, Need::V1]),
    Promise::new("what_root_does_to_its_cgroup_ends_with_the_attempt", own_cgroup)
        .needs(&[Need::Root, Need::V1]),
    Promise::new("what_root_puts_over_its_proc_holds_nobody_up", covered_proc).needs(&[Need::Root]),
    Promise::new("what_has_frozen_itself_is_ended", frozen).needs(&[Need::Root, Need::V1]).alone(),
];

/// How many times `pry` attacks.
const ATTACKS: usize = 65;

/// What root may mount in namespaces of its own, all of it theirs or read-only.
const MOUNTABLE: [&str; 13] = [
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "cpuset",
    "devpts",
    "fuse",
    "mqueue",
    "overlay",
    "proc",
    "ramfs",
    "sysfs",
    "tmpfs",
];

fn guarded(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let file = scratch.path().join("file");
    fs::write(&file, "")?;
    let views = Views { read_only: vec![scratch.path().into()], ..Views::default() };
    for network in [Network::Loopback, Network::Host] {
        let wish = Wish { views: views.clone(), network, ..suite.wish() };
        let mut paths = vec![file.clone()];
        if suite.is_root() {
            paths.extend(interfaces());
        }
        assert!(paths.iter().all(|path| may_be_written(path)), "control: {paths:?}");
        let scratch = suite.template(&wish).private.scratch;
        paths.extend(scratch.into_iter().map(|scratch| scratch.join("private-0")));
        let words = paths.iter().map(|path| text(path)).collect::<Result<Vec<_>, _>>()?;
        let arguments: Vec<_> = std::iter::once("pry").chain(words).collect();
        let inside = suite.inside_with(&wish, &arguments)?;
        inside.did()?;
        assert_eq!(values(&inside, "opened"), Vec::<String>::new());
        if values(&inside, "tried").len() != ATTACKS {
            return Err(inside.unlike("every attack"));
        }
        let mounted = values(&inside, "mounted");
        assert!(mounted.iter().all(|kind| MOUNTABLE.contains(&kind.as_str())), "{mounted:?}");
    }
    Ok(())
}

/// One file of each part of `/proc` and `/sys` that root outside may write to, which is not done.
fn interfaces() -> Vec<PathBuf> {
    let tops =
        ["/proc", "/sys"].into_iter().flat_map(|top| fs::read_dir(top).into_iter().flatten().flatten());
    let of_system = tops.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // What is written to the one ends with the descriptor.
        name != "pressure" && name.parse::<u32>().is_err()
    });
    of_system.filter_map(|entry| writable_within(&entry.path())).collect()
}

fn writable_within(path: &Path) -> Option<PathBuf> {
    let meta = fs::symlink_metadata(path).ok()?;
    if meta.is_dir() {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        return entries
            .filter(|entry| !is_settings_of_network(&entry.path()))
            .find_map(|entry| writable_within(&entry.path()));
    }
    (meta.is_file() && !meta.permissions().readonly() && may_be_written(path)).then(|| path.to_owned())
}

/// They are the namespace's own.
fn is_settings_of_network(path: &Path) -> bool {
    path == Path::new("/proc/sys/net")
}

fn may_be_written(path: &Path) -> bool {
    OpenOptions::new().write(true).open(path).is_ok()
}

fn values(seen: &Seen, key: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(&seen.stdout).into_owned();
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).map(str::to_owned).collect()
}

fn guarded_itself(suite: &Suite) -> Kept {
    let inside = suite.inside(&["pry_own"])?;
    let opened = values(inside.did()?, "opened");
    for attack in ["mnt/unmount ", "mnt/remount ", "mnt/move ", "mnt+pid/unmount ", "here/remount "] {
        assert!(opened.iter().any(|line| line.starts_with(attack)), "{attack}: {opened:?}");
    }
    Ok(())
}

fn own_settings(suite: &Suite) -> Kept {
    const SETTING: &str = "/proc/sys/net/ipv4/ip_default_ttl";
    let before = fs::read(SETTING)?;
    let script = "echo 42 > \"$1\" && [ $(cat \"$1\") = 42 ]";
    let arguments = ["-c", script, "sh", SETTING];
    suite.inside_with(&suite.wish().program("/bin/sh"), &arguments)?.did()?;
    assert_eq!(fs::read(SETTING)?, before);
    let hosts = Wish { network: Network::Host, ..suite.wish() };
    suite.inside_with(&hosts, &["open_for_writing", SETTING])?.refused("EROFS")?;
    Ok(())
}

fn session_keyring(suite: &Suite) -> Kept {
    let supervisor = supervisors::command("with_session_keyring")?;
    let mut command = Command::new(&suite.probe);
    command.arg("in_session").arg(supervisor.get_program()).args(supervisor.get_args());
    Seen::run(&mut command)?.did()?;
    Ok(())
}

/// A supervisor that has a session keyring, as every login has.
pub(crate) fn with_session_keyring(_: &[OsString]) -> Kept {
    let suite = Suite::without_cgroups()?;
    suite.outside(&["keep_key", "isotest-outside"])?.did()?;
    suite.outside(&["find_key", "isotest-outside"])?.did()?;
    let wish = suite.wish();
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    wish.attempt(&mut slot, &["find_key", "isotest-outside"])?.refused("ENOKEY")?;

    let both =
        ["-c", "\"$0\" keep_key isotest-inside && \"$0\" find_key isotest-inside", text(&suite.probe)?];
    suite.wish().program("/bin/sh").attempt(&mut slot, &both)?.did()?;
    wish.attempt(&mut slot, &["find_key", "isotest-inside"])?.refused("ENOKEY")?;
    suite.outside(&["find_key", "isotest-inside"])?.refused("ENOKEY")?;
    Ok(())
}

/// Mounts the hierarchy of the controllers `$1` at `$2` and makes the directory `$3` in it.
const MOUNT: &str = "mkdir -p \"$2\" && mount -t cgroup -o \"$1\" none \"$2\" && mkdir \"$2/$3\"";

fn cgroups_of_the_host(suite: &Suite) -> Kept {
    let name = format!("isotest-e2e-{}", std::process::id());
    let hierarchies: Vec<_> =
        suite.host.cgroups.iter().filter(|mount| !mount.controllers.is_empty()).collect();
    assert!(!hierarchies.is_empty());
    let mounted = fs::read_to_string("/proc/self/mountinfo")?;
    for membership in fs::read_to_string("/proc/self/cgroup")?.lines() {
        let Some(controllers) = membership.split(':').nth(1).filter(|one| !one.is_empty()) else { continue };
        let is_mounted =
            mounted.lines().any(|mount| mount.contains(" - cgroup ") && mount.ends_with(controllers));
        let is_known = hierarchies.iter().any(|mount| mount.controllers.join(",") == controllers);
        assert!(is_known || !is_mounted, "{controllers}");
    }
    for mount in hierarchies {
        let controllers = match mount.controllers.join(",") {
            name if name.starts_with("name=") => format!("none,{name}"),
            controllers => controllers,
        };
        for measured in [true, false] {
            let wish = Wish { measured, ..suite.wish() }.program("/bin/sh");
            let arguments = ["-c", MOUNT, "sh", &controllers, "/tmp/cgroup", &name];
            suite.inside_with(&wish, &arguments)?.did()?;
            assert!(!mount.own.join(&name).exists(), "{controllers}");
            let left = fs::read_dir(&mount.own)?
                .flatten()
                .flat_map(|run| fs::read_dir(run.path()).into_iter().flatten());
            let left = left.flatten().map(|cell| cell.path().join(&name)).find(|path| path.exists());
            assert_eq!(left, None, "{controllers}");
        }
        let scratch = suite.scratch()?;
        let mut outside =
            supervisors::in_new(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWCGROUP, "/bin/sh")?;
        outside.args(["-c", MOUNT, "sh", &controllers]).arg(scratch.path().join("cgroup")).arg(&name);
        Seen::run(&mut outside)?.did()?;
        fs::remove_dir(mount.own.join(&name))?;
    }
    Ok(())
}

/// The hierarchy that carries this controller.
fn carrying<'suite>(suite: &'suite Suite, controller: &str) -> Option<&'suite CgroupMount> {
    let carries = |mount: &&CgroupMount| mount.controllers.iter().any(|carried| carried == controller);
    suite.host.cgroups.iter().find(carries)
}

fn own_cgroup(suite: &Suite) -> Kept {
    let Some(mount) = carrying(suite, "cpuset") else { return Ok(()) };
    let own = fs::read_to_string(mount.own.join("cpuset.cpus"))?;
    let template = suite.template(&suite.wish());
    let mut slot = suite.slot(&template)?;
    let sh = suite.wish().program("/bin/sh");
    let first = own.split([',', '-']).next().unwrap_or_default().trim();
    for (write, read) in [(first, first), ("", own.trim()), ("", own.trim()), ("", own.trim())] {
        let script = format!(
            "{MOUNT} && {{ [ -z \"$4\" ] || echo \"$4\" > \"$2/cpuset.cpus\"; }} && [ \"$(cat \"$2/cpuset.cpus\")\" = \"$5\" ]"
        );
        let arguments = ["-c", &script, "sh", "cpuset", "/tmp/cgroup", "below", write, read];
        sh.attempt(&mut slot, &arguments)?.did()?;
    }
    assert_eq!(fs::read_to_string(mount.own.join("cpuset.cpus"))?, own);
    Ok(())
}

fn covered_proc(suite: &Suite) -> Kept {
    let fifo = "mkfifo /tmp/x";
    let endless = "touch /tmp/x && mount --bind /dev/zero /tmp/x";
    // mount(8) wants to note in `/proc` what it has done.
    let whole = "mkdir /tmp/p && mount -t tmpfs none /tmp/p && mkdir -p /tmp/p/self/net && cd /tmp/p/self && \
                 for file in net/snmp net/snmp6 io; do \
                 if test -p /tmp/x; then mkfifo $file; else ln -s /dev/zero $file; fi; done && \
                 { mount --move /tmp/p /proc; ! test -e /proc/version; }";
    let parts = "mount --bind /tmp/x /proc/1/net/snmp && mount --bind /tmp/x /proc/1/net/snmp6";
    let template = suite.template(&suite.wish());
    let mut slot = suite.slot(&template)?;
    let wish = Wish { timeout: Some(Duration::from_secs(20)), ..suite.wish() }.program("/bin/sh");
    for thing in [fifo, endless] {
        for cover in [whole, parts] {
            let script = format!("{thing} && {cover} && exit 7");
            wish.attempt(&mut slot, &["-c", &script])?.outcome(&Outcome::Failed { code: 7 })?;
        }
    }
    // What else init looks for there: who was left running, and who could continue a workload that has stopped.
    let everybody = "mkdir -p /tmp/p && mount -t tmpfs none /tmp/p && cd /tmp/p && \
                     for pid in 1 2 3 4 5 6 7 8 9 10 11 12; do mkdir $pid; mkfifo $pid/stat $pid/cmdline; done && \
                     { mount --move /tmp/p /proc; ! test -e /proc/version; }";
    let left = format!("sleep 60 & {everybody} && exit 7");
    let attempt = wish.attempt(&mut slot, &["-c", &left])?;
    attempt.outcome(&Outcome::Failed { code: 7 })?;
    let named = &attempt.ending()?.left_running;
    assert!(named.iter().any(|process| process.command == "sleep 60"), "{named:?}");
    let stopped = format!("{everybody} && kill -STOP $$");
    let stop = Outcome::Signaled { signal: Signal::SIGSTOP as i32 };
    wish.attempt(&mut slot, &["-c", &stopped])?.outcome(&stop)?;
    suite.wish().attempt(&mut slot, &["exit", "0"])?.outcome(&Outcome::Passed)
}

fn frozen(suite: &Suite) -> Kept {
    if carrying(suite, "freezer").is_none() {
        return Ok(());
    }
    let template = suite.template(&suite.wish());
    let mut slot = suite.slot(&template)?;
    let wish = Wish { timeout: Some(Duration::from_millis(500)), ..suite.wish() }.program("/bin/sh");
    let freeze = format!("{MOUNT} && echo FROZEN > \"$2/freezer.state\"");
    let inside = wish.attempt(&mut slot, &["-c", &freeze, "sh", "freezer", "/tmp/cgroup", "below"])?;
    inside.outcome(&Outcome::TimedOut)?;
    suite.inside(&["exit", "0"])?.outcome(&Outcome::Passed)?;
    suite.wish().attempt(&mut slot, &["exit", "0"])?.outcome(&Outcome::Passed)
}
