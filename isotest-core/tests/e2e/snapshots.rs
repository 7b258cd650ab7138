//! What is about to be killed is looked at first.

use crate::observed::Attempt;
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use isotest_core::outcome::Outcome;
use isotest_core::record::Moment;
use isotest_core::snapshot::{Process, Snapshot, WaitsFor};
use libtest_mimic::Failed;
use std::fs;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("what_runs_out_of_time_is_seen_waiting", waits),
    Promise::new("all_its_processes_are_seen", family),
    Promise::new("what_it_leaves_running_is_seen", leftovers),
    Promise::new("of_a_crowd_the_rest_is_counted", crowd),
    Promise::new("a_crowd_with_large_environments_has_a_picture_of_a_bounded_size", large_crowd),
    Promise::new("who_covers_proc_hides_nobody", covered).needs(&[Need::Root]),
];

const LONG: &str = "60000";

fn autopsy(attempt: &Attempt, moment: Moment) -> Result<&Snapshot, Failed> {
    match &attempt.record.autopsy {
        Some(autopsy) if autopsy.moment == moment => Ok(&autopsy.snapshot),
        other => Err(format!("{other:?} {:?}", attempt.record.remarks).into()),
    }
}

/// The snapshot of what prints a line beginning with `ready`, and is then to go on for longer than any trial; on a slow
/// machine that takes longer.
fn when_ready(suite: &Suite, wish: &Wish, arguments: &[&str], ready: &str) -> Result<Snapshot, Failed> {
    for timeout in [1, 4, 16].map(Duration::from_secs) {
        let inside = suite.inside_with(&Wish { timeout: Some(timeout), ..wish.clone() }, arguments)?;
        inside.outcome(&Outcome::TimedOut)?;
        if inside.stdout.starts_with(ready.as_bytes()) {
            return autopsy(&inside, Moment::TimeOut).cloned();
        }
    }
    Err("it was never ready".into())
}

fn only(snapshot: &Snapshot) -> Result<&Process, Failed> {
    let [process] = snapshot.processes.as_slice() else { return Err(format!("{snapshot:?}").into()) };
    Ok(process)
}

/// Whether this file of `/proc/PID` could not be seen, and that is said.
fn is_said(snapshot: &Snapshot, file: &str) -> bool {
    snapshot.unseen.iter().any(|unseen| unseen.what == file && !unseen.why.is_empty())
}

fn waits(suite: &Suite) -> Kept {
    let wish = Wish { timeout: Some(Duration::from_secs(1)), ..suite.wish() };
    let inside = suite.inside_with(&wish, &["sleep", LONG])?;
    let snapshot = autopsy(&inside, Moment::TimeOut)?;
    let process = only(snapshot)?;
    assert_eq!((process.inside, process.state.as_str()), (Some(3), "sleeping"), "{process:?}");
    assert_eq!(process.command.get(1..), Some(&["sleep".to_owned(), LONG.to_owned()][..]));
    assert!(process.memory_bytes > Some(0) && process.age_us > 0, "{process:?}");
    let wait = process.threads[0].wait.as_ref().ok_or("no wait")?;
    assert_eq!(wait.waits_for, Some(WaitsFor::Time), "{wait:?}");
    assert!(wait.stack.is_some() || is_said(snapshot, "stack"), "{snapshot:?}");
    assert!(wait.channel.is_some(), "{wait:?}");
    let details = process.details.as_ref().ok_or("no details")?;
    assert_eq!(details.exe.as_ref(), Some(&suite.probe));
    assert_eq!(details.cwd.as_deref(), Some("/".as_ref()));
    let variable = details.environ.as_ref().and_then(|environ| environ.get("ISOTEST"));
    assert_eq!(variable.map(String::as_str), Some("1"));
    let numbers = details.descriptors.iter().flatten().map(|descriptor| descriptor.fd);
    assert_eq!(numbers.collect::<Vec<_>>(), [0, 1, 2]);
    assert!(details.limits.as_ref().is_some_and(|limits| limits.contains_key("nofile")));
    let namespaces = details.namespaces.as_ref().ok_or("no namespaces")?;
    let own = fs::read_link("/proc/self/ns/pid")?;
    assert_ne!(own.to_str(), Some(format!("pid:[{}]", namespaces["pid"]).as_str()));
    assert!(snapshot.mount_namespaces[0].mounts.iter().any(|mount| mount.file_system == "proc"));
    // Control: what ends in time is not looked at.
    let inside = suite.inside_with(&wish, &["sleep", "1"])?;
    assert_eq!(inside.record.autopsy, None);
    Ok(())
}

fn family(suite: &Suite) -> Kept {
    let snapshot = when_ready(suite, &suite.wish(), &["spawn_many", "5", LONG], "spawned 5")?;
    let [parent, children @ ..] = snapshot.processes.as_slice() else { return Err("nobody".into()) };
    assert_eq!(children.len(), 5);
    assert!(children.iter().all(|child| child.parent == parent.pid && snapshot.depth(child) == 1));
    let pid = children[0].inside;
    assert_eq!(
        parent.threads[0].wait.as_ref().and_then(|wait| wait.waits_for.clone()),
        Some(WaitsFor::Child { pid })
    );
    Ok(())
}

fn leftovers(suite: &Suite) -> Kept {
    let inside = suite.inside(&["orphan", LONG])?;
    inside.outcome(&Outcome::Leaked)?;
    let process = only(autopsy(&inside, Moment::LeftRunning)?)?;
    assert_eq!(process.inside, Some(inside.ending()?.left_running[0].pid));
    // Control: what leaves nothing is not looked at.
    assert_eq!(suite.inside(&["pid"])?.record.autopsy, None);
    Ok(())
}

fn crowd(suite: &Suite) -> Kept {
    // What is not yet there when the snapshot is begun is not in it; on a slow machine that takes longer.
    let mut counted = 0;
    for timeout in [1, 4, 16].map(Duration::from_secs) {
        let wish = Wish { timeout: Some(timeout), ..suite.wish() };
        let inside = suite.inside_with(&wish, &["spawn_many", "600", LONG])?;
        let snapshot = autopsy(&inside, Moment::TimeOut)?;
        let seen = snapshot.processes.len();
        let unseen = snapshot.unseen.iter().filter(|unseen| unseen.what == "process");
        counted = u64::try_from(seen)? + unseen.map(|unseen| unseen.count).sum::<u64>();
        if counted == 601 {
            assert!(0 < seen && seen < 601, "{seen}");
            return Ok(());
        }
    }
    Err(format!("of 601 processes {counted} were counted").into())
}

fn large_crowd(suite: &Suite) -> Kept {
    const MAX_BYTES: usize = 6 << 20;
    let mut wish = suite.wish();
    wish.environment.extend((0..4).map(|n| (format!("V{n}").into(), "x".repeat(60 << 10).into())));
    let snapshot = when_ready(suite, &wish, &["spawn_many", "400", LONG], "spawned 400")?;
    let environments = snapshot.processes.iter().filter_map(|one| one.details.as_ref()?.environ.as_ref());
    let bytes: usize = environments.clone().flatten().map(|(name, value)| name.len() + value.len()).sum();
    assert!(bytes < MAX_BYTES, "{bytes}");
    let left_out = snapshot.unseen.iter().filter(|unseen| unseen.what == "details");
    let left_out = usize::try_from(left_out.map(|unseen| unseen.count).sum::<u64>())?;
    assert_eq!(environments.count() + left_out, snapshot.processes.len());
    // Control: the same crowd without the environments is seen whole.
    let snapshot = when_ready(suite, &suite.wish(), &["spawn_many", "400", LONG], "spawned 400")?;
    assert!(!is_said(&snapshot, "details") && snapshot.processes.iter().all(|one| one.details.is_some()));
    Ok(())
}

fn covered(suite: &Suite) -> Kept {
    // The number is the control: it has nothing of `/proc` any more, and neither has init.
    let script = "mount -t tmpfs none /proc && echo ready $(ls /proc | wc -l) && exec sleep 60";
    let wish = suite.wish().program("/bin/sh");
    let snapshot = when_ready(suite, &wish, &["-c", script], "ready 0\n")?;
    let process = only(&snapshot)?;
    assert_eq!((process.command[0].as_str(), process.inside), ("sleep", Some(3)));
    let script = "mount -t tmpfs none /proc && { sleep 60 >/dev/null 2>&1 & }";
    let inside = suite.inside_with(&wish, &["-c", script])?;
    inside.outcome(&Outcome::Leaked)?;
    assert_eq!(inside.ending()?.left_running[0].command, "sleep 60");
    Ok(())
}
