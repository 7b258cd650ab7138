//! This program executed once more, as a supervisor in surroundings of its own: one that is killed, one with a
//! terminal, one in namespaces where it may change what the suite may not.

use crate::observed::Seen;
use crate::sandboxed::Suite;
use crate::{
    adversary, endings, faults, foreign, killed_supervisors, leftovers, rootfs, services, steps, submounts,
    surroundings,
};
use libtest_mimic::Failed;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The first argument of a supervisor.
const MARK: &str = "--as-supervisor";

/// A part that this program plays: its name, and what it does with its arguments.
type Part = (&'static str, fn(&[OsString]) -> Result<(), Failed>);

const PARTS: &[Part] = &[
    ("unshared", unshared),
    ("inside", surroundings::inside),
    ("in_shell", surroundings::in_shell),
    ("on_a_terminal", surroundings::on_a_terminal),
    ("with_submount", rootfs::with_submount),
    ("sharing_mounts", rootfs::sharing_mounts),
    ("hides_run", rootfs::hides_run),
    ("user_without_run", rootfs::user_without_run),
    ("with_services", services::with_services),
    ("services_for_a_user", services::services_for_a_user),
    ("user_with_services", services::user_with_services),
    ("mounts_for_a_user", submounts::mounts_for_a_user),
    ("user_beside_mount", submounts::user_beside_mount),
    ("user_beside_many", submounts::user_beside_many),
    ("user_beside_much", submounts::user_beside_much),
    ("files_of_others", foreign::files_of_others),
    ("user_with_files_of_others", foreign::user_with_files_of_others),
    ("long_attempt", killed_supervisors::long_attempt),
    ("few_attempts", faults::few_attempts),
    ("establish", killed_supervisors::establish),
    ("many_attempts", leftovers::many_attempts),
    ("without_descriptors", steps::without_descriptors),
    ("joins_without_descriptors", steps::joins_without_descriptors),
    ("late_guest", steps::late_guest),
    ("long_output", endings::with_long_output),
    ("with_session_keyring", adversary::with_session_keyring),
];

/// Plays the part that the command line names; `None` if it names none.
#[expect(clippy::print_stderr, reason = "the suite reads there what failed")]
pub(crate) fn run_as_one() -> Option<ExitCode> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let (mark, rest) = arguments.split_first()?;
    let (name, rest) = rest.split_first().filter(|_| mark == MARK)?;
    let (_, part) = PARTS.iter().find(|(part, _)| name == part)?;
    Some(match part(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{}", failed.message().unwrap_or("failed"));
            ExitCode::FAILURE
        }
    })
}

/// This program as a supervisor that plays `part`.
pub(crate) fn command(part: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args([MARK, part]);
    Ok(command)
}

/// A program on the host, for its arguments to be added, in new namespaces of its own.
pub(crate) fn in_new(namespaces: CloneFlags, program: impl AsRef<OsStr>) -> io::Result<Command> {
    let mut command = command("unshared")?;
    command.arg(namespaces.bits().to_string()).arg(program);
    Ok(command)
}

impl Suite {
    /// The probe on the host, with all capabilities in new namespaces of its own: what it changes is nobody's.
    pub(crate) fn unshared(&self, namespaces: CloneFlags, arguments: &[&str]) -> Result<Seen, Failed> {
        Seen::run(in_new(namespaces | CloneFlags::CLONE_NEWUSER, &self.probe)?.args(arguments))
    }
}

fn unshared(arguments: &[OsString]) -> Result<(), Failed> {
    let [flags, program, arguments @ ..] = arguments else {
        return Err("flags and a program are needed".into());
    };
    let flags = flags.to_str().and_then(|flags| flags.parse().ok()).ok_or("flags are a number")?;
    enter(CloneFlags::from_bits_retain(flags))?;
    Err(Command::new(program).args(arguments).exec().into())
}

/// Enters new namespaces; in a user namespace as its root.
pub(crate) fn enter(flags: CloneFlags) -> io::Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(flags)?;
    if flags.contains(CloneFlags::CLONE_NEWUSER) {
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    }
    Ok(())
}
