//! A loopback interface that works, of one's own, and nothing else.

use crate::namespaces::unique;
use crate::observed::text;
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use isotest_core::plan::Network;
use nix::sched::CloneFlags;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("lo_works_in_both_families", lo_works),
    Promise::new("lo_is_the_only_interface", lo_is_alone),
    Promise::new("names_resolve_in_the_families_of_the_host", configured_families)
        .needs(&[Need::Program("/usr/bin/getent")]),
    Promise::new("no_interface_of_the_host_is_seen_in_sys", sys_shows_lo),
    Promise::new("two_attempts_bind_the_same_port_at_once", same_port_at_once),
    Promise::new("a_listener_of_the_host_is_out_of_reach", host_listener_is_out_of_reach),
    Promise::new("an_abstract_socket_of_the_host_is_out_of_reach", abstract_socket_is_out_of_reach),
    Promise::new("a_network_that_was_used_is_not_handed_on", used_is_not_handed_on).needs(&[Need::User]),
    Promise::new("what_led_nowhere_is_counted_of_each_attempt_alone", counted_alone),
    Promise::new("without_loopback_nothing_connects", down_is_down),
    Promise::new("the_hosts_network_can_be_had", host_network),
    Promise::new("settings_of_the_host_are_taken_over", settings_are_taken_over),
    Promise::new("a_user_has_no_raw_sockets", no_raw_sockets).needs(&[Need::User]),
    Promise::new("root_has_raw_sockets_and_links_of_its_own", root_owns_its_network).needs(&[Need::Root]),
];

fn over(suite: &Suite, network: Network) -> Wish {
    Wish { network, ..suite.wish() }
}

fn lo_works(suite: &Suite) -> Kept {
    for network in [Network::Loopback, Network::Own] {
        for family in ["v4", "v6"] {
            suite.inside_with(&over(suite, network), &["echo_loopback", family])?.did()?;
            // Control: a new network namespace as the kernel makes it.
            let control = suite.unshared(CloneFlags::CLONE_NEWNET, &["echo_loopback", family])?;
            assert!(control.did().is_err(), "lo is up by itself");
        }
    }
    Ok(())
}

fn lo_is_alone(suite: &Suite) -> Kept {
    let inside = suite.inside(&["interfaces"])?;
    let interfaces = inside.did()?.facts("interface");
    assert!(interfaces.iter().all(|line| line.starts_with("lo ")), "{interfaces:?}");
    for address in ["127.0.0.1", "::1"] {
        let line = interfaces.iter().find(|line| line.contains(address)).ok_or("an address is missing")?;
        assert!(line.contains("IFF_UP") && line.contains("IFF_RUNNING"), "{line}");
    }
    // Control: a network namespace as the kernel makes it has no address. The host's need not have more than `lo`.
    let control = suite.unshared(CloneFlags::CLONE_NEWNET, &["interfaces"])?;
    assert!(!control.did()?.facts("interface").iter().any(|line| line.contains("127.0.0.1")));
    Ok(())
}

fn counted_alone(suite: &Suite) -> Kept {
    for network in [Network::Loopback, Network::Own] {
        let wish = over(suite, network);
        let template = suite.template(&wish);
        let mut slot = suite.slot(&template)?;
        // What one before has counted in the same network is not the next one's.
        for _ in 0..2 {
            for (address, packets) in [("192.0.2.1", 1), ("2001:db8::1", 1), ("", 0)] {
                let ask: &[&str] = if packets == 0 { &["exit", "7"] } else { &["connect", address, "80"] };
                let inside = wish.attempt(&mut slot, ask)?;
                let counted = inside.ending()?.network;
                assert_eq!(counted.unreachable, packets, "{network:?} {address} {counted:?}");
                assert_eq!((counted.connections, counted.datagrams), (0, 0), "{network:?} {address}");
            }
        }
        let counted = wish.attempt(&mut slot, &["connect", "127.0.0.1", "80"])?.ending()?.network;
        assert_eq!((counted.unreachable, counted.connections, counted.datagrams), (0, 1, 0), "{network:?}");
    }
    Ok(())
}

fn configured_families(suite: &Suite) -> Kept {
    // With a family getent(1) asks for addresses of configured families only (`AI_ADDRCONFIG`).
    for (database, address) in [("ahostsv4", "127.0.0.1"), ("ahostsv6", "::1")] {
        let ask = [database, address];
        let outside = std::process::Command::new("/usr/bin/getent").args(ask).output()?;
        for network in [Network::Loopback, Network::Own] {
            let inside = suite.inside_with(&over(suite, network).program("/usr/bin/getent"), &ask)?;
            assert_eq!(text_of(&inside.stdout), text_of(&outside.stdout), "{database} {network:?}");
        }
        // Control: a network with loopback addresses alone is no configured one.
        let raised = format!("ip link set lo up && exec getent {database} {address}");
        let control =
            std::process::Command::new("/usr/bin/unshare").args(["-rn", "sh", "-c", &raised]).output()?;
        assert_eq!(text_of(&control.stdout), "", "{database}: {}", text_of(&control.stderr));
    }
    Ok(())
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn sys_shows_lo(suite: &Suite) -> Kept {
    let inside = suite.inside(&["list_directory", "/sys/class/net"])?;
    assert_eq!(inside.did()?.facts("entry"), ["lo"]);
    // The host's `lo` has the same name.
    let lo: &[&str] = &["stat", "/sys/class/net/lo/ifindex"];
    let host = suite.outside(lo)?.did()?.fact("inode")?;
    assert_ne!(suite.inside(lo)?.did()?.fact("inode")?, host);
    // Control: who enters a network namespace goes on seeing what was mounted in another.
    assert_eq!(suite.unshared(CloneFlags::CLONE_NEWNET, lo)?.did()?.fact("inode")?, host, "control");
    Ok(())
}

fn same_port_at_once(suite: &Suite) -> Kept {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let together = suite.at_once_for(Duration::from_millis(500), |pause| {
        let bind: &[&str] = &["bind", &port, "v4", pause];
        let (attempts, together) = suite.at_once(&suite.wish(), [bind, bind])?;
        attempts.iter().try_for_each(|attempt| attempt.did().map(drop))?;
        Ok(together)
    })?;
    assert!(together, "never at the same time");
    suite.outside(&["bind", &port, "v4", "0"])?.refused("EADDRINUSE")?;
    Ok(())
}

fn host_listener_is_out_of_reach(suite: &Suite) -> Kept {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port().to_string();
    suite.inside(&["connect", "127.0.0.1", &port])?.refused("ECONNREFUSED")?;
    suite.outside(&["connect", "127.0.0.1", &port])?.did()?;
    Ok(())
}

fn abstract_socket_is_out_of_reach(suite: &Suite) -> Kept {
    let name = unique("abstract");
    let _listening = suite.running_outside(&["abstract_listen", &name, "30000"])?;
    suite.inside(&["abstract_connect", &name])?.refused("ECONNREFUSED")?;
    suite.outside(&["abstract_connect", &name])?.did()?;
    Ok(())
}

fn used_is_not_handed_on(suite: &Suite) -> Kept {
    const ATTEMPTS: usize = 8;
    let wish = suite.wish();
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    // Control: those that nobody used are handed on. The socket by which one was made ready is in it until the kernel's next grace
    // period has passed, which takes its time on a busy machine.
    let mut networks = BTreeSet::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while networks.insert(wish.attempt(&mut slot, &["namespaces"])?.did()?.fact("net")?) {
        assert!(Instant::now() < deadline, "none was handed on: {networks:?}");
    }
    let shell = wish.program("/bin/sh");
    let script = "\"$0\" read /proc/self/net/dev && exec \"$0\" echo_loopback v4";
    let mut packets = BTreeSet::new();
    for _ in 0..ATTEMPTS {
        let attempt = shell.attempt(&mut slot, &["-c", script, text(&suite.probe)?])?;
        let figures = String::from_utf8_lossy(&attempt.did()?.stdout).into_owned();
        let lo = figures.lines().find(|line| line.trim_start().starts_with("lo:"));
        packets.insert(lo.ok_or("no figures of lo")?.to_owned());
    }
    assert_eq!(packets.len(), 1, "some saw the packets of others: {packets:?}");
    Ok(())
}

fn down_is_down(suite: &Suite) -> Kept {
    let control = suite.outside(&["echo_loopback", "v4"])?;
    control.did()?;
    assert!(suite.inside_with(&over(suite, Network::Down), &["echo_loopback", "v4"])?.did().is_err());
    Ok(())
}

fn host_network(suite: &Suite) -> Kept {
    let outside = suite.outside(&["namespaces"])?.did()?.fact("net")?;
    let host = suite.inside_with(&over(suite, Network::Host), &["namespaces"])?;
    assert_eq!(host.did()?.fact("net")?, outside);
    assert_ne!(suite.inside(&["namespaces"])?.did()?.fact("net")?, outside, "control");
    Ok(())
}

fn settings_are_taken_over(suite: &Suite) -> Kept {
    let read: &[&str] = &["read", "/proc/sys/net/ipv4/ip_unprivileged_port_start"];
    for network in [Network::Loopback, Network::Own] {
        let wish = over(suite, network);
        let mut template = suite.template(&wish);
        // The former is in the networks of users since Linux 6.9 only; those without it are no failure.
        for name in ["core/somaxconn", "ipv4/ip_unprivileged_port_start"] {
            template.net_settings.retain(|(known, _)| known != name);
            template.net_settings.push((name.into(), "4321".into()));
        }
        let value = wish.attempt(&mut suite.slot(&template)?, read)?;
        assert_eq!(value.did()?.stdout, b"4321\n");
        assert_ne!(suite.inside_with(&wish, read)?.did()?.stdout, b"4321\n", "control");
    }
    Ok(())
}

fn no_raw_sockets(suite: &Suite) -> Kept {
    for network in [Network::Loopback, Network::Own] {
        for socket in ["raw_socket", "packet_socket"] {
            suite.inside_with(&over(suite, network), &[socket])?.refused("EPERM")?;
            // An ordinary user has none outside either: the control owns its network.
            suite.unshared(CloneFlags::CLONE_NEWNET, &[socket])?.did()?;
        }
    }
    suite.inside(&["lo_down"])?.refused("EPERM")?;
    Ok(())
}

fn root_owns_its_network(suite: &Suite) -> Kept {
    for arguments in [&["raw_socket"][..], &["packet_socket"], &["lo_down"]] {
        suite.inside(arguments)?.did()?;
    }
    // Control: nothing of it is left for the next one.
    suite.inside(&["echo_loopback", "v4"])?.did()?;
    // Not every kernel has a kind of link that can be added: outside, in a network of its own, it is the same.
    let control = suite.unshared(CloneFlags::CLONE_NEWNET, &["add_link"])?;
    let inside = suite.inside(&["add_link"])?;
    assert_eq!((inside.exit, inside.stderr()), (control.exit, control.stderr()));
    suite.inside_with(&over(suite, Network::Host), &["add_link"])?.refused("EPERM")?;
    Ok(())
}
