//! What the kernel has counted in the network of an attempt that led nowhere. It takes longer to read than anything else that is
//! read at an attempt's end, and is of interest only after failures.

use crate::outcome::NetworkFailures;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use std::fs::File;
use std::io::{self, Read};

/// More than either file holds.
const LIMIT: u64 = 64 * 1024;

/// The directory of this process's network in its own `/proc`, opened before there is a workload that could cover it.
#[derive(Debug)]
pub(super) struct Figures(File);

impl Figures {
    /// Opens it. What it shows is of the network namespace that this process is in when it is read.
    ///
    /// # Errors
    /// When there is no descriptor for it.
    pub(super) fn open() -> io::Result<Self> {
        File::open("/proc/self/net").map(Self)
    }

    /// Reads them. A namespace that is handed on from attempts that had sent nothing may have counted their vain looks for a way
    /// out, which were so many `before`.
    pub(super) fn read(&self, before: u64) -> NetworkFailures {
        let text = |file| self.text(file).unwrap_or_default();
        let (v4, v6) = (text("snmp"), text("snmp6"));
        NetworkFailures {
            unreachable: unreachable(&v4, &v6).saturating_sub(before),
            connections: of_v4(&v4, "Tcp:", "AttemptFails"),
            datagrams: of_v4(&v4, "Udp:", "NoPorts").saturating_add(of_v6(&v6, "Udp6NoPorts")),
        }
    }

    /// The kernel's own file and no other: root inside may mount something over it, which might never end or never answer.
    fn text(&self, file: &str) -> io::Result<String> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_SYMLINKS;
        let file = File::from(openat2(&self.0, file, OpenHow::new().flags(flags).resolve(resolve))?);
        let mut text = String::new();
        file.take(LIMIT).read_to_string(&mut text)?;
        Ok(text)
    }
}

/// How many packets had nowhere to go, according to the texts of `/proc/net/snmp` and `/proc/net/snmp6`.
pub(crate) fn unreachable(v4: &str, v6: &str) -> u64 {
    of_v4(v4, "Ip:", "OutNoRoutes").saturating_add(of_v6(v6, "Ip6OutNoRoutes"))
}

/// A figure of `/proc/net/snmp`, where a line of names stands above one of numbers.
fn of_v4(text: &str, group: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(group)).map(str::split_whitespace);
    let (Some(mut names), Some(mut numbers)) = (lines.next(), lines.next()) else { return 0 };
    let at = names.position(|other| other == name);
    at.and_then(|at| numbers.nth(at)?.parse().ok()).unwrap_or(0)
}

/// A figure of `/proc/net/snmp6`.
fn of_v6(text: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.split_once(char::is_whitespace));
    let number = lines.find(|(other, _)| *other == name).map(|(_, number)| number.trim());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_by_their_names() {
        let v4 = "Ip: Forwarding OutNoRoutes\nIp: 2 3\nTcp: MaxConn AttemptFails\nTcp: 1 -1\n";
        let figures =
            [("Ip:", "OutNoRoutes"), ("Tcp:", "AttemptFails"), ("Udp:", "NoPorts"), ("Ip:", "None")];
        assert_eq!(figures.map(|(group, name)| of_v4(v4, group, name)), [3, 0, 0, 0]);
        let v6 = "Ip6InReceives                   \t7\nIp6OutNoRoutes\t12\n";
        assert_eq!(["Ip6OutNoRoutes", "Ip6In", "Udp6NoPorts"].map(|name| of_v6(v6, name)), [12, 0, 0]);
    }
}
