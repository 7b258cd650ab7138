//! Every namespace is the attempt's own.

use crate::observed::text;
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::Suite;
use nix::sched::CloneFlags;
use nix::unistd::gethostname;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("each_one_is_neither_the_hosts_nor_a_neighbours", each_one),
    Promise::new("proc_shows_only_the_attempts_own_processes", proc_shows_only_its_own),
    Promise::new("the_hosts_name_is_seen", host_name_is_seen),
    Promise::new("root_changes_its_own_host_name_only", root_changes_its_own_name).needs(&[Need::Root]),
    Promise::new("a_user_may_not_change_the_host_name", user_may_not_change_the_name).needs(&[Need::User]),
    Promise::new("processes_of_the_host_cannot_be_signalled", host_processes_are_out_of_reach),
];

fn each_one(suite: &Suite) -> Kept {
    let wish = suite.wish().program("/bin/sh");
    let script = "\"$0\" namespaces && exec \"$0\" sleep $1";
    let mut seen = None;
    // Numbers of namespaces are used again: they must exist at the same time.
    let together = suite.at_once_for(Duration::from_millis(10), |pause| {
        let arguments = ["-c", script, text(&suite.probe)?, pause];
        let (attempts, together) = suite.at_once(&wish, [&arguments, &arguments])?;
        seen = Some(attempts);
        Ok(together)
    })?;
    let Some([one, other]) = seen.filter(|_| together) else { return Err("never at the same time".into()) };
    let host = suite.outside(&["namespaces"])?;
    for name in ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"] {
        let (one, other, host) = (one.did()?.fact(name)?, other.did()?.fact(name)?, host.did()?.fact(name)?);
        assert!(one != host && other != host, "{name} is the host's: {host}");
        assert_ne!(one, other, "{name}");
        // Control.
        let own = std::fs::read_link(format!("/proc/self/ns/{name}"))?;
        assert_eq!(own.to_str(), Some(host.as_str()), "outside, the probe shares {name}");
    }
    Ok(())
}

fn proc_shows_only_its_own(suite: &Suite) -> Kept {
    let pids = |facts: Vec<String>| -> Vec<u32> {
        facts.iter().filter_map(|fact| fact.split(' ').next()?.parse().ok()).collect()
    };
    let inside = suite.inside(&["pid"])?;
    let own = inside.did()?.fact("pid")?.parse()?;
    assert_eq!(pids(inside.facts("visible")), [1, 2, own]);
    assert_eq!(inside.fact("ppid")?, "2", "its parent, which is not process 1");
    let outside = suite.outside(&["pid"])?;
    assert!(pids(outside.did()?.facts("visible")).contains(&std::process::id()), "control");
    Ok(())
}

fn host_name_is_seen(suite: &Suite) -> Kept {
    let inside = suite.inside(&["hostname"])?.did()?.fact("hostname")?;
    assert_eq!(inside, suite.outside(&["hostname"])?.did()?.fact("hostname")?);
    Ok(())
}

fn root_changes_its_own_name(suite: &Suite) -> Kept {
    let before = gethostname()?;
    let inside = suite.inside(&["set_hostname", "renamed"])?;
    assert_eq!(inside.did()?.fact("hostname")?, "renamed");
    assert_eq!(gethostname()?, before);
    // Outside, it would rename the host: the control has a host name of its own to change.
    suite.unshared(CloneFlags::CLONE_NEWUTS, &["set_hostname", "renamed"])?.did()?;
    Ok(())
}

fn user_may_not_change_the_name(suite: &Suite) -> Kept {
    suite.inside(&["set_hostname", "renamed"])?.refused("EPERM")?;
    // An ordinary user may not do so outside either: the control owns the name it changes.
    suite.unshared(CloneFlags::CLONE_NEWUTS, &["set_hostname", "renamed"])?.did()?;
    Ok(())
}

fn host_processes_are_out_of_reach(suite: &Suite) -> Kept {
    // A high number: a low one may be taken inside as well.
    let victim = loop {
        let running = suite.running_outside(&["abstract_listen", &unique("victim"), "30000"])?;
        if running.pid() > 100 {
            break running;
        }
    };
    let pid = victim.pid().to_string();
    suite.inside(&["signal_pid", &pid])?.refused("ESRCH")?;
    suite.outside(&["signal_pid", &pid])?.did()?;
    Ok(())
}

/// A name that no other run of this suite uses at the same time.
pub(crate) fn unique(name: &str) -> String {
    format!("isotest-e2e-{}-{name}", std::process::id())
}
