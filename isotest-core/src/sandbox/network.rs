//! Network namespaces: raising the loopback interface, and handing on those that nobody has used.

use super::step::{Step, StepError};
use crate::sys;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Raises `lo`; the kernel then gives it 127.0.0.1 and ::1.
pub(super) fn raise_loopback() -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    sys::net::raise_lo(socket.as_fd())
}

/// The settings that differ from what a new network namespace has. Must be called inside a new one.
pub(super) fn differing(settings: &[(String, String)]) -> Vec<(String, String)> {
    let differs = |(name, value): &&(String, String)| {
        fs::read_to_string(setting(name)).is_ok_and(|new| new.trim() != value.as_str())
    };
    settings.iter().filter(differs).cloned().collect()
}

/// Writes settings into the current network namespace. Not every kernel has all of them in the namespaces of users.
///
/// # Errors
/// The setting that was refused.
pub(super) fn write_settings(settings: &[(String, String)]) -> Result<(), StepError> {
    for (name, value) in settings.iter().filter(|(name, _)| setting(name).exists()) {
        Step::CopyNetSettings.on(name, || fs::write(setting(name), value))?;
    }
    Ok(())
}

fn setting(name: &str) -> std::path::PathBuf {
    Path::new("/proc/sys/net").join(name)
}

/// A namespace that may be handed on.
#[derive(Debug)]
struct Namespace {
    handle: File,
    /// Packets `lo` had carried when it was made: the kernel itself may send some while it comes up.
    packets: u64,
    /// The init of the attempt that has it, or had it last.
    user: Option<Pid>,
}

/// The network namespaces of one zygote, of which at most one is current.
#[derive(Debug)]
pub(super) struct Pool {
    settings: Vec<(String, String)>,
    namespaces: Vec<Namespace>,
}

/// What the kernel shows of a namespace's use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    None,
    /// Only sockets: those of the dead linger for a moment.
    Sockets,
    /// Something that stays.
    Lasting,
}

impl Pool {
    /// A pool with the current namespace, which must be new, as its first.
    ///
    /// # Errors
    /// When its loopback interface cannot be raised or a setting is refused.
    pub(super) fn with_current(settings: Vec<(String, String)>) -> Result<Self, StepError> {
        let mut pool = Self { settings, namespaces: Vec::new() };
        pool.adopt_current()?;
        Ok(pool)
    }

    fn adopt_current(&mut self) -> Result<(), StepError> {
        write_settings(&self.settings)?;
        Step::MakeNetwork.run(|| -> io::Result<()> {
            raise_loopback()?;
            let handle = File::open("/proc/self/ns/net")?;
            self.namespaces.push(Namespace { handle, packets: loopback_packets()?, user: None });
            Ok(())
        })
    }

    /// Enters a namespace that nobody has used, and gives its place in the pool. `gone` tells whether an init has
    /// been reaped.
    ///
    /// # Errors
    /// When a new one is needed and cannot be made.
    pub(super) fn enter_unused(&mut self, gone: impl Fn(Pid) -> bool) -> Result<usize, StepError> {
        let mut place = 0;
        while let Some(namespace) = self.namespaces.get_mut(place) {
            if namespace.user.is_some_and(|user| !gone(user)) {
                place += 1;
                continue;
            }
            let trace = Step::MakeNetwork.run(|| -> io::Result<_> {
                setns(&namespace.handle, CloneFlags::CLONE_NEWNET)?;
                if namespace.user.is_none() { Ok(Trace::None) } else { trace(namespace.packets) }
            })?;
            match trace {
                Trace::None => return Ok(place),
                Trace::Sockets => place += 1,
                Trace::Lasting => drop(self.namespaces.remove(place)),
            }
        }
        Step::MakeNetwork.run(|| unshare(CloneFlags::CLONE_NEWNET))?;
        self.adopt_current()?;
        Ok(self.namespaces.len() - 1)
    }

    /// Notes who has the namespace at `place`.
    pub(super) fn lend(&mut self, place: usize, init: Pid) {
        if let Some(namespace) = self.namespaces.get_mut(place) {
            namespace.user = Some(init);
        }
    }
}

/// Looks at the current namespace: packets on `lo`, sockets, IPv6 flow labels.
fn trace(packets_before: u64) -> io::Result<Trace> {
    let labels = fs::read_to_string("/proc/self/net/ip6_flowlabel").unwrap_or_default();
    if loopback_packets()? != packets_before || labels.lines().count() > 1 {
        return Ok(Trace::Lasting);
    }
    let sockets = fs::read_to_string("/proc/self/net/sockstat")?;
    Ok(if sockets.lines().next() == Some("sockets: used 0") { Trace::None } else { Trace::Sockets })
}

/// The packets `lo` has received (proc_pid_net(5), `dev`).
fn loopback_packets() -> io::Result<u64> {
    let interfaces = fs::read_to_string("/proc/self/net/dev")?;
    let lo = interfaces.lines().find_map(|line| line.trim_start().strip_prefix("lo:"));
    let packets =
        lo.and_then(|figures| figures.split_whitespace().nth(1)).and_then(|figure| figure.parse().ok());
    packets.ok_or_else(|| io::Error::from_raw_os_error(libc::EPROTO))
}
