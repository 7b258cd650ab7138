//! What attempts in one slot have in common where that is wanted, and what they have not. The control is a slot in which it is
//! not, or another slot in which it is.

use crate::namespaces::unique;
use crate::observed::{eventually, text};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use isotest_core::outcome::Outcome;
use isotest_core::plan::{Network, Views};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("user_network_ipc_and_host_name_are_of_the_same_namespaces", namespaces),
    Promise::new("files_memory_and_names_stay_and_ports_are_free_again", what_stays),
    Promise::new("what_one_mounts_no_other_sees", mounts).needs(&[Need::Root]),
    Promise::new("processes_end_with_their_attempt", processes_end),
    Promise::new("what_each_has_changed_is_told_of_it_alone", changes),
    Promise::new("what_led_nowhere_is_counted_of_each_alone", failures_in_network),
    Promise::new("a_slot_that_begins_anew_says_so", anew),
];

fn wish(suite: &Suite) -> Wish {
    Wish { common: true, ..suite.wish() }
}

fn namespaces(suite: &Suite) -> Kept {
    const KINDS: [&str; 4] = ["user", "net", "ipc", "uts"];
    for network in [Network::Loopback, Network::Own, Network::Down] {
        for common in [true, false] {
            let wish = Wish { network, common, ..suite.wish() };
            let template = suite.template(&wish);
            let mut slot = suite.slot(&template)?;
            let mut facts = || {
                Ok::<_, libtest_mimic::Failed>(wish.attempt(&mut slot, &["namespaces"])?.did()?.all_facts())
            };
            let first = facts()?;
            let next = (0..5).map(|_| facts()).collect::<Result<Vec<_>, _>>()?;
            for kind in KINDS {
                let same = next.iter().filter(|next| next[kind] == first[kind]).count();
                // A network that nobody has used may be handed on, and the number of a namespace that is gone is given again.
                let may_be_same = kind == "net" && template.network == Network::Loopback;
                assert!(
                    if common { same == 5 } else { same < 5 || may_be_same },
                    "{network:?} {kind} {next:?}"
                );
            }
            if common {
                let other = wish.attempt(&mut suite.slot(&template)?, &["namespaces"])?.did()?.all_facts();
                for kind in KINDS {
                    assert_ne!(first[kind], other[kind], "{network:?} {kind}");
                }
            }
        }
    }
    Ok(())
}

fn what_stays(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let views = Views { copy_on_write: vec![scratch.path().into()], ..Views::default() };
    let name = unique("common");
    let files =
        ["/tmp", "/var/tmp", "/dev/shm", text(scratch.path())?].map(|place| format!("{place}/{name}"));
    let key = (0x1508_0000 + std::process::id() % 0x1_0000).to_string();
    for common in [true, false] {
        let wish = Wish { common, views: views.clone(), ..suite.wish() };
        let template = suite.template(&wish);
        let mut slot = suite.slot(&template)?;
        let mut ask = |arguments: &[&str]| wish.attempt(&mut slot, arguments);
        for file in &files {
            ask(&["write", file])?.did()?;
        }
        ask(&["sysv_shm_create", &key])?.did()?;
        // An ordinary user may not.
        let may_be_set = ask(&["set_hostname", &name])?.did().is_ok();
        for family in ["v4", "v6"] {
            for _ in 0..3 {
                ask(&["bind", "5432", family])?.did()?;
                ask(&["echo_loopback", family])?.did()?;
            }
        }
        for file in &files {
            let (seen, found) = (ask(&["read", file])?, ask(&["sysv_shm_find", &key])?);
            if common {
                seen.did()?;
                found.did()?;
            } else {
                seen.refused("ENOENT")?;
                found.refused("ENOENT")?;
            }
            wish.attempt(&mut suite.slot(&template)?, &["read", file])?.refused("ENOENT")?;
        }
        let is_set = ask(&["hostname"])?.did()?.fact("hostname")? == name;
        assert_eq!(is_set, common && may_be_set, "the host name");
        drop(slot);
        assert!(!files.iter().any(|file| fs::exists(file).unwrap_or(true)), "they are on the host");
    }
    Ok(())
}

fn mounts(suite: &Suite) -> Kept {
    let wish = wish(suite);
    let mut slot = suite.slot(&suite.template(&wish))?;
    let (script, listing) =
        ("mount -t tmpfs none /tmp/m; echo > /tmp/m/seen; ls /tmp/m", "mkdir -p /tmp/m; ls /tmp/m");
    let mut ask = |script: &str| {
        let inside = wish.clone().program("/bin/sh").attempt(&mut slot, &["-ec", script])?;
        inside.did()?;
        Ok::<_, libtest_mimic::Failed>(inside.stdout.clone())
    };
    ask(listing)?;
    for _ in 0..2 {
        assert_eq!(ask(script)?, b"seen\n", "control: it sees it itself");
        assert_eq!(ask(listing)?, b"");
    }
    Ok(())
}

fn processes_end(suite: &Suite) -> Kept {
    let wish = wish(suite);
    let mut slot = suite.slot(&suite.template(&wish))?;
    for _ in 0..2 {
        let left = wish.attempt(&mut slot, &["daemon", "60000"])?;
        assert!(matches!(left.record.outcome, Outcome::Leaked), "{:?}", left.record.outcome);
        let names = ["1 isotest-init", "2 isotest-parent"];
        let seen = wish.attempt(&mut slot, &["pid"])?.did()?.facts("visible");
        let others: Vec<_> = seen.iter().filter(|seen| !names.contains(&seen.as_str())).collect();
        assert_eq!(others.len(), 1, "the probe itself: {seen:?}");
        // Control: until its attempt ends, it is seen.
        assert!(!left.ending()?.left_running.is_empty());
    }
    Ok(())
}

fn changes(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let path = |name: &str| scratch.path().join(name);
    let [old, older, new, newer, directory] = ["old", "older", "new", "newer", "directory"].map(path);
    let inner = directory.join("inner");
    fs::write(&old, "there")?;
    fs::write(&older, "there")?;
    let [old, older, new, newer, directory, inner] =
        [&old, &older, &new, &newer, &directory, &inner].map(|path| text(path));
    let (old, older, new, newer, directory, inner) = (old?, older?, new?, newer?, directory?, inner?);
    let views = Views { copy_on_write: vec![scratch.path().into()], ..Views::default() };
    let wish = Wish { views, ..wish(suite) };
    let mut slot = suite.slot(&suite.template(&wish))?;
    let attempts: [(&[&str], &[&str]); 12] = [
        (&["write", new], &[new]),
        (&["exit", "0"], &[]),
        (&["read", new], &[]),
        (&["write", newer], &[newer]),
        (&["append", new], &[new]),
        (&["mkdir", directory], &[directory]),
        (&["exit", "0"], &[]),
        (&["write", inner], &[inner]),
        (&["chmod", inner, "600"], &[inner]),
        (&["remove", old], &[old]),
        // What hides a file may be one inode with what hides another.
        (&["remove", older], &[older]),
        (&["exit", "0"], &[]),
    ];
    for (arguments, expected) in attempts {
        let inside = wish.attempt(&mut slot, arguments)?;
        inside.did()?;
        let changed = &inside.ending()?.changed;
        let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
        assert_eq!((&changed.paths, changed.count), (&expected, expected.len().try_into()?), "{arguments:?}");
    }
    // What it holds is what it has added, too.
    for (mebibytes, name) in [(3_u64, "three"), (1, "one")] {
        let bytes = mebibytes << 20;
        let inside = wish.attempt(&mut slot, &["fill", text(&path(name))?, &bytes.to_string()])?;
        inside.did()?;
        let disk = inside.record.usage.disk.ok_or("no figure")?.value;
        assert_eq!((disk.bytes.get(), disk.files), (bytes, 1), "{name}");
    }
    Ok(())
}

fn failures_in_network(suite: &Suite) -> Kept {
    for network in [Network::Loopback, Network::Own] {
        let wish = Wish { network, ..wish(suite) };
        let mut slot = suite.slot(&suite.template(&wish))?;
        let mut failures = |arguments: &[&str]| -> Result<_, libtest_mimic::Failed> {
            let counted = wish.attempt(&mut slot, arguments)?.ending()?.network;
            Ok((counted.unreachable, counted.connections, counted.datagrams))
        };
        for _ in 0..2 {
            assert_eq!(failures(&["connect", "192.0.2.1", "80"])?, (1, 0, 0), "{network:?}");
            assert_eq!(failures(&["exit", "7"])?, (0, 0, 0), "{network:?}");
            assert_eq!(failures(&["connect", "127.0.0.1", "80"])?, (0, 1, 0), "{network:?}");
        }
    }
    Ok(())
}

fn anew(suite: &Suite) -> Kept {
    let path = format!("/tmp/{}", unique("anew"));
    for common in [true, false] {
        let wish = Wish { common, ..suite.wish() };
        let mut slot = suite.slot(&suite.template(&wish))?;
        wish.attempt(&mut slot, &["write", &path])?.did()?;
        let served = fs::read_to_string(format!("/proc/{0}/task/{0}/children", slot.zygote()))?;
        kill(Pid::from_raw(served.trim().parse()?), Signal::SIGKILL)?;
        let is_gone = || !fs::exists(format!("/proc/{}", served.trim())).unwrap_or(true);
        assert!(eventually(Duration::from_secs(10), is_gone));
        let lost = wish.attempt(&mut slot, &["read", &path])?;
        assert!(matches!(lost.record.outcome, Outcome::NotIsolated(_)), "{:?}", lost.record.outcome);
        let next = wish.attempt(&mut slot, &["read", &path])?;
        next.refused("ENOENT")?;
        let says = |remarks: &[String]| remarks.iter().any(|remark| remark.contains("have it anew"));
        assert_eq!(says(&next.record.remarks), common, "{:?}", next.record.remarks);
        assert!(!says(&wish.attempt(&mut slot, &["read", &path])?.record.remarks), "it is said once");
    }
    Ok(())
}
