//! What never ends is ended.

use crate::ends::{exit, is_alive, unique_pause};
use crate::promise::{Kept, Promise};
use crate::sandboxed::{Suite, Wish, eventually};
use isotest_core::outcome::{Exit, Outcome};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("what_sleeps_for_ever_is_terminated", sleeper),
    Promise::new("what_computes_for_ever_is_terminated", computer),
    Promise::new("what_ignores_sigterm_is_killed", ignorer),
    Promise::new("what_listens_to_sigterm_may_say_goodbye", listener),
    Promise::new("what_stops_itself_for_good_ends_at_once", stops_for_good),
    Promise::new("what_somebody_continues_goes_on", is_continued),
    Promise::new("what_is_stopped_when_its_time_is_over_ends", stopped_at_deadline),
    Promise::new("what_ends_in_time_is_not_disturbed", in_time),
];

const SHORT: Duration = Duration::from_millis(250);
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
const SIGSTOP: i32 = 19;

fn within(suite: &Suite, timeout: Duration) -> Wish {
    Wish { timeout: Some(timeout), ..suite.wish() }
}

/// Executes what would go on for longer than any trial, and sees that it ended by `signal` when its time was over,
/// which is counted from the order to start, a little longer than the workload itself runs.
fn times_out(suite: &Suite, arguments: &[&str], signal: i32) -> Kept {
    let inside = suite.inside_with(&within(suite, SHORT), arguments)?;
    inside.outcome(&Outcome::TimedOut)?;
    let ending = inside.ending()?;
    assert_eq!(ending.exit, Exit::Signal(signal));
    assert!(
        ending.timed_out && ending.wall >= SHORT / 2 && ending.wall < Duration::from_secs(8),
        "{:?}",
        ending.wall
    );
    Ok(())
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

fn ignorer(suite: &Suite) -> Kept {
    let pause = unique_pause();
    times_out(suite, &["ignore_sigterm", &pause], SIGKILL)?;
    assert!(!is_alive(&pause));
    // Control: outside, the polite signal is ignored.
    let outside = suite.running_outside(&["ignore_sigterm", "30000"])?;
    let pid = nix::unistd::Pid::from_raw(outside.pid().try_into()?);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
    assert!(is_running(outside.pid())?, "control");
    Ok(())
}

fn is_running(pid: u32) -> Result<bool, libtest_mimic::Failed> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    Ok(matches!(state, Some("R" | "S")))
}

fn listener(suite: &Suite) -> Kept {
    let script = "trap 'echo goodbye; exit 3' TERM; while :; do sleep 0.05; done";
    let inside = suite.inside_with(&within(suite, SHORT).program("/bin/sh"), &["-c", script])?;
    inside.outcome(&Outcome::TimedOut)?;
    assert_eq!((exit(&inside)?, inside.stdout.as_slice()), (Exit::Code(3), &b"goodbye\n"[..]));
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
        fs::read_to_string(&file).is_ok_and(|stat| stat.contains(") T "))
    });
    outside.kill()?;
    outside.wait()?;
    assert!(stopped, "control");
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
