//! Reasons for verdicts, in words; pure.

use crate::settings::Setting;
use crate::text::sanitize::word;
use crate::text::units::{self, plural, signal};
use crate::verdict::Verdict;
use isotest_core::outcome::Exit;
use isotest_core::record::Record;
use isotest_core::usage::Usage;
use std::time::Duration;

/// Word of machine formats for an attempt that was killed with its run.
pub(super) const INTERRUPTED: &str = "interrupted";
/// Reason why an attempt that was killed with its run has no verdict.
pub(super) const KILLED: &str = "killed with the run";

/// Says of a verdict what its word does not say.
pub(super) fn cause(verdict: &Verdict, record: &Record) -> Option<String> {
    match (verdict, record.ending.as_ref().map(|ending| ending.exit)) {
        (Verdict::NotIsolated(error), _) => Some(format!("no verdict: {}", word(&error.to_string()))),
        // 101 is how a panicking harness ends.
        (Verdict::Failed { code }, _) if *code != 101 => Some(format!("it exited with status {code}")),
        (Verdict::Signaled { .. }, Some(Exit::Stopped(number))) => {
            Some(format!("{} stopped it, and nothing was left that could have continued it", signal(number)))
        }
        (Verdict::TimedOut { limit, .. }, _) => Some(out_of_time(*limit)),
        (Verdict::OomKilled { limit }, _) => Some(out_of_memory(*limit, &record.usage)),
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

/// Says that the time ran out, and who limited it.
fn out_of_time(limit: Option<Setting<Duration>>) -> String {
    let by = by(limit, |time| humantime::format_duration(time).to_string());
    format!("its time ran out{by}, and it was killed")
}

/// Says that a limit on memory was reached, and who set it.
fn out_of_memory(limit: Option<Setting<u64>>, usage: &Usage) -> String {
    let kills = usage.oom.map_or(0, |oom| usize::try_from(oom.value.kills).unwrap_or(usize::MAX));
    let killed = plural(kills, "process");
    format!("it reached its memory limit{}, and the kernel killed {killed}", by(limit, units::limit))
}

/// Makes text of a limit and its origin, in parentheses.
fn by<T>(limit: Option<Setting<T>>, show: impl Fn(T) -> String) -> String {
    let shown = |Setting { value, origin }| format!(" ({}, {})", show(value), word(&origin.to_string()));
    limit.map_or_else(String::new, shown)
}
