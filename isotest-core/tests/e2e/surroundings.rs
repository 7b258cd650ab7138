//! What a program finds at its start: descriptors, signals, terminal, environment.

use crate::observed::{Seen, text};
use crate::promise::{Kept, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::supervisors;
use isotest_core::outcome::Exit;
use libtest_mimic::Failed;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, getpgrp, getsid, setsid, ttyname};
use procfs::FromRead;
use procfs::process::Stat;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::process::Command;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("no_descriptor_but_the_standard_ones", descriptors),
    Promise::new("standard_input_is_empty", standard_input),
    Promise::new("no_signal_is_blocked", signals_are_not_blocked),
    Promise::new("no_signal_is_ignored", signals_are_not_ignored),
    Promise::new("there_is_no_controlling_terminal", no_terminal),
    Promise::new("its_session_is_the_attempts_own", own_session),
    Promise::new("it_leads_neither_session_nor_process_group", no_leader),
    Promise::new("its_relations_are_those_of_any_test", relations).alone(),
    Promise::new("it_may_do_to_its_parent_what_it_likes", to_its_parent),
    Promise::new("the_environment_is_the_one_given", environment),
    Promise::new("the_mode_mask_is_the_callers", mode_mask).alone(),
    Promise::new("resource_limits_are_the_callers", resource_limits),
    Promise::new("user_and_group_are_the_callers", ids),
    Promise::new("the_first_process_is_not_the_workload", not_the_first),
];

fn descriptors(suite: &Suite) -> Kept {
    let inherited = File::open("/dev/zero")?;
    fcntl(&inherited, FcntlArg::F_SETFD(FdFlag::empty()))?;
    let numbers = |seen: &Seen| seen.all_facts().into_keys().collect::<Vec<_>>();
    let inside = suite.inside(&["fds"])?;
    assert_eq!(numbers(inside.did()?), ["0", "1", "2"]);
    assert!(
        suite.outside(&["fds"])?.did()?.all_facts().values().any(|target| target == "/dev/zero"),
        "control"
    );
    Ok(())
}

fn standard_input(suite: &Suite) -> Kept {
    let inside = suite.inside(&["stdin"])?;
    assert_eq!((inside.did()?.fact("target")?, inside.fact("bytes")?), ("/dev/null".into(), "0".into()));
    assert_eq!(inside.fact("writable")?, "false");
    // Control: what the supervisor itself reads from is not it.
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "echo words | \"$0\" --as-supervisor inside stdin; echo words | \"$1\" stdin"]);
    let both = Seen::run(shell.arg(std::env::current_exe()?).arg(&suite.probe))?;
    assert_eq!(both.did()?.facts("bytes"), ["0", "6"]);
    Ok(())
}

fn signals_are_not_blocked(suite: &Suite) -> Kept {
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGUSR1);
    blocked.thread_block()?;
    let both = suite.inside(&["signals"]).and_then(|inside| Ok((inside, suite.outside(&["signals"])?)));
    blocked.thread_unblock()?;
    let (inside, outside) = both?;
    for key in ["blocked_at_start", "SigBlk", "SigPnd", "ShdPnd"] {
        assert_eq!(u64::from_str_radix(&inside.did()?.fact(key)?, 16)?, 0, "{key}");
    }
    assert_ne!(u64::from_str_radix(&outside.did()?.fact("blocked_at_start")?, 16)?, 0, "control");
    Ok(())
}

fn signals_are_not_ignored(suite: &Suite) -> Kept {
    let ignored = |program: &str, arguments: &[&str]| {
        let mut shell = Command::new("/bin/sh");
        let seen =
            Seen::run(shell.args(["-c", "trap '' USR1 QUIT; exec \"$0\" \"$@\"", program]).args(arguments))?;
        let set = seen.did()?.fact("ignored_at_start")?;
        Ok::<_, Failed>(u64::from_str_radix(&set, 16)?)
    };
    let own = std::env::current_exe()?;
    assert_eq!(ignored(text(&own)?, &["--as-supervisor", "inside", "signals"])?, 0);
    assert_ne!(ignored(text(&suite.probe)?, &["signals"])?, 0, "control");
    Ok(())
}

/// A supervisor that executes the probe inside and says what it said.
#[expect(clippy::print_stdout, reason = "the suite reads there what the probe said")]
pub(crate) fn inside(arguments: &[OsString]) -> Kept {
    let arguments: Option<Vec<_>> = arguments.iter().map(|argument| argument.to_str()).collect();
    let inside = Suite::without_cgroups()?.inside(&arguments.ok_or("arguments are UTF-8")?)?;
    print!("{}", String::from_utf8_lossy(&inside.did()?.stdout));
    Ok(())
}

fn no_terminal(_: &Suite) -> Kept {
    Seen::run(&mut supervisors::command("on_a_terminal")?)?.did()?;
    Ok(())
}

/// A supervisor with a terminal.
pub(crate) fn on_a_terminal(_: &[OsString]) -> Kept {
    let suite = Suite::without_cgroups()?;
    setsid()?;
    // Never closed: that would hang up this very session.
    let pair = Box::leak(Box::new(openpty(None, None)?));
    // A session leader without a terminal gets the one it opens.
    let _terminal = OpenOptions::new().read(true).write(true).open(ttyname(&pair.slave)?)?;
    suite.outside(&["tty"])?.did()?;
    let inside = suite.inside(&["tty"])?;
    inside.refused("ENXIO")?;
    Ok(())
}

/// Led by init. The kernel shows those that are led from elsewhere as 0.
fn own_session(suite: &Suite) -> Kept {
    let stat = ["read", "/proc/self/stat"];
    let (inside, outside) = (suite.inside(&stat)?, suite.outside(&stat)?);
    let group_and_session = |seen: &Seen| -> Result<[i32; 2], Failed> {
        let text = String::from_utf8_lossy(&seen.did()?.stdout).into_owned();
        let stat = Stat::from_read(text.as_bytes())?;
        Ok([stat.pgrp, stat.session])
    };
    assert_eq!(group_and_session(&inside)?, [2, 1]);
    let callers = [getpgrp(), getsid(None)?].map(Pid::as_raw);
    assert_eq!(group_and_session(&outside)?, callers, "control: outside they are the caller's");
    Ok(())
}

/// Below cargo, too, a test is one of many in a session and a process group.
fn no_leader(suite: &Suite) -> Kept {
    suite.inside(&["hang_up"])?.did()?;
    // One that leads a process group could not do what this begins with.
    let hung_up = Exit::Signal(Signal::SIGHUP as i32);
    for leader in [&*suite.inside(&["hang_up", "leader"])?, &suite.outside(&["hang_up", "leader"])?] {
        assert_eq!(leader.exit, Some(hung_up), "control: {:?}", leader.unlike("a hang-up").message());
    }
    Ok(())
}

/// As below cargo, which is the control: a signal to the group reaches the test and its children and nobody else, it
/// may lead a session, and its parent is there until its end.
fn relations(suite: &Suite) -> Kept {
    let (inside, outside) = (suite.inside(&["relations"])?, suite.outside(&["relations"])?);
    assert_eq!(inside.did()?.all_facts(), outside.did()?.all_facts());
    let expected = [
        ("leads_its_group", "false"),
        ("group_is_1", "false"),
        ("parent_is_1", "false"),
        ("reached", "self child"),
        ("new_session", "true"),
        ("parent_is_the_same", "true"),
    ];
    for (key, value) in expected {
        assert_eq!(inside.fact(key)?, value, "{key}");
    }
    Ok(())
}

/// Its end is seen and told as it was, and nothing is left of either.
fn to_its_parent(suite: &Suite) -> Kept {
    for signal in ["SIGKILL", "SIGSTOP", "SIGTERM", "SIGCONT"] {
        for end in ["exit", "raise"] {
            let inside = suite.inside(&["signal_parent", signal, end])?;
            let expected = if end == "exit" { Exit::Code(1) } else { Exit::Signal(Signal::SIGUSR1 as i32) };
            assert_eq!(inside.exit, Some(expected), "{signal} {end}");
            assert_eq!(inside.fact("sent")?, signal);
        }
    }
    Ok(())
}

fn environment(suite: &Suite) -> Kept {
    let environment = vec![("A".into(), "b c\nd".into()), ("EMPTY".into(), "".into())];
    let inside = suite.inside_with(&Wish { environment, ..suite.wish() }, &["env"])?;
    assert_eq!(inside.did()?.stdout, b"A=b c\nd\0EMPTY=\0");
    assert_ne!(suite.outside(&["env"])?.did()?.stdout, inside.stdout, "control: outside it is inherited");
    Ok(())
}

fn mode_mask(suite: &Suite) -> Kept {
    for mask in [0o027, 0o002] {
        // It is the whole process's, which is why this trial is alone.
        let before = umask(Mode::from_bits_retain(mask));
        let both = suite.inside(&["umask"]).and_then(|inside| Ok((inside, suite.outside(&["umask"])?)));
        umask(before);
        let (inside, outside) = both?;
        assert_eq!(inside.did()?.fact("Umask")?, format!("{mask:04o}"));
        assert_eq!(inside.stdout, outside.stdout);
    }
    Ok(())
}

fn resource_limits(suite: &Suite) -> Kept {
    assert_eq!(suite.inside(&["rlimits"])?.did()?.stdout, suite.outside(&["rlimits"])?.did()?.stdout);
    Ok(())
}

fn ids(suite: &Suite) -> Kept {
    let (inside, outside) = (suite.inside(&["ids"])?, suite.outside(&["ids"])?);
    for key in ["uid", "gid", "euid", "egid"] {
        assert_eq!(inside.did()?.fact(key)?, outside.did()?.fact(key)?);
    }
    Ok(())
}

fn not_the_first(suite: &Suite) -> Kept {
    let pid = suite.inside(&["pid"])?.did()?.fact("pid")?;
    assert_ne!(pid, "1");
    // Control: in a pid namespace without an init of ours, the probe is the first.
    let script = "\"$0\" pid; :";
    let mut shell = supervisors::in_new(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWUSER, "/bin/sh")?;
    let control = Seen::run(shell.args(["-c", script]).arg(&suite.probe))?;
    assert_eq!(control.did()?.fact("pid")?, "1");
    Ok(())
}
