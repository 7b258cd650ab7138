//! What a program finds at its start: descriptors, signals, terminal, environment.

use crate::observed::{Seen, text};
use crate::promise::{Kept, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::supervisors;
use isotest_core::outcome::Exit;
use libtest_mimic::Failed;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;
use nix::sched::{CloneFlags, CpuSet, sched_getaffinity};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, getpgrp, getsid, setsid, ttyname};
use procfs::FromRead;
use procfs::process::Stat;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("no_descriptor_but_the_standard_ones", descriptors),
    Promise::new("standard_input_is_empty", standard_input),
    Promise::new("no_signal_is_blocked", signals_are_not_blocked),
    Promise::new("no_signal_is_ignored", signals_are_not_ignored),
    Promise::new("there_is_no_controlling_terminal", no_terminal),
    Promise::new("its_session_is_the_attempts_own", own_session),
    Promise::new("its_session_is_as_nice_as_the_caller", niceness).alone(),
    Promise::new("it_yields_as_its_caller_would", yields).alone(),
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

/// The kernel shares processors out between sessions first, and lets a user say only ten times a second how nice one is.
fn niceness(_: &Suite) -> Kept {
    let said = |program: &OsStr, arguments: &[&str]| -> Result<String, Failed> {
        let seen = Seen::run(with_niceness("5").arg(program).args(arguments))?;
        Ok(String::from_utf8_lossy(&seen.did()?.stdout).into_owned())
    };
    if !Path::new("/proc/self/autogroup").exists() {
        return Ok(());
    }
    let own = std::env::current_exe()?;
    let inside = said(own.as_os_str(), &["--as-supervisor", "in_shell", UNTIL_NICE])?;
    assert!(inside.ends_with(" nice 5\n"), "{inside}");
    let outside = said("setsid".as_ref(), &["cat", "/proc/self/autogroup"])?;
    assert!(outside.ends_with(" nice 0\n"), "control: a session elsewhere is as nice as any: {outside}");
    Ok(())
}

/// Executes the arguments that follow with this niceness, in a session that is as nice as any, whatever ours is. Not every
/// machine has nice(1).
fn with_niceness(nice: &str) -> Command {
    let mut shell = Command::new("setsid");
    shell.args(["sh", "-c", &format!("renice -n {nice} $$ >/dev/null && exec \"$@\""), "sh"]);
    shell
}

/// Beside a program in a session of its own that wants the same processor.
fn yields(_: &Suite) -> Kept {
    const BUSY: &str = "while :; do :; done";
    const SECONDS: f64 = 1.5;
    let set = sched_getaffinity(Pid::from_raw(0))?;
    let is_ours = |processor: &usize| set.is_set(*processor).unwrap_or_default();
    let processor = (0..CpuSet::count()).find(is_ours).ok_or("no processor")?.to_string();
    // What `times` says of children stands in the second line: `0m1.20s 0m0.01s`.
    let script = format!("timeout {SECONDS} taskset -c {processor} sh -c '{BUSY}'; times");
    let of_inside = |said: &str| -> Result<f64, Failed> {
        let time = said.lines().nth(1).and_then(|line| line.split('s').next()?.split_once('m'));
        let (minutes, seconds) = time.ok_or("no times")?;
        Ok((minutes.parse::<f64>()? * 60.0 + seconds.parse::<f64>()?) / SECONDS)
    };
    let shares = |nice: &str| -> Result<[f64; 2], Failed> {
        let began = Instant::now();
        let mut beside =
            Command::new("setsid").args(["taskset", "-c", &processor, "sh", "-c", BUSY]).spawn()?;
        let mut caller = with_niceness(nice);
        caller.arg(std::env::current_exe()?).args(["--as-supervisor", "in_shell", &script]);
        let seen = Seen::run(&mut caller);
        let stat = Stat::from_file(format!("/proc/{}/stat", beside.id()));
        let time = began.elapsed().as_secs_f64();
        beside.kill()?;
        beside.wait()?;
        let ticks = u32::try_from(stat?.utime)?;
        let inside = of_inside(&String::from_utf8_lossy(&seen?.did()?.stdout))?;
        Ok([inside, f64::from(ticks) / TICKS_PER_SECOND / time])
    };
    let [nice, beside_nice] = shares("19")?;
    let [usual, beside_usual] = shares("0")?;
    assert!(4.0 * nice < beside_nice, "{nice} of a processor, and what is beside it {beside_nice}");
    assert!(
        4.0 * usual > beside_usual,
        "control: {usual} of a processor, and what is beside it {beside_usual}"
    );
    Ok(())
}

/// The unit of times in `/proc/PID/stat` (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

const UNTIL_NICE: &str = "for time in $(seq 100); do grep -q ' nice 5$' /proc/self/autogroup && break; sleep 0.05; done; \
                          cat /proc/self/autogroup";

/// A supervisor that has a shell execute a script inside, and says what that said.
#[expect(clippy::print_stdout, reason = "the suite reads there what the shell said")]
pub(crate) fn in_shell(arguments: &[OsString]) -> Kept {
    let [script] = arguments else { return Err("a script is needed".into()) };
    let suite = Suite::of_a_supervisor()?;
    let shell = suite.wish().program("/bin/sh");
    let inside = suite.inside_with(&shell, &["-c", script.to_str().ok_or("a script is UTF-8")?])?;
    print!("{}", String::from_utf8_lossy(&inside.did()?.stdout));
    drop(inside);
    Ok(suite.close()?)
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
