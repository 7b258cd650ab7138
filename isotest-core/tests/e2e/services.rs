//! Services of the host that listen below `/run`: no sandbox reaches them.

use crate::observed::Seen;
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::supervisors;
use crate::users::{as_user, hand_over, play};
use isotest_core::plan::Views;
use libtest_mimic::Failed;
use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("no_service_below_run_is_reached", of_caller),
    Promise::new("no_service_below_run_is_reached_by_a_user", of_a_user).needs(&[Need::Root]),
];

/// Where services listen, at different depths; the last one in a directory that users may enter but not read.
const SOCKETS: [&str; 4] =
    ["/run/socket", "/run/service/deep/socket", "/run/resolver/socket", "/run/closed/socket"];

/// Where services listen that a sandbox does reach: for the names of users, and because it was asked for.
const REACHED: [&str; 2] = ["/run/nslcd/socket", "/run/asked/socket"];

const FILES: [&str; 4] =
    ["/run/plain/file", "/run/resolver/file", "/run/resolver/files/names", "/run/service/deep/file"];

fn of_caller(_: &Suite) -> Kept {
    Seen::run(&mut supervisors::command("with_services")?)?.did()?;
    Ok(())
}

fn of_a_user(_: &Suite) -> Kept {
    as_user("services_for_a_user", "user_with_services")
}

/// A supervisor with a `/run` of its own.
pub(crate) fn with_services(_: &[OsString]) -> Kept {
    let root = nix::unistd::geteuid().is_root();
    supervisors::enter(if root { CloneFlags::empty() } else { CloneFlags::CLONE_NEWUSER })?;
    let _listening = listen()?;
    reaches_none()
}

/// Root, which has services in a `/run` of its own.
pub(crate) fn services_for_a_user(arguments: &[OsString]) -> Kept {
    let [part, place] = arguments else { return Err("a part and a directory are needed".into()) };
    let _listening = listen()?;
    hand_over(Path::new("/run/service/own"))?;
    play(part, Path::new(place), Path::new("/run"))
}

pub(crate) fn user_with_services(_: &[OsString]) -> Kept {
    reaches_none()
}

/// Makes a `/run`, and listens there.
fn listen() -> Result<Vec<UnixListener>, Failed> {
    supervisors::enter(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))?;
    fs::create_dir_all("/run/service/own")?;
    for path in SOCKETS.iter().chain(&REACHED).chain(&FILES) {
        fs::create_dir_all(Path::new(path).parent().unwrap_or(Path::new("/run")))?;
    }
    for file in FILES {
        fs::write(file, "there")?;
        fs::set_permissions(file, Permissions::from_mode(0o666))?;
    }
    symlink("../plain/file", "/run/resolver/link")?;
    let listen = |path: &&str| -> Result<_, Failed> {
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o666))?;
        Ok(listener)
    };
    let listening = SOCKETS.iter().chain(&REACHED).map(listen).collect::<Result<_, _>>()?;
    fs::set_permissions("/run/closed", Permissions::from_mode(0o711))?;
    Ok(listening)
}

fn reaches_none() -> Kept {
    let suite = Suite::without_cgroups()?;
    let views = Views {
        copy_on_write: vec!["/run/service/own".into()],
        read_only: vec!["/run/asked".into()],
        ..Views::default()
    };
    let wish = Wish { views, ..suite.wish() };
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    let mut inside = |arguments: &[&str]| wish.attempt(&mut slot, arguments);
    for socket in SOCKETS {
        inside(&["unix_connect", socket])?.refused("ENOENT")?;
        suite.outside(&["unix_connect", socket])?.did()?;
    }
    for socket in REACHED {
        inside(&["unix_connect", socket])?.did()?;
    }
    for file in FILES.iter().chain(&["/run/resolver/link"]) {
        assert_eq!(inside(&["read", file])?.did()?.stdout, b"there", "{file}");
        inside(&["append", file])?.refused("EROFS")?;
    }
    inside(&["write", "/run/service/beside"])?.refused("EROFS")?;
    inside(&["write", "/run/service/own/new"])?.did()?;
    assert!(!Path::new("/run/service/own/new").exists());
    suite.outside(&["write", "/run/service/own/new"])?.did()?;
    Ok(())
}
