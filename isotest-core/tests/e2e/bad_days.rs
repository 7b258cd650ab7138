//! Programs that do what harm they can: each ends in a verdict of its own, and neither a neighbour that runs at the
//! same time nor the next attempt nor the host is touched.

use crate::endings::{ends_soon, unique_pause};
use crate::namespaces::unique;
use crate::observed::{Attempt, Seen, eventually, text};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::supervisors;
use isotest_core::limits::Limits;
use isotest_core::outcome::{Exit, Outcome};
use isotest_core::policy::Capability;
use isotest_core::units::Bytes;
use libtest_mimic::Failed;
use nix::sched::CloneFlags;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("what_kills_its_parent_kills_nobody", kills_parent),
    Promise::new("what_kills_all_kills_only_its_own", kills_all),
    Promise::new("what_signals_its_process_group_signals_only_its_own", signals_group),
    Promise::new("what_unmounts_all_it_can_sees_no_more_of_the_host", unmounts),
    Promise::new("what_fills_tmp_fills_its_own", fills_tmp),
    Promise::new("what_forks_without_end_meets_its_limit", forks).needs(&[Need::Measured(Capability::Pids)]),
    Promise::new("a_limit_that_cannot_be_set_is_told", limit_is_told)
        .needs(&[Need::NotMeasured(Capability::Pids), Need::NotMeasured(Capability::Memory)]),
    Promise::new("what_ends_by_a_fault_harms_nobody", faults),
    Promise::new("what_hoards_processes_and_threads_leaves_none", hoards_processes),
    Promise::new("what_hoards_keys_leaves_none", hoards_keys),
    Promise::new("what_hoards_mounts_and_cgroups_leaves_none", hoards_mounts).needs(&[Need::Root, Need::V1]),
];

const SIGTERM: i32 = 15;

/// Executes the probe beside a neighbour that does a bit of everything, and an innocent one after it.
fn beside_a_neighbour(suite: &Suite, wish: &Wish, arguments: &[&str]) -> Result<Attempt, Failed> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let probe = text(&suite.probe)?;
    let good =
        "\"$0\" write /tmp/file && \"$0\" echo_loopback v4 && \"$0\" burn_cpu 300 && \"$0\" read /tmp/file";
    let bad = [&["-c", "exec \"$0\" \"$@\"", probe], arguments].concat();
    let shell = wish.clone().program("/bin/sh");
    let ([bad, neighbour], _) = suite.at_once(&shell, [&bad, &["-c", good, probe]])?;
    neighbour.outcome(&Outcome::Passed)?;
    suite.inside_with(wish, &["exit", "0"])?.outcome(&Outcome::Passed)?;
    assert_eq!(fs::read_to_string("/proc/self/mountinfo")?, mounts);
    Ok(bad)
}

fn kills_parent(suite: &Suite) -> Kept {
    beside_a_neighbour(suite, &suite.wish(), &["kill_parent"])?.outcome(&Outcome::Passed)?;
    let mut shell = Command::new("/bin/sh");
    shell.env("ISOTEST", "1").args(["-c", "\"$0\" kill_parent; :"]).arg(&suite.probe);
    assert!(Seen::run(&mut shell)?.did().is_err(), "control: a parent outside dies");
    Ok(())
}

fn kills_all(suite: &Suite) -> Kept {
    let pause = unique_pause();
    let script = "\"$0\" sleep $1 & exec \"$0\" kill_all";
    let arguments = ["-c", script, text(&suite.probe)?, &pause];
    let inside = suite.inside_with(&suite.wish().program("/bin/sh"), &arguments)?;
    inside.outcome(&Outcome::Passed)?;
    assert!(ends_soon(&pause));
    // With nobody else there, it kills its parent.
    beside_a_neighbour(suite, &suite.wish(), &["kill_all"])?.outcome(&Outcome::Passed)?;
    // Outside, it would end the suite: the control has a pid namespace for its victim.
    let script = "\"$0\" -c '\"$1\" sleep 30000 & \"$1\" kill_all; wait $!; echo \"victim $?\"' sh \"$1\"; :";
    let mut shell = supervisors::in_new(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWUSER, "/bin/sh")?;
    shell.env("ISOTEST", "1").args(["-c", script, "/bin/sh"]).arg(&suite.probe);
    assert_eq!(Seen::run(&mut shell)?.fact("victim")?, "137", "control");
    Ok(())
}

/// Where it is asked whether one may write.
const OF_HOST: [&str; 6] = ["/", "/usr", "/etc", "/var", "/sys", "/dev"];

/// Processes of a group need not see each other: it reaches over pid namespaces.
fn signals_group(suite: &Suite) -> Kept {
    let (wish, script) = (suite.wish(), ["-c", "/bin/sh -c 'kill -TERM 0'; echo survived"]);
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    for _ in 0..3 {
        let shell = wish.clone().program("/bin/sh");
        shell.attempt(&mut slot, &script)?.outcome(&Outcome::Signaled { signal: SIGTERM })?;
        wish.attempt(&mut slot, &["exit", "0"])?.outcome(&Outcome::Passed)?;
    }
    // Control: it does reach whoever is in the group.
    let outside = Seen::run(Command::new("/bin/sh").args(script).process_group(0))?;
    assert_eq!((outside.exit, outside.stdout.as_slice()), (Some(Exit::Signal(SIGTERM)), &[][..]), "control");
    Ok(())
}

fn unmounts(suite: &Suite) -> Kept {
    let name = unique("unmounts");
    let _bystander = suite.running_outside(&["abstract_listen", &name, "30000"])?;
    let inside = beside_a_neighbour(suite, &suite.wish(), &[&["unmount_everything"], &OF_HOST[..]].concat())?;
    if suite.is_root() {
        inside.did()?;
        let outside = suite.outside(&[&["may_write"], &OF_HOST[..]].concat())?;
        assert!(outside.facts("writable").contains(&"/usr".to_owned()), "control: {outside:?}");
    } else {
        inside.refused("")?;
    }
    assert_eq!(inside.facts("unwritable"), OF_HOST);
    let file = tempfile::NamedTempFile::new_in("/tmp")?;
    let script = "\"$0\" unmount_everything >/dev/null 2>&1
        for process in /proc/[0-9]*; do tr '\\0' '\\n' < $process/cmdline; done
        ls -a /tmp /dev/shm /run";
    let shell = suite.wish().program("/bin/sh");
    let inside = suite.inside_with(&shell, &["-c", script, text(&suite.probe)?])?;
    let seen = String::from_utf8_lossy(&inside.stdout).into_owned() + &inside.stderr();
    assert!(!seen.contains(&name), "it sees a process of the host: {seen}");
    let name = file.path().file_name().and_then(|name| name.to_str()).ok_or("no name")?;
    assert!(!seen.contains(name), "it sees the host's /tmp: {seen}");
    // Outside, the host would lose its mounts: the control loses those of a namespace of its own.
    let mut shell = supervisors::in_new(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUSER, "/bin/sh")?;
    let script = "\"$0\" mount_tmpfs /sys && exec \"$0\" unmount_everything";
    Seen::run(shell.env("ISOTEST", "1").args(["-c", script]).arg(&suite.probe))?.did()?;
    Ok(())
}

fn fills_tmp(suite: &Suite) -> Kept {
    const MIB: u64 = 1 << 20;
    let wish = suite.wish();
    let mut template = suite.template(&wish);
    template.private.tmpfs_bytes = 16 * MIB;
    let mut slot = suite.slot(&template)?;
    for directory in ["/tmp", "/dev/shm"] {
        let path = format!("{directory}/fill");
        let inside = wish.attempt(&mut slot, &["fill_until_full", &path, "64"])?;
        let written: u64 = inside.did()?.fact("written")?.parse()?;
        assert!(written <= 16 * MIB && written > 12 * MIB, "{written}");
    }
    // Left full, and the next one finds its own empty.
    wish.attempt(&mut slot, &["fill", "/tmp/fill", "67108864"])?.refused("ENOSPC")?;
    wish.attempt(&mut slot, &["fill", "/tmp/fill", "8388608"])?.did()?;
    let scratch = tempfile::tempdir()?;
    let path = scratch.path().join("fill");
    assert!(suite.outside(&["fill_until_full", text(&path)?, "64"])?.did().is_err(), "control");
    beside_a_neighbour(suite, &suite.wish(), &["fill", "/tmp/fill", "33554432"])?.did()?;
    Ok(())
}

fn forks(suite: &Suite) -> Kept {
    let wish = Wish { limits: Limits { pids: Some(64), ..Limits::default() }, ..suite.wish() };
    let bomb = beside_a_neighbour(suite, &wish, &["fork_bomb"])?;
    bomb.refused("EAGAIN")?;
    bomb.outcome(&Outcome::Failed { code: 1 })?;
    let peak = bomb.record.usage.pids_peak.ok_or("no peak of processes")?.value;
    assert!((60..=64).contains(&peak), "{peak}");
    assert_ne!(bomb.ending()?.left_running, []);
    suite.inside_with(&wish, &["spawn_many", "80", "10"])?.refused("EAGAIN")?;
    suite.inside(&["spawn_many", "80", "10"])?.did()?;
    Ok(())
}

fn limit_is_told(suite: &Suite) -> Kept {
    let told = |limits| -> Result<bool, Failed> {
        let inside = suite.inside_with(&Wish { limits, ..suite.wish() }, &["exit", "0"])?;
        Ok(inside.record.remarks.iter().any(|remark| remark.contains("limits were not in force")))
    };
    assert!(told(Limits { pids: Some(64), ..Limits::default() })?);
    assert!(told(Limits { memory: Some(Bytes::mib(64)), ..Limits::default() })?);
    assert!(!told(Limits::default())?, "control");
    Ok(())
}

fn faults(suite: &Suite) -> Kept {
    for (fault, signal) in [("segfault", 11), ("abort", 6)] {
        beside_a_neighbour(suite, &suite.wish(), &[fault])?.outcome(&Outcome::Signaled { signal })?;
    }
    Ok(())
}

fn hoards_processes(suite: &Suite) -> Kept {
    for hoard in [&["zombies", "500"][..], &["threads", "300"], &["spawn_many", "300", "10"]] {
        suite.outside(hoard)?.did()?;
        beside_a_neighbour(suite, &suite.wish(), hoard)?.did()?;
    }
    Ok(())
}

/// How many keys this user has, according to `/proc/key-users` (keyrings(7)).
fn keys(text: &str) -> Result<u64, Failed> {
    let uid = nix::unistd::geteuid().to_string();
    let of_user =
        |line: &&str| line.trim_start().strip_prefix(&uid).is_some_and(|rest| rest.starts_with(':'));
    let Some(line) = text.lines().find(of_user) else { return Ok(0) };
    let counts = line.split_whitespace().nth(2).and_then(|counts| counts.split('/').next());
    Ok(counts.ok_or("no count of keys")?.parse()?)
}

fn hoards_keys(suite: &Suite) -> Kept {
    const MANY: u64 = 60;
    let script = "n=0; while [ $n -lt 60 ]; do \"$0\" keep_key isotest-$n >/dev/null || exit 1; n=$((n+1)); done; cat /proc/key-users";
    let probe = text(&suite.probe)?;
    let now = || keys(&fs::read_to_string("/proc/key-users")?);
    let before = now()?;
    let sees_all = |said: &[u8]| keys(&String::from_utf8_lossy(said)).map(|count| count >= MANY);
    let outside = suite.outside(&["in_session", "/bin/sh", "-c", script, probe])?;
    assert!(sees_all(&outside.did()?.stdout)?, "control: they are counted");
    // The kernel collects them some time after the last process that had them.
    let is_back =
        || eventually(Duration::from_secs(20), || now().is_ok_and(|count| count < before + MANY / 2));
    assert!(is_back(), "{before}, and now {}", now()?);
    let inside = suite.inside_with(&suite.wish().program("/bin/sh"), &["-c", script, probe])?;
    assert!(sees_all(&inside.did()?.stdout)?, "control: they are counted");
    assert!(is_back(), "{before}, and now {}", now()?);
    Ok(())
}

fn hoards_mounts(suite: &Suite) -> Kept {
    let count = |text: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with("freezer"))?;
        line.split_whitespace().nth(2)?.parse().ok()
    };
    let now = || fs::read_to_string("/proc/cgroups").ok().and_then(|text| count(&text));
    let Some(before) = now() else { return Ok(()) };
    let script = "mkdir /tmp/c && mount -t cgroup -o freezer none /tmp/c || exit 1; n=0
        while [ $n -lt 200 ]; do mkdir /tmp/$n /tmp/c/$n && mount --bind /tmp /tmp/$n || exit 1; n=$((n+1)); done
        cat /proc/cgroups; wc -l </proc/self/mountinfo";
    let shell = suite.wish().program("/bin/sh");
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let inside = suite.inside_with(&shell, &["-c", script])?;
    let said = String::from_utf8_lossy(&inside.did()?.stdout).into_owned();
    assert!(count(&said).is_some_and(|count| count >= 200), "control: {said}");
    assert!(said.lines().last().and_then(|line| line.parse().ok()).is_some_and(|mounts: u64| mounts > 200));
    let is_back = eventually(Duration::from_secs(20), || now().is_some_and(|now| now < before + 100));
    assert!(is_back, "{before}, and now {:?}", now());
    assert_eq!(fs::read_to_string("/proc/self/mountinfo")?, mounts);
    suite.inside(&["exit", "0"])?.outcome(&Outcome::Passed)
}
