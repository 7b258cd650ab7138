//! A cgroup of our own from systemd, where it gives one to whoever asks. This very process is moved into it, so that
//! nothing is executed again: standard streams, terminal, signals, environment and exit status stay as they are, and if it
//! is refused, nothing has happened. It is asked for by `busctl`, which comes with systemd.

use crate::host::Host;
use crate::policy::Capability;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

/// The manager's answer, and then the move itself, take no longer, even on a machine that is very busy.
const PATIENCE: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_millis(2);

/// Whether a scope of our own may bring what is missing: systemd is there, manages cgroups that count it, and we have none.
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
/// Why not, in which case nothing has happened.
pub fn enter(uid: u32) -> Result<(), String> {
    let name = &name();
    let (bus, socket) = manager(uid)?;
    // A manager that does not see this process by its number would move another one.
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

/// The flag by which `busctl` finds the manager's bus, and a socket on which the manager itself listens.
fn manager(uid: u32) -> Result<(&'static str, PathBuf), String> {
    if uid == 0 {
        return Ok(("--system", "/run/systemd/private".into()));
    }
    let runtime = env::var_os("XDG_RUNTIME_DIR").ok_or("there is no XDG_RUNTIME_DIR, as after a login")?;
    Ok(("--user", Path::new(&runtime).join("systemd/private")))
}

/// StartTransientUnit (org.freedesktop.systemd1(5)). A delegated scope goes on after an out-of-memory kill in it by
/// default (systemd.scope(5), "OOMPolicy=").
fn start(bus: &str, name: &str) -> Result<(), String> {
    let pid = std::process::id().to_string();
    let call = ["call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1"];
    let method = ["org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail"];
    let properties = ["3", "PIDs", "au", "1", &pid, "Delegate", "b", "true", "CollectMode", "s"];
    let mut command = Command::new("busctl");
    command.args([bus, "--timeout=5"]).args(call).args(method).args(properties);
    let output = command.args(["inactive-or-failed", "0"]).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("could not execute `busctl`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`busctl`: {}", said.trim()))
}

/// Whether this process is in the cgroup of this name, in version 2.
fn is_in(name: &str) -> bool {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    own.lines().any(|line| line.starts_with("0::") && line.ends_with(name))
}
