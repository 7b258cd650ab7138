//! `cargo isotest budgets init` and `accept`: derives budgets from what tests use.

use crate::app::budgets::error::BudgetError;
use crate::app::budgets::file;
use crate::app::budgets::peaks::{Last, Peak, Peaks};
use crate::budget::{Limits, Metric, Recorded, Unit, amount, grain, readable, with_limits};
use crate::text::units::{fine_memory, plural};
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
        let used = if metric.unit() == Unit::Bytes { fine_memory(highest) } else { text(highest) };
        Ok(match (self.which, known) {
            (Which::New, None) => Some((new, format!("{key} {} (used {used})", text(new)))),
            (Which::Raised, Some(old)) if old < highest => {
                Some((new, format!("{key} {} -> {} (used {used})", text(old), text(new))))
            }
            (Which::New, Some(_)) | (Which::Raised, _) => None,
        })
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::outcome::Outcome;
    use snapbox::{assert_data_eq, str};
    use std::fs;

    #[test]
    fn new_and_raised_budgets_are_told_with_what_was_used() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join(".config")).unwrap();
        let path = place.path().join(crate::budget::RECORDED);
        fs::write(&path, "[tour]\nhas_one = { io_write = \"4 KiB\", procs = 5 }\n").unwrap();
        let outcomes =
            [("has_one", Outcome::Passed), ("has_none", Outcome::Passed), ("leaks", Outcome::Leaked)];
        let mut peaks = Peaks::new();
        for (name, outcome) in outcomes {
            peaks.entry(("tour".to_owned(), name.to_owned())).or_default().add(&builders::record(outcome));
        }
        let mut text = String::new();
        for which in [Which::Raised, Which::Raised, Which::New, Which::New] {
            let metrics = vec![Metric::Cpu, Metric::Procs, Metric::IoWrite];
            let wanted = Wanted { which, headroom: None, metrics };
            text += &record(place.path(), &peaks, 1, &wanted).unwrap().join("\n");
            text += "\n\n";
            if which == Which::New {
                peaks.remove(&("tour".to_owned(), "leaks".to_owned()));
            }
        }
        assert_data_eq!(
            text.replace(&*place.path().to_string_lossy(), "[WORKSPACE]"),
            str![[r#"
tour has_one: io_write 4 KiB -> 1 MiB (used 8 KiB)
wrote 1 budget to `[WORKSPACE]/.config/isotest-budgets.toml`

no recorded budget is below what was measured

tour has_none: cpu 60ms (used 2ms 200us)
tour has_none: procs 2 (used 1)
tour has_none: io_write 1 MiB (used 8 KiB)
tour has_one: cpu 60ms (used 2ms 200us)
tour leaks: no budget of cpu, since it leaves processes running, whose memory is in its peak
tour leaks: no budget of procs, since it leaves processes running, whose memory is in its peak
tour leaks: no budget of io_write, since it leaves processes running, whose memory is in its peak
wrote 4 budgets to `[WORKSPACE]/.config/isotest-budgets.toml`

every test that passes has a recorded budget


"#]]
        );
    }
}
