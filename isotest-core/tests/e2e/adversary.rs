//! What a workload that means harm gets at: with all capabilities in its own namespaces, if root runs it.

use crate::observed::{Seen, text};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::supervisors;
use isotest_core::plan::{Network, Views};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("no_attack_opens_what_is_guarded", guarded),
    Promise::new("the_same_attacks_open_what_it_has_guarded_itself", guarded_itself).needs(&[Need::Root]),
    Promise::new("root_may_write_the_settings_of_its_own_network", own_settings).needs(&[Need::Root]),
    Promise::new("a_session_keyring_is_of_one_attempt", session_keyring),
];

/// How many times `pry` attacks.
const ATTACKS: usize = 60;

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
        let stores = suite.template(&wish).private.stores;
        paths.extend(stores.into_iter().map(|store| store.join("private-0")));
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
    Seen::of(&mut command)?.did()?;
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
