//! Pool of network namespaces for attempts: those that nobody has used are handed on.

use crate::sandbox::init::network_failures;
use crate::sandbox::network::{SETTINGS, raise_loopback, write_settings};
use crate::step::{Step, StepError};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::Pid;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Namespace that may be handed on.
#[derive(Debug)]
struct Namespace {
    handle: File,
    traces: Traces,
    /// Number of packets that `lo` had carried at the start: the kernel itself may send some while it comes up.
    packets: u64,
    /// Init of the attempt that has the namespace, or had it last.
    user: Option<Pid>,
}

/// Network namespaces of one zygote, of which at most one is current.
#[derive(Debug)]
pub(super) struct Pool {
    settings: Vec<(String, String)>,
    addresses: Vec<IpAddr>,
    namespaces: Vec<Namespace>,
}

/// Trace of the use of a namespace, as the kernel shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    None,
    /// Sockets only: those of the dead linger for a moment.
    Sockets,
    /// Traces that stay.
    Lasting,
}

impl Pool {
    /// Makes a pool with the current namespace, which must be new, as its first.
    ///
    /// # Errors
    /// Error of a loopback interface that cannot be raised, or of a setting that is refused.
    pub(super) fn with_current(
        settings: Vec<(String, String)>,
        addresses: Vec<IpAddr>,
    ) -> Result<Self, StepError> {
        let mut pool = Self { settings, addresses, namespaces: Vec::new() };
        pool.adopt_current()?;
        Ok(pool)
    }

    fn adopt_current(&mut self) -> Result<(), StepError> {
        write_settings(&self.settings, Path::new(SETTINGS))?;
        Step::MakeNetwork.run(|| -> io::Result<()> {
            raise_loopback(&self.addresses)?;
            let handle = File::open("/proc/self/ns/net")?;
            let traces = Traces::of_current()?;
            let packets = traces.loopback_packets()?;
            self.namespaces.push(Namespace { handle, traces, packets, user: None });
            Ok(())
        })
    }

    /// Enters a namespace that nobody has used, and returns its place in the pool, and the number of packets without
    /// a route that earlier attempts tried to send in it. `gone` tells whether an init has been reaped.
    ///
    /// # Errors
    /// When a new one is needed and cannot be made.
    pub(super) fn enter_unused(&mut self, gone: impl Fn(Pid) -> bool) -> Result<(usize, u64), StepError> {
        let mut place = 0;
        while let Some(namespace) = self.namespaces.get_mut(place) {
            if namespace.user.is_some_and(|user| !gone(user)) {
                place += 1;
                continue;
            }
            match Step::MakeNetwork.run(|| namespace.traces.since(namespace.packets))? {
                Trace::None => {
                    let enter = || setns(&namespace.handle, CloneFlags::CLONE_NEWNET);
                    Step::MakeNetwork.run(enter)?;
                    let before = match namespace.user {
                        None => 0,
                        Some(_) => Step::MakeNetwork.run(|| namespace.traces.unreachable())?,
                    };
                    return Ok((place, before));
                }
                Trace::Sockets => place += 1,
                Trace::Lasting => drop(self.namespaces.remove(place)),
            }
        }
        Step::MakeNetwork.run(|| unshare(CloneFlags::CLONE_NEWNET))?;
        self.adopt_current()?;
        Ok((self.namespaces.len() - 1, 0))
    }

    /// Notes the init of the attempt that has the namespace at `place`.
    pub(super) fn lend(&mut self, place: usize, init: Pid) {
        if let Some(namespace) = self.namespaces.get_mut(place) {
            namespace.user = Some(init);
        }
    }
}

/// Files of `/proc/net` that show a namespace's use. A file that is opened in a namespace keeps telling of it.
#[derive(Debug)]
struct Traces {
    interfaces: File,
    sockets: File,
    figures: File,
    /// Counters of IPv6; absent without it.
    v6_figures: Option<File>,
    /// Flow labels of IPv6; absent without it.
    flow_labels: Option<File>,
}

impl Traces {
    fn of_current() -> io::Result<Self> {
        Ok(Self {
            interfaces: File::open("/proc/self/net/dev")?,
            sockets: File::open("/proc/self/net/sockstat")?,
            figures: File::open("/proc/self/net/snmp")?,
            v6_figures: File::open("/proc/self/net/snmp6").ok(),
            flow_labels: File::open("/proc/self/net/ip6_flowlabel").ok(),
        })
    }

    /// Looks at packets on `lo`, sockets and IPv6 flow labels.
    fn since(&self, packets_before: u64) -> io::Result<Trace> {
        let labels = self.flow_labels.as_ref().map(text).transpose()?.unwrap_or_default();
        if self.loopback_packets()? != packets_before || labels.lines().count() > 1 {
            return Ok(Trace::Lasting);
        }
        let unused = text(&self.sockets)?.lines().next() == Some("sockets: used 0");
        Ok(if unused { Trace::None } else { Trace::Sockets })
    }

    /// Returns the number of packets that had no route.
    fn unreachable(&self) -> io::Result<u64> {
        let v6 = self.v6_figures.as_ref().map(text).transpose()?.unwrap_or_default();
        Ok(network_failures::unreachable(&text(&self.figures)?, &v6))
    }

    /// Returns the number of packets that `lo` has received (proc_pid_net(5), `dev`).
    fn loopback_packets(&self) -> io::Result<u64> {
        let interfaces = text(&self.interfaces)?;
        let lo = interfaces.lines().find_map(|line| line.trim_start().strip_prefix("lo:"));
        let packets = lo.and_then(|figures| figures.split_whitespace().nth(1)?.parse().ok());
        packets.ok_or_else(|| io::Error::from_raw_os_error(libc::EPROTO))
    }
}

/// Reads a file from its beginning. More than the buffer holds is there only once something was used.
fn text(file: &File) -> io::Result<String> {
    let mut text = vec![0; 4096];
    let length = file.read_at(&mut text, 0)?;
    text.truncate(length);
    String::from_utf8(text).map_err(io::Error::other)
}
