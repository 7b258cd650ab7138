//! `cargo isotest budgets init` and `accept`: derives budgets from what tests use.

use crate::app::budgets::error::BudgetError;
use crate::app::budgets::file;
use crate::app::budgets::peaks::{Last, Peak, Peaks};
use crate::budget::{Limits, Metric, Recorded, Unit, amount, grain, readable, with_limits};
use crate::text::units::{memory, plural};
use isotest_core::cgroup;
use std::path::Path;

/// Default headroom of a budget above the use, in percent; times have another, as they depend on how busy the machine
/// is.
const HEADROOM_PERCENT: u32 = 25;
const HEADROOM_OF_TIMES_PERCENT: u32 = 100;

/// Selection of the budgets that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Budgets of tests without an entry.
    New,
    /// Budgets that are below the use.
    Raised,
}

/// Budgets that are to be recorded.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Selection of the budgets.
    pub(crate) which: Which,
    /// Headroom above the use, in percent.
    pub(crate) headroom: Option<u32>,
    /// Metrics that get budgets.
    pub(crate) metrics: Vec<Metric>,
}

/// Writes budgets derived from `runs` runs, and returns messages about them.
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
    /// Returns a new limit of a metric and the message about it; `None` if the limit stays as it is.
    ///
    /// # Errors
    /// Reason why the use of the metric is unknown.
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
