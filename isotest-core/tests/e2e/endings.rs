//! How a workload's end is told, and what becomes of what it leaves behind.

use crate::observed::{Attempt, Seen, eventually, text};
use crate::promise::{Kept, Promise};
use crate::sandboxed::Suite;
use crate::supervisors;
use isotest_core::outcome::{Exit, Outcome};
use isotest_core::reaper::{self, Reaped};
use libtest_mimic::Failed;
use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("an_exit_code_is_the_workloads_own", exit_codes),
    Promise::new("abort_is_sigabrt", abort),
    Promise::new("a_signal_to_oneself_kills", signal_to_oneself),
    Promise::new("a_fault_is_sigsegv", fault),
    Promise::new("a_real_time_signal_is_told", real_time_signal),
    Promise::new("waitpid_sees_only_own_children", waitpid_any),
    Promise::new("what_is_left_running_is_named_and_killed", leaks),
    Promise::new("a_leak_does_not_hide_a_failure", failure_with_leak),
    Promise::new("what_holds_the_output_open_does_not_hold_the_attempt", holding_stdout),
    Promise::new("ended_children_are_no_leak", ended_children),
    Promise::new("output_is_kept_to_its_last_byte", output),
    Promise::new("of_a_long_output_the_middle_is_counted", long_output),
    Promise::new("a_closed_stdout_is_no_end", closed_stdout),
    Promise::new("a_command_that_ends_at_once_is_seen_to_end", ended_at_once),
];

const SIGKILL: i32 = 9;

fn exit_codes(suite: &Suite) -> Kept {
    suite.inside(&["exit", "0"])?.outcome(&Outcome::Passed)?;
    for code in [1, 2, 101, 126, 127, 255] {
        suite.inside(&["exit", &code.to_string()])?.outcome(&Outcome::Failed { code })?;
    }
    suite.inside(&["panic"])?.outcome(&Outcome::Failed { code: 101 })
}

/// How the probe ends as the first process of a pid namespace, which is what init is there for: the shell's `$?`.
fn as_first_process(suite: &Suite, arguments: &[&str]) -> Result<String, Failed> {
    let mut shell = supervisors::in_new(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWUSER, "/bin/sh")?;
    shell.args(["-c", "\"$@\"; echo \"status $?\"", "sh"]);
    Seen::run(shell.arg(&suite.probe).args(arguments))?.fact("status")
}

fn abort(suite: &Suite) -> Kept {
    suite.inside(&["abort"])?.outcome(&Outcome::Signaled { signal: 6 })?;
    assert_ne!(as_first_process(suite, &["abort"])?, "134", "control");
    Ok(())
}

fn signal_to_oneself(suite: &Suite) -> Kept {
    for (name, signal) in [("SIGTERM", 15), ("SIGKILL", SIGKILL), ("SIGHUP", 1), ("SIGALRM", 14)] {
        suite.inside(&["raise", name])?.outcome(&Outcome::Signaled { signal })?;
        let control = as_first_process(suite, &["raise", name])?;
        assert_ne!(control, (128 + signal).to_string(), "control");
    }
    Ok(())
}

fn fault(suite: &Suite) -> Kept {
    suite.inside(&["segfault"])?.outcome(&Outcome::Signaled { signal: 11 })?;
    // Any process ends by a real fault: the control is one without.
    suite.inside(&["exit", "0"])?.outcome(&Outcome::Passed)
}

fn real_time_signal(suite: &Suite) -> Kept {
    let shell = suite.wish().program("/bin/sh");
    for signal in [34, 64] {
        let script = format!("kill -{signal} $$");
        suite.inside_with(&shell, &["-c", &script])?.outcome(&Outcome::Signaled { signal })?;
    }
    // Any process ends by it: the control is a signal that kills nobody.
    suite.inside_with(&shell, &["-c", "kill -CONT $$"])?.outcome(&Outcome::Passed)
}

fn waitpid_any(suite: &Suite) -> Kept {
    suite.inside(&["waitpid_any"])?.refused("ECHILD")?;
    let with_child = "true & exec \"$0\" waitpid_any";
    let inside =
        suite.inside_with(&suite.wish().program("/bin/sh"), &["-c", with_child, text(&suite.probe)?])?;
    inside.did()?;
    // Control: the first process of a pid namespace, which is what a workload without our init would be, gets an orphan
    // it never started; inside, the same one is no child of the workload.
    let orphaning = ["-c", "(sleep 0.3 &); exec \"$0\" waitpid_any", text(&suite.probe)?];
    suite.inside_with(&suite.wish().program("/bin/sh"), &orphaning)?.refused("ECHILD")?;
    let mut shell = supervisors::in_new(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWUSER, "/bin/sh")?;
    Seen::run(shell.args(["-c", "/bin/sh \"$@\"; exit $?", "sh"]).args(orphaning))?.did()?;
    Ok(())
}

/// So many milliseconds that the number names one process of this machine.
pub(crate) fn unique_pause() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}", 20_000_000_u64 + u64::from(std::process::id() % 100_000) * 100 + u64::from(next))
}

/// Whether a process of the host has this argument.
pub(crate) fn is_alive(argument: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let mut arguments =
        lines.map(|line| line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes()));
    arguments.any(|found| found)
}

fn leaks(suite: &Suite) -> Kept {
    for kind in ["orphan", "orphan_holding_stdout", "daemon"] {
        let pause = unique_pause();
        let start = Instant::now();
        let inside = suite.inside(&[kind, &pause])?;
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        inside.outcome(&Outcome::Leaked)?;
        let [left] = inside.ending()?.left_running.as_slice() else {
            return Err(inside.unlike("one process left running"));
        };
        assert_eq!(left.pid.to_string(), inside.fact(if kind == "daemon" { kind } else { "orphan" })?);
        assert_eq!(left.command, format!("{} {kind} {pause}", suite.probe.display()));
        assert!(!is_alive(&pause), "it is still there");
    }
    let pause = unique_pause();
    let outside = suite.outside(&["orphan", &pause])?;
    let alive = is_alive(&pause);
    suite.outside(&["kill_pid", &outside.did()?.fact("orphan")?])?.did()?;
    assert!(alive, "control");
    Ok(())
}

fn failure_with_leak(suite: &Suite) -> Kept {
    let shell = suite.wish().program("/bin/sh");
    let inside = suite.inside_with(&shell, &["-c", "sleep 30 & exit 3"])?;
    inside.outcome(&Outcome::Failed { code: 3 })?;
    assert_eq!(commands(&inside)?, ["sleep 30"]);
    let inside = suite.inside_with(&shell, &["-c", "sleep 30 & kill -TERM $$"])?;
    inside.outcome(&Outcome::Signaled { signal: 15 })?;
    assert_eq!(commands(&inside)?, ["sleep 30"]);
    let control = suite.inside_with(&shell, &["-c", "sleep 0.02 & wait; exit 3"])?;
    assert!(commands(&control)?.is_empty(), "control");
    Ok(())
}

fn commands(attempt: &Attempt) -> Result<Vec<String>, Failed> {
    Ok(attempt.ending()?.left_running.iter().map(|left| left.command.clone()).collect())
}

fn holding_stdout(suite: &Suite) -> Kept {
    const HELD: Duration = Duration::from_millis(1500);
    let start = Instant::now();
    suite.inside(&["orphan_holding_stdout", "30000"])?.outcome(&Outcome::Leaked)?;
    let inside = start.elapsed();
    let start = Instant::now();
    suite.outside(&["orphan_holding_stdout", &HELD.as_millis().to_string()])?.did()?;
    assert!(inside < Duration::from_secs(10), "{inside:?}");
    assert!(start.elapsed() >= HELD, "control: who reads to the end waits");
    Ok(())
}

fn ended_children(suite: &Suite) -> Kept {
    suite.inside(&["zombies", "5"])?.outcome(&Outcome::Passed)?;
    suite.inside(&["orphan", "0"])?.outcome(&Outcome::Passed)?;
    suite.inside(&["orphan", "30000"])?.outcome(&Outcome::Leaked)
}

fn output(suite: &Suite) -> Kept {
    for bytes in [0, 1, 65_536, 1_000_000] {
        let inside = suite.inside(&["print", &bytes.to_string()])?;
        assert_eq!(inside.did()?.stdout, suite.outside(&["print", &bytes.to_string()])?.stdout);
        assert_eq!((inside.stdout.len(), inside.record.stdout.dropped), (bytes, 0));
    }
    let inside = suite.inside(&["print_invalid_utf8"])?;
    assert_eq!(inside.did()?.stdout, suite.outside(&["print_invalid_utf8"])?.stdout);
    let both = "echo one; echo two >&2; exit 1";
    let inside = suite.inside_with(&suite.wish().program("/bin/sh"), &["-c", both])?;
    assert_eq!((inside.stdout.as_slice(), inside.stderr.as_slice()), (&b"one\n"[..], &b"two\n"[..]));
    Ok(())
}

fn long_output(_: &Suite) -> Kept {
    Seen::run(&mut supervisors::command("long_output")?)?.did()?;
    Ok(())
}

/// A supervisor whose memory is for this alone.
pub(crate) fn with_long_output(_: &[OsString]) -> Kept {
    const BYTES: u64 = 100_000_000;
    let suite = Suite::without_cgroups()?;
    let inside = suite.inside(&["print", &BYTES.to_string()])?;
    let kept = &inside.did()?.stdout;
    assert_eq!(u64::try_from(kept.len())? + inside.record.stdout.dropped, BYTES);
    assert_eq!(kept.len(), 2 << 20);
    let own = fs::read_to_string("/proc/self/status")?;
    let peak = own.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    assert!(kib < 64 << 10, "the supervisor took {kib} KiB");
    Ok(())
}

fn closed_stdout(suite: &Suite) -> Kept {
    let inside = suite.inside(&["close_stdout_then_sleep", "300"])?;
    inside.outcome(&Outcome::Passed)?;
    assert!(inside.ending()?.wall >= Duration::from_millis(300));
    Ok(())
}

/// Waits until no process of the host has this argument any more.
pub(crate) fn ends_soon(argument: &str) -> bool {
    eventually(Duration::from_secs(1), || !is_alive(argument))
}

/// What ended a workload.
pub(crate) fn exit(attempt: &Attempt) -> Result<Exit, Failed> {
    Ok(attempt.ending()?.exit)
}

/// On one processor a command often ends before whoever started it goes on.
fn ended_at_once(_: &Suite) -> Kept {
    const TIMES: usize = 100;
    let (tell, ended) = channel();
    thread::spawn(move || -> io::Result<()> {
        let this = Pid::from_raw(0);
        let allowed = sched_getaffinity(this)?;
        let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
        let mut one = CpuSet::new();
        one.set(first.unwrap_or(0))?;
        sched_setaffinity(this, &one)?;
        for _ in 0..TIMES {
            let status = Reaped::start(reaper::command("true"))?.wait()?;
            let _ = tell.send(status.success());
        }
        Ok(())
    });
    for time in 0..TIMES {
        let success = ended.recv_timeout(Duration::from_secs(20));
        if success != Ok(true) {
            return Err(format!("{success:?} after {time} that were seen").into());
        }
    }
    Ok(())
}
