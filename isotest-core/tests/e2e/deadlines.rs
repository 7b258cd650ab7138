//! What never ends is ended.

use crate::endings::{exit, is_alive, unique_pause};
use crate::observed::{Attempt, eventually};
use crate::promise::{Kept, Promise};
use crate::sandboxed::{Suite, Wish};
use isotest_core::outcome::{Exit, Outcome};
use libtest_mimic::Failed;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("what_sleeps_for_ever_is_terminated", sleeper),
    Promise::new("what_computes_for_ever_is_terminated", computer),
    Promise::new("what_ignores_sigterm_is_killed", ignorer),
    Promise::new("what_prints_without_end_is_terminated", printer),
    Promise::new("a_time_beyond_the_clocks_is_no_limit", beyond_the_clock),
    Promise::new("what_listens_to_sigterm_may_say_goodbye", listener),
    Promise::new("what_stops_itself_for_good_ends_at_once", stops_for_good),
    Promise::new("what_stops_itself_beside_the_dead_ends_too", stops_beside_the_dead),
    Promise::new("what_somebody_continues_goes_on", is_continued),
    Promise::new("what_is_stopped_when_its_time_is_over_ends", stopped_at_deadline),
    Promise::new("what_ends_in_time_is_not_disturbed", in_time),
];

const SHORT: Duration = Duration::from_millis(500);
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
const SIGSTOP: i32 = 19;

fn within(suite: &Suite, timeout: Duration) -> Wish {
    Wish { timeout: Some(timeout), ..suite.wish() }
}

/// Executes what would go on for longer than any trial, and sees that it ended by `signal` when its time was over,
/// in which the set-up of its sandbox does not count.
fn times_out(suite: &Suite, arguments: &[&str], signal: i32) -> Kept {
    let inside = suite.inside_with(&within(suite, SHORT), arguments)?;
    inside.outcome(&Outcome::TimedOut)?;
    let ending = inside.ending()?;
    assert_eq!(ending.exit, Exit::Signal(signal));
    assert!(
        ending.timed_out && ending.wall >= SHORT && ending.wall < Duration::from_secs(8),
        "{:?}",
        ending.wall
    );
    Ok(())
}

/// The same for what says when it is ready for the end of its time; on a slow machine that takes longer.
fn times_out_when_ready(suite: &Suite, wish: &Wish, arguments: &[&str]) -> Result<Attempt, Failed> {
    for timeout in [1, 4, 16].map(|factor| SHORT * factor) {
        let inside = suite.inside_with(&Wish { timeout: Some(timeout), ..wish.clone() }, arguments)?;
        inside.outcome(&Outcome::TimedOut)?;
        if inside.stdout.starts_with(b"ready") {
            return Ok(inside);
        }
    }
    Err("it was never ready".into())
}

fn sleeper(suite: &Suite) -> Kept {
    let pause = unique_pause();
    times_out(suite, &["sleep", &pause], SIGTERM)?;
    assert!(!is_alive(&pause));
    // Control: outside, it goes on.
    let mut outside = Command::new(&suite.probe).args(["sleep", &pause]).stdin(Stdio::null()).spawn()?;
    let went_on = !eventually(SHORT * 2, || !matches!(outside.try_wait(), Ok(None)));
    outside.kill()?;
    outside.wait()?;
    assert!(went_on, "control");
    Ok(())
}

fn computer(suite: &Suite) -> Kept {
    times_out(suite, &["burn_cpu", "50000"], SIGTERM)?;
    times_out(suite, &["burn_cpu_threads", "4", "50000"], SIGTERM)
}

fn printer(suite: &Suite) -> Kept {
    let arguments = ["print_without_end"];
    times_out(suite, &arguments, SIGTERM)?;
    let inside = suite.inside_with(&within(suite, SHORT), &arguments)?;
    let autopsy = inside.record.autopsy.as_ref().ok_or_else(|| inside.unlike("a picture"))?;
    assert!(autopsy.snapshot.processes.iter().any(|process| process.name == "probe"), "{autopsy:?}");
    Ok(())
}

fn beyond_the_clock(suite: &Suite) -> Kept {
    for timeout in [Duration::MAX, Duration::from_secs(u64::MAX / 2), Duration::from_secs(u64::MAX / 4)] {
        suite.inside_with(&within(suite, timeout), &["exit", "0"])?.did()?;
    }
    Ok(())
}

fn ignorer(suite: &Suite) -> Kept {
    let pause = unique_pause();
    let inside = times_out_when_ready(suite, &suite.wish(), &["ignore_sigterm", &pause])?;
    assert_eq!(exit(&inside)?, Exit::Signal(SIGKILL));
    assert!(!is_alive(&pause));
    // Control: outside, the polite signal is ignored.
    let outside = suite.running_outside(&["ignore_sigterm", "30000"])?;
    let pid = nix::unistd::Pid::from_raw(outside.pid().try_into()?);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
    assert!(is_running(outside.pid())?, "control");
    Ok(())
}

fn is_running(pid: u32) -> Result<bool, Failed> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    Ok(matches!(state, Some("R" | "S")))
}

fn listener(suite: &Suite) -> Kept {
    let script = "trap 'echo goodbye; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let inside = times_out_when_ready(suite, &suite.wish().program("/bin/sh"), &["-c", script])?;
    assert_eq!((exit(&inside)?, inside.stdout.as_slice()), (Exit::Code(3), &b"ready\ngoodbye\n"[..]));
    Ok(())
}

fn stops_for_good(suite: &Suite) -> Kept {
    let start = Instant::now();
    let inside = suite.inside(&["stop_self", "0"])?;
    inside.outcome(&Outcome::Signaled { signal: SIGSTOP })?;
    assert_eq!(exit(&inside)?, Exit::Stopped(SIGSTOP));
    assert!(start.elapsed() < Duration::from_secs(5));
    // Control: outside, it stays stopped.
    let mut outside = Command::new(&suite.probe).args(["stop_self", "0"]).stdin(Stdio::null()).spawn()?;
    let file = format!("/proc/{}/stat", outside.id());
    let stopped = eventually(Duration::from_secs(5), || {
        fs::read_to_string(&file).is_ok_and(|text| text.contains(") T "))
    });
    outside.kill()?;
    outside.wait()?;
    assert!(stopped, "control");
    Ok(())
}

/// Nobody is left who could continue it, at once or only when a child has ended.
fn stops_beside_the_dead(suite: &Suite) -> Kept {
    for arguments in [&["stop_beside_a_child", "0"][..], &["stop_beside_a_child", "700"], &["stop_group"]] {
        let inside = suite.inside_with(&within(suite, Duration::from_secs(20)), arguments)?;
        inside.outcome(&Outcome::Signaled { signal: SIGSTOP })?;
        assert_eq!(exit(&inside)?, Exit::Stopped(SIGSTOP));
    }
    Ok(())
}

fn is_continued(suite: &Suite) -> Kept {
    let inside = suite.inside(&["stop_self", "200"])?;
    inside.outcome(&Outcome::Passed)?;
    assert_eq!(inside.fact("continued")?, "true");
    Ok(())
}

fn stopped_at_deadline(suite: &Suite) -> Kept {
    times_out(suite, &["stop_self", "40000"], SIGTERM)
}

fn in_time(suite: &Suite) -> Kept {
    let inside = suite.inside_with(&within(suite, Duration::from_secs(20)), &["sleep", "300"])?;
    inside.outcome(&Outcome::Passed)?;
    let wall = inside.ending()?.wall;
    assert!(wall >= Duration::from_millis(300) && wall < Duration::from_secs(5), "{wall:?}");
    Ok(())
}
