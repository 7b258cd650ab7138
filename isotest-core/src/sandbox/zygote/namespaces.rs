//! Enters new namespaces, and maps ids into them.

use crate::plan::Template;
use crate::step::{Step, StepError};
use crate::sys::clone3::{Side, SingleThreaded, clone3};
use nix::fcntl::{OFlag, openat};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{getegid, geteuid, write};
use std::fs::{self, File};
use std::io;

/// Forks into new namespaces, which `subject` names; those of a caller without capabilities belong to a user namespace
/// in which it has them.
pub(super) fn fork_into(
    proof: &SingleThreaded,
    subject: &str,
    mut flags: CloneFlags,
    outer_user: bool,
) -> Result<Side, StepError> {
    let (uid, gid) = (geteuid(), getegid());
    let and_user = if outer_user && subject != "user" { "user " } else { "" };
    if outer_user {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    Step::UnshareZygote.on(format_args!("{and_user}{subject}"), || unshare(flags))?;
    if outer_user {
        let write = |file: &str, text: &str| Step::MapZygote.on(file, || fs::write(file, text));
        // Otherwise the kernel refuses an ordinary user's group map (user_namespaces(7)).
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/uid_map", &format!("{uid} {uid} 1"))?;
        write("/proc/self/gid_map", &format!("{gid} {gid} 1"))?;
    }
    Step::ForkZygote.run(|| clone3(proof, 0))
}

/// Maps ids into the user namespace of a process, which is named as `proc` shows it. Only a process of the parent
/// user namespace may map more than one id, so it is done from here.
pub(super) fn map_ids(template: &Template, proc: &File, process: &str) -> Result<(), StepError> {
    for (file, map) in [("uid_map", &template.uid_map), ("gid_map", &template.gid_map)] {
        Step::MapIds.on(file, || -> io::Result<()> {
            let path = format!("{process}/{file}");
            let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
            let map_file = openat(proc, path.as_str(), flags, Mode::empty())?;
            Ok(write(map_file, map.as_bytes()).map(drop)?)
        })?;
    }
    Ok(())
}
