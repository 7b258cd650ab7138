//! Ordinary users for whom root has prepared something.

use crate::observed::Seen;
use crate::promise::Kept;
use crate::supervisors;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Somebody without an entry in `/etc/passwd`.
pub(crate) const USER: u32 = 61_234;

/// Has root play `preparing`, with the name of a part for the user and a new directory as its arguments.
pub(crate) fn as_user(preparing: &str, part: &str) -> Kept {
    let parent = if Path::new("/home").is_dir() { "/home" } else { "/tmp" };
    let place = tempfile::Builder::new().prefix("isotest-e2e-").tempdir_in(parent)?;
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755))?;
    Seen::run(supervisors::command(preparing)?.arg(part).arg(place.path()))?.did()?;
    Ok(())
}

/// Plays `part` as the user, with copies in `place` of what this user may not reach, and with `root` as its argument.
pub(crate) fn play(part: &OsStr, place: &Path, root: &Path) -> Kept {
    let (program, probe) = (place.join("program"), place.join("probe"));
    fs::copy(env::current_exe()?, &program)?;
    fs::copy(crate::probe_binary::find_probe()?, &probe)?;
    let mut command = Command::new(program);
    let command = command.args(["--as-supervisor".as_ref(), part, root.as_os_str()]);
    Seen::run(command.uid(USER).gid(USER).current_dir("/"))?.did()?;
    Ok(())
}

/// Gives the user all of it.
pub(crate) fn hand_over(path: &Path) -> Kept {
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path)? {
            hand_over(&entry?.path())?;
        }
    }
    lchown(path, Some(USER), Some(USER))?;
    Ok(())
}
