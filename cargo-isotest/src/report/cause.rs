//! Why a verdict is what it is, in words; pure.

use crate::text::sanitize::word;
use crate::text::units::signal;
use crate::verdict::Verdict;
use isotest_core::outcome::Exit;
use isotest_core::record::Record;
use isotest_core::usage::Usage;

/// Word of machine formats for an attempt that was killed with its run.
pub(super) const INTERRUPTED: &str = "interrupted";
/// Why it has no verdict.
pub(super) const KILLED: &str = "killed with the run";

/// What the word for a verdict does not say of it.
pub(super) fn cause(verdict: &Verdict, record: &Record) -> Option<String> {
    match (verdict, record.ending.as_ref().map(|ending| ending.exit)) {
        (Verdict::NotIsolated(error), _) => Some(format!("no verdict: {}", word(&error.to_string()))),
        // 101 is how a panicking harness ends.
        (Verdict::Failed { code }, _) if *code != 101 => Some(format!("it exited with status {code}")),
        (Verdict::Signaled { .. }, Some(Exit::Stopped(number))) => {
            Some(format!("{} stopped it, and nothing was left that could have continued it", signal(number)))
        }
        (Verdict::TimedOut { .. }, _) => Some("its time ran out, and it was killed".to_owned()),
        (Verdict::OomKilled, _) => Some(out_of_memory(&record.usage)),
        (Verdict::Flaky { .. }, _) => Some("it passed after it had failed".to_owned()),
        (
            Verdict::Passed
            | Verdict::Failed { .. }
            | Verdict::Signaled { .. }
            | Verdict::OverBudget
            | Verdict::Leaked { .. },
            _,
        ) => None,
    }
}

/// That a limit on memory was reached.
pub(super) fn out_of_memory(usage: &Usage) -> String {
    let kills = usage.oom.map_or(0, |oom| usize::try_from(oom.value.kills).unwrap_or(usize::MAX));
    let killed = if kills == 1 { "1 process".to_owned() } else { format!("{kills} processes") };
    format!("it reached its memory limit, and the kernel killed {killed}")
}
