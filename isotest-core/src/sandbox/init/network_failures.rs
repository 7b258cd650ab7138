//! Reads the kernel's counters of failures in the network of an attempt. They take longer to read than anything else
//! that is read at an attempt's end, and are of interest only after failures.

use super::own_proc::OwnProc;
use crate::outcome::NetworkFailures;

/// Reads the failures of all processes in the network namespace.
pub(super) fn read(proc: &OwnProc) -> NetworkFailures {
    let text = |file| proc.network(file).unwrap_or_default();
    let (v4, v6) = (text("snmp"), text("snmp6"));
    NetworkFailures {
        unreachable: unreachable(&v4, &v6),
        connections: of_v4(&v4, "Tcp:", "AttemptFails"),
        datagrams: of_v4(&v4, "Udp:", "NoPorts").saturating_add(of_v6(&v6, "Udp6NoPorts")),
    }
}

/// Returns the failures that came after `before`.
pub(super) fn since(before: NetworkFailures, now: NetworkFailures) -> NetworkFailures {
    NetworkFailures {
        unreachable: now.unreachable.saturating_sub(before.unreachable),
        connections: now.connections.saturating_sub(before.connections),
        datagrams: now.datagrams.saturating_sub(before.datagrams),
    }
}

/// Returns the number of packets without a route, according to the texts of `/proc/net/snmp` and `/proc/net/snmp6`.
pub(crate) fn unreachable(v4: &str, v6: &str) -> u64 {
    of_v4(v4, "Ip:", "OutNoRoutes").saturating_add(of_v6(v6, "Ip6OutNoRoutes"))
}

/// Returns a figure of `/proc/net/snmp`, where a line of names stands above one of numbers.
fn of_v4(text: &str, group: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(group)).map(str::split_whitespace);
    let (Some(mut names), Some(mut numbers)) = (lines.next(), lines.next()) else { return 0 };
    let at = names.position(|other| other == name);
    at.and_then(|at| numbers.nth(at)?.parse().ok()).unwrap_or(0)
}

/// Returns a figure of `/proc/net/snmp6`.
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

    #[test]
    fn mutated_figures_are_read_or_passed_over() {
        let v4 = "Ip: Forwarding OutNoRoutes\nIp: 2 3\nTcp: MaxConn AttemptFails\nTcp: 1 -1\n";
        let v6 = "Ip6InReceives                   \t7\nIp6OutNoRoutes\t12\n";
        mutations::try_all("snmp", &[v4, v6], |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = (unreachable(&text, &text), of_v4(&text, "Tcp:", "AttemptFails"));
        });
    }
}
