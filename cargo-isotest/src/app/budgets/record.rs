//! `cargo isotest budgets init` and `accept`: budgets from what tests use.

use crate::app::budgets::error::BudgetError;
use crate::app::budgets::file;
use crate::app::budgets::peaks::{Last, Peak, Peaks};
use crate::budget::{Limits, Metric, Recorded, Unit, amount, grain, readable, with_limits};
use crate::text::units::{memory, plural};
use isotest_core::cgroup;
use std::path::Path;

/// By how much of what was used a budget is above it, in percent, where nothing is said: times are as the machine is busy.
const HEADROOM_PERCENT: u32 = 25;
const HEADROOM_OF_TIMES_PERCENT: u32 = 100;

/// Which budgets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those of tests without an entry.
    New,
    /// Those that are below what was used.
    Raised,
}

/// What is to be recorded.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Which budgets.
    pub(crate) which: Which,
    /// By how much they are above what was used, in percent.
    pub(crate) headroom: Option<u32>,
    /// Of what.
    pub(crate) metrics: Vec<Metric>,
}

/// Writes budgets for what was used in so many runs, and returns what to tell.
///
/// # Errors
/// When the file cannot be read or written.
pub(crate) fn record(
    workspace: &Path,
    peaks: &Peaks,
    runs: usize,
    wanted: &Wanted,
) -> Result<Vec<String>, BudgetError> {
    let file = file::text(workspace)?;
    let recorded = Recorded::parse(&file)?;
    let mut lines = Vec::new();
    let mut limits = Limits::new();
    let mut count = 0;
    for (name, peak) in peaks {
        let (binary, test) = name;
        let entry = recorded.of_binary(binary).iter().find(|entry| entry.name == *test);
        for metric in &wanted.metrics {
            let known = entry.and_then(|entry| metric.limit(&entry.budget));
            if wanted.which == Which::Raised && known.is_none() {
                continue;
            }
            match wanted.of(*metric, peak, known, runs) {
                Ok(None) => {}
                Ok(Some((limit, line))) => {
                    lines.push(format!("{binary} {test}: {line}"));
                    limits.entry(name.clone()).or_default().push((*metric, limit));
                    count += 1;
                }
                Err(why) => lines.push(format!("{binary} {test}: {why}")),
            }
        }
    }
    if limits.is_empty() {
        lines.push(match wanted.which {
            Which::New => "every test that passes has a recorded budget".to_owned(),
            Which::Raised => "no recorded budget is below what was measured".to_owned(),
        });
    } else {
        file::write(workspace, &with_limits(&file, &limits)?)?;
        lines.push(format!("wrote {} to `{}`", plural(count, "budget"), file::path(workspace).display()));
    }
    Ok(lines)
}

impl Wanted {
    /// A new limit of a metric and what to tell of it; `None` if it stays as it is.
    ///
    /// # Errors
    /// Why nothing is known of it.
    fn of(
        &self,
        metric: Metric,
        peak: &Peak,
        known: Option<u64>,
        runs: usize,
    ) -> Result<Option<(u64, String)>, String> {
        let key = metric.as_str();
        let Some(highest) = peak.highest(metric, runs) else {
            let kept = if known.is_some() { "its budget stays as it is" } else { "no budget" };
            let why = match &peak.last {
                Last::Undecided(why) => why,
                _ => "not every attempt at it passed and was measured",
            };
            return Err(format!("{kept} of {key}, since {why}"));
        };
        let of_times =
            if metric.unit() == Unit::Microseconds { HEADROOM_OF_TIMES_PERCENT } else { HEADROOM_PERCENT };
        let new = readable(metric, highest, self.headroom.unwrap_or(of_times), grain(cgroup::processors()));
        let text = |value| amount(metric, value);
        let used = if metric.unit() == Unit::Bytes { memory(highest) } else { text(highest) };
        Ok(match (self.which, known) {
            (Which::New, None) => Some((new, format!("{key} {} (used {used})", text(new)))),
            (Which::Raised, Some(old)) if old < highest => {
                Some((new, format!("{key} {} -> {} (used {used})", text(old), text(new))))
            }
            (Which::New, Some(_)) | (Which::Raised, _) => None,
        })
    }
}
