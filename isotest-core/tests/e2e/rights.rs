//! What a workload may do, and that it cannot get more.

use crate::observed::{Seen, text};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use isotest_core::limits::{Control, Limits};
use isotest_core::plan::Views;
use isotest_core::policy::Capability;
use isotest_core::units::{Bytes, MilliCpu};
use libtest_mimic::Failed;
use nix::sched::CloneFlags;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("a_user_has_no_capability", no_capability).needs(&[Need::User]),
    Promise::new("root_has_every_capability_in_its_own_namespace", every_capability).needs(&[Need::Root]),
    Promise::new("root_locks_memory_and_gains_priority", lifted_limits)
        .needs(&[Need::Root, Need::RaisedLimits]),
    Promise::new("setuid_has_no_effect", setuid).needs(&[Need::Root]),
    Promise::new("files_of_others_stay_closed_to_a_user", others_files).needs(&[Need::User]),
    Promise::new("the_cgroup_seen_is_the_root_of_all", cgroup_namespace),
    Promise::new("it_finds_its_cgroup_and_the_limits_that_hold", own_cgroup_is_found).needs(&[Need::Cgroup]),
    Promise::new("the_cgroup_cannot_be_written", cgroup_is_read_only).needs(&[Need::Cgroup]),
    Promise::new("root_cannot_lift_a_limit", limit_stays)
        .needs(&[Need::Root, Need::Measured(Capability::Pids)]),
    Promise::new("the_cgroup_is_there_during_the_attempt_and_gone_after", cgroup_is_removed)
        .needs(&[Need::Cgroup])
        .alone(),
];

const SETS: [&str; 4] = ["CapInh", "CapPrm", "CapEff", "CapAmb"];

fn set(seen: &Seen, name: &str) -> Result<u64, Failed> {
    Ok(u64::from_str_radix(&seen.did()?.fact(name)?, 16)?)
}

fn no_capability(suite: &Suite) -> Kept {
    let inside = suite.inside(&["caps"])?;
    for name in SETS {
        assert_eq!(set(&inside, name)?, 0, "{name}");
    }
    // An ordinary user has none outside either: the control owns its user namespace.
    assert_ne!(set(&suite.unshared(CloneFlags::empty(), &["caps"])?, "CapEff")?, 0, "control");
    Ok(())
}

fn every_capability(suite: &Suite) -> Kept {
    let last: u32 = fs::read_to_string("/proc/sys/kernel/cap_last_cap")?.trim().parse()?;
    let full = u64::MAX >> (63 - last);
    let inside = suite.inside(&["caps"])?;
    for name in ["CapPrm", "CapEff", "CapBnd"] {
        assert_eq!(set(&inside, name)?, full, "{name}");
    }
    // They end at its namespace: what belongs to the host is refused.
    suite.inside(&["open_for_writing", "/proc/sys/kernel/hostname"])?.refused("EROFS")?;
    let outside = suite.outside(&["open_for_writing", "/proc/sys/kernel/hostname"])?;
    // Containers have it read-only themselves.
    if outside.refused("EROFS").is_err() {
        outside.did()?;
    }
    Ok(())
}

fn lifted_limits(suite: &Suite) -> Kept {
    let script = "ulimit -l && renice -n -5 $$ > /dev/null && cut -d ' ' -f 19 /proc/$$/stat";
    let inside = suite.inside_with(&suite.wish().program("/bin/sh"), &["-c", script])?;
    inside.did()?;
    assert_eq!(String::from_utf8_lossy(&inside.stdout), "unlimited\n-5\n");
    // Control: a limit of the caller's holds inside, although the workload has every capability there.
    let lowered = "ulimit -e 0; exec unshare -r sh -c \"$0\"";
    let control = std::process::Command::new("/bin/sh").args(["-c", lowered, script]).output()?;
    assert!(!String::from_utf8_lossy(&control.stdout).contains("-5"), "{control:?}");
    Ok(())
}

fn setuid(suite: &Suite) -> Kept {
    const NOBODY: u32 = 65_534;
    let scratch = suite.scratch()?;
    let program = scratch.path().join("probe");
    fs::copy(&suite.probe, &program)?;
    chown(&program, Some(NOBODY), Some(NOBODY))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o6755))?;
    let views = [
        Views { copy_on_write: vec![scratch.path().into()], ..Views::default() },
        Views { read_only: vec![scratch.path().into()], ..Views::default() },
        Views { kept: vec![scratch.path().into()], ..Views::default() },
    ];
    for views in views {
        let wish = Wish { views, ..suite.wish() }.program(text(&program)?);
        let inside = suite.inside_with(&wish, &["ids"])?;
        assert_eq!((inside.did()?.fact("euid")?, inside.fact("egid")?), ("0".into(), "0".into()));
    }
    let outside = Seen::run(std::process::Command::new(&program).arg("ids"))?;
    assert_eq!(outside.did()?.fact("euid")?, NOBODY.to_string(), "control");
    Ok(())
}

fn others_files(suite: &Suite) -> Kept {
    // Which of them a host has differs; the answer is the one that is given outside.
    for file in ["/etc/shadow", "/etc/gshadow", "/root/file", "/var/lib/private/file"] {
        let (inside, outside) = (suite.inside(&["read", file])?, suite.outside(&["read", file])?);
        assert_eq!((inside.exit, inside.stderr()), (outside.exit, outside.stderr()), "{file}");
        assert!(inside.did().is_err(), "{file}");
    }
    suite.inside(&["read", "/etc/passwd"])?.did()?;
    Ok(())
}

fn cgroup_namespace(suite: &Suite) -> Kept {
    let paths = |seen: &Seen| -> Result<Vec<String>, Failed> {
        let text = String::from_utf8_lossy(&seen.did()?.stdout).into_owned();
        Ok(text.lines().map(str::to_owned).collect())
    };
    let limited = Wish {
        limits: Limits { pids: Some(64), memory: Some(Bytes::mib(256)), ..Limits::default() },
        ..suite.wish()
    };
    for wish in [suite.wish(), limited] {
        let inside = paths(&*suite.inside_with(&wish, &["cgroup"])?)?;
        assert!(!inside.is_empty() && inside.iter().all(|line| line.ends_with(":/")), "{inside:?}");
    }
    // Control: a process in a cgroup below the root sees where it is; `root` sees what is not the root's.
    if let Some(unified) = suite.cgroups.views().first() {
        let own = unified.from.join("e2e-control");
        fs::create_dir(&own)?;
        let script = "echo $$ > \"$1/cgroup.procs\" && exec \"$0\" cgroup";
        let mut shell = std::process::Command::new("/bin/sh");
        let outside = Seen::run(shell.args(["-c", script]).arg(&suite.probe).arg(&own));
        fs::remove_dir(&own)?;
        let outside = paths(&outside?)?;
        assert!(outside.iter().any(|line| line.ends_with("/e2e-control")), "control: {outside:?}");
    }
    Ok(())
}

/// The way of container-aware libraries, and of the standard library: the first mount of a hierarchy in the list is it.
fn own_cgroup_is_found(suite: &Suite) -> Kept {
    let has = |capability| suite.cgroups.serves(capability);
    let limits = Limits {
        pids: has(Capability::Pids).then_some(77),
        memory: has(Capability::Memory).then_some(Bytes::mib(100)),
        cpu: suite.cgroups.can(Control::Cpu).then_some(MilliCpu::processors(1)),
        ..Limits::default()
    };
    let limited = Wish { limits, ..suite.wish() };
    for wish in [suite.wish(), limited] {
        let inside = suite.inside_with(&wish, &["own_cgroup"])?;
        let found = inside.did()?.facts("lists_itself");
        let is_each = found.len() >= suite.cgroups.views().len();
        assert!(is_each && found.iter().all(|is_listed| is_listed == "true"), "{found:?}");
        let Limits { pids, memory, cpu, .. } = wish.limits;
        if has(Capability::Pids) {
            assert_eq!(inside.fact("pids")?, pids.map_or("max".to_owned(), |pids| pids.to_string()));
        }
        if let Some(memory) = memory {
            assert_eq!(inside.fact("memory")?, memory.get().to_string());
        }
        if cpu.is_some() {
            assert_eq!(inside.fact("parallelism")?, "1");
        }
    }
    let parallelism = thread::available_parallelism()?.get().to_string();
    assert_eq!(suite.outside(&["own_cgroup"])?.did()?.fact("parallelism")?, parallelism, "control");
    Ok(())
}

fn cgroup_is_read_only(suite: &Suite) -> Kept {
    for view in suite.cgroups.views() {
        let (procs, new) = (view.path.join("cgroup.procs"), view.path.join("new"));
        suite.inside(&["append", text(&procs)?])?.refused("EROFS")?;
        suite.inside(&["mkdir", text(&new)?])?.refused("EROFS")?;
        suite.inside(&["read", text(&procs)?])?.did()?;
        let outside = view.from.join("e2e-new");
        suite.outside(&["mkdir", text(&outside)?])?.did()?;
        fs::remove_dir(&outside)?;
    }
    Ok(())
}

/// Root may mount its cgroup hierarchies anew, writable; the directory with the limit is not among what it sees.
fn limit_stays(suite: &Suite) -> Kept {
    let script = "mkdir /tmp/cgroup
        mount -t cgroup -o pids none /tmp/cgroup || mount -t cgroup2 none /tmp/cgroup || exit 7
        echo max > /tmp/cgroup/pids.max
        exec \"$0\" spawn_many 80 10";
    let arguments = ["-c", script, text(&suite.probe)?];
    let limited = Wish { limits: Limits { pids: Some(64), ..Limits::default() }, ..suite.wish() };
    suite.inside_with(&limited.program("/bin/sh"), &arguments)?.refused("EAGAIN")?;
    suite.inside_with(&suite.wish().program("/bin/sh"), &arguments)?.did()?;
    Ok(())
}

/// The directories of all attempts, and of sandboxes that wait for theirs. Those of what is not measured stay.
pub(crate) fn leaves(suite: &Suite) -> Vec<PathBuf> {
    let inside =
        suite.cgroups.views().into_iter().flat_map(|view| fs::read_dir(view.from)).flatten().flatten();
    let directories = inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let is_of_attempt = |name: &OsStr| name != "supervisor" && !name.to_string_lossy().starts_with("whole-");
    directories.filter(|entry| is_of_attempt(&entry.file_name())).map(|entry| entry.path()).collect()
}

fn cgroup_is_removed(suite: &Suite) -> Kept {
    assert_eq!(leaves(suite), [] as [PathBuf; 0]);
    for limits in
        [Limits::default(), Limits { pids: Some(64), memory: Some(Bytes::mib(256)), ..Limits::default() }]
    {
        let wish = Wish { limits, ..suite.wish() };
        let seen = thread::scope(|scope| {
            let attempt = scope
                .spawn(|| suite.inside_with(&wish, &["sleep", "500"]).map(|inside| inside.record.outcome));
            let seen = crate::observed::eventually(Duration::from_secs(10), || !leaves(suite).is_empty());
            attempt.join().map(|outcome| (seen, outcome))
        });
        let (seen, outcome) = seen.map_err(|_| "a thread panicked")?;
        assert!(seen, "control");
        assert_eq!(outcome?, isotest_core::outcome::Outcome::Passed);
        assert_eq!(leaves(suite), [] as [PathBuf; 0]);
    }
    Ok(())
}
