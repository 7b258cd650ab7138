//! Moves this process into a cgroup of its own from systemd, where it gives one to whoever asks. This very process is
//! moved, so that nothing is executed again: standard streams, terminal, signals, environment and exit status stay as
//! they are, and if it is refused, nothing has happened. It is asked for by `busctl`, which comes with systemd.

use crate::host::Host;
use crate::policy::Capability;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

/// Time limit of the manager's answer and then of the move itself, enough even on a machine that is very busy.
const PATIENCE: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_millis(2);

/// Returns whether a scope of our own may bring what is missing: systemd is there, manages cgroups that count it, and
/// we have none.
pub fn may_help(host: &Host, missing: &[(Capability, String)]) -> bool {
    let counted = |capability| missing.iter().any(|(other, _)| *other == capability);
    let Some(unified) = host.cgroups.iter().find(|mount| mount.unified) else { return false };
    let controllers =
        || fs::read_to_string(unified.mount_point.join("cgroup.controllers")).unwrap_or_default();
    (counted(Capability::Memory) || counted(Capability::Pids))
        && !unified.own.ends_with(name())
        && Path::new("/run/systemd/system").is_dir()
        && controllers().contains("memory")
}

fn name() -> String {
    format!("isotest-{}.scope", std::process::id())
}

/// Moves this process into a scope with a delegated cgroup. The host is another one afterwards, and every cgroup that was
/// established before must have been closed.
///
/// # Errors
/// Reason why the process was not moved, in which case nothing has happened.
pub fn enter(uid: u32) -> Result<(), String> {
    let name = &name();
    if uid != 0 {
        outlives(&own_cgroup(), uid, || lingers(uid))?;
    }
    let (bus, socket) = manager(uid)?;
    // A manager in another pid namespace would take this process's id for another process, and move that.
    let stream = UnixStream::connect(&socket).map_err(|error| format!("`{}`: {error}", socket.display()))?;
    let peer =
        getsockopt(&stream, PeerCredentials).map_err(|error| format!("`{}`: {error}", socket.display()))?;
    if peer.pid() == 0 {
        return Err("its processes are not those that are seen here".to_owned());
    }
    start(bus, name)?;
    let began = Instant::now();
    while !is_in(name) {
        if began.elapsed() > PATIENCE {
            return Err(format!("this process has not come into `{name}` within {PATIENCE:?}"));
        }
        sleep(INTERVAL);
    }
    Ok(())
}

/// Returns the flag by which `busctl` finds the manager's bus, and a socket on which the manager itself listens.
fn manager(uid: u32) -> Result<(&'static str, PathBuf), String> {
    if uid == 0 {
        return Ok(("--system", "/run/systemd/private".into()));
    }
    let runtime = env::var_os("XDG_RUNTIME_DIR").ok_or("there is no XDG_RUNTIME_DIR, as after a login")?;
    Ok(("--user", Path::new(&runtime).join("systemd/private")))
}

/// Checks that the user's manager lives as long as a process in this cgroup: one in a login of the user's or below
/// the manager itself, or of a user who lingers.
///
/// # Errors
/// Reason why the manager may end earlier, in words.
fn outlives(cgroup: &str, uid: u32, lingers: impl FnOnce() -> Result<bool, String>) -> Result<(), String> {
    let below = cgroup.strip_prefix(&format!("/user.slice/user-{uid}.slice/")).unwrap_or_default();
    let unit = below.split('/').next().unwrap_or_default();
    let is_session = unit.strip_prefix("session-").is_some_and(|rest| rest.strip_suffix(".scope").is_some());
    if is_session || unit == format!("user@{uid}.service") {
        return Ok(());
    }
    let would_end = "in its scope this run would end with the user's last login, of which it is no part";
    match lingers() {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{would_end}: `loginctl enable-linger {uid}` keeps the user's manager")),
        Err(why) => Err(format!("{would_end}, unless the user lingers, which is not known: {why}")),
    }
}

/// Returns whether the manager of this user goes on without any login (org.freedesktop.login1(5)).
fn lingers(uid: u32) -> Result<bool, String> {
    let user = format!("/org/freedesktop/login1/user/_{uid}");
    let property = ["get-property", "org.freedesktop.login1", &user, "org.freedesktop.login1.User", "Linger"];
    is_true(&busctl("--system", &property)?)
}

/// Parses a boolean as `busctl` writes it.
fn is_true(said: &str) -> Result<bool, String> {
    match said.trim() {
        "b true" => Ok(true),
        "b false" => Ok(false),
        other => Err(format!("`busctl` said `{other}`")),
    }
}

/// Calls StartTransientUnit (org.freedesktop.systemd1(5)). A delegated scope goes on after an out-of-memory kill in
/// it by default (systemd.scope(5), "OOMPolicy=").
fn start(bus: &str, name: &str) -> Result<(), String> {
    let pid = std::process::id().to_string();
    let call = ["call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1"];
    let method = ["org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail"];
    let properties = ["3", "PIDs", "au", "1", &pid, "Delegate", "b", "true", "CollectMode", "s"];
    busctl(bus, &[&call[..], &method, &properties, &["inactive-or-failed", "0"]].concat()).map(drop)
}

/// Executes `busctl` and returns its standard output.
fn busctl(bus: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("busctl");
    command.args([bus, "--timeout=5"]).args(arguments).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("could not execute `busctl`: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`busctl`: {}", said.trim()))
}

/// Returns whether this process is in the cgroup of this name.
fn is_in(name: &str) -> bool {
    own_cgroup().ends_with(name)
}

/// Returns the path of this process's cgroup in version 2, as it is called in this namespace.
fn own_cgroup() -> String {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Output of `busctl` for a user who lingers.
    const LINGERS: &str = "b true\n";
    const DOES_NOT: &str = "b false\n";
    const NO_SUCH_USER: &str = "`busctl`: Failed to get property Linger on interface org.freedesktop.login1.User: \
         Unknown object '/org/freedesktop/login1/user/_1000'.";

    fn said(cgroup: &str, answer: Result<&str, &str>) -> Result<(), String> {
        outlives(cgroup, 1000, || is_true(answer.map_err(str::to_owned)?))
    }

    #[test]
    fn whoever_ends_with_the_login_anyway_may_move() {
        for cgroup in [
            "/user.slice/user-1000.slice/session-3.scope",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-terminal.scope",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope/inner",
        ] {
            let outlived = outlives(cgroup, 1000, || Err("nobody is to be asked".to_owned()));
            assert_eq!(outlived, Ok(()), "{cgroup}");
        }
    }

    #[test]
    fn whoever_does_not_moves_only_if_the_user_lingers() {
        for cgroup in [
            "/system.slice/agent.service",
            "/system.slice/session-3.scope",
            "/user.slice/user-0.slice/session-3.scope",
            "/user.slice/user-10001.slice/session-3.scope",
            "/user.slice/user-1000.slice/user@1001.service/app.slice",
            "/user.slice/user-1000.slice/user-runtime-dir@1000.service",
            "/",
            "",
        ] {
            assert_eq!(said(cgroup, Ok(LINGERS)), Ok(()), "{cgroup}");
            let why = said(cgroup, Ok(DOES_NOT)).unwrap_err();
            assert!(
                why.ends_with("`loginctl enable-linger 1000` keeps the user's manager"),
                "{cgroup}: {why}"
            );
            let why = said(cgroup, Err(NO_SUCH_USER)).unwrap_err();
            assert!(
                why.contains("which is not known: `busctl`: Failed to get property Linger"),
                "{cgroup}: {why}"
            );
        }
    }

    #[test]
    fn any_other_answer_is_none() {
        for said in ["", "b", "s \"true\"", "true", "b true\nb false"] {
            assert!(is_true(said).is_err(), "{said}");
        }
    }
}
