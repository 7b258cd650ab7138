//! Asserts a budget that a test holds itself to, at some point of it.

use super::{OVER_BUDGET_WORDS, Usage, UsageError, size, usage};
use crate::budget::Budget;
use std::env;
use std::time::Duration;

/// Name of the variable that says what becomes of an assertion about figures that are not there: `skip` or `require`.
pub const POLICY: &str = "ISOTEST_ASSERT";

/// Panics if the attempt has used more than `budget` up to now, and where that is not measured if [`POLICY`] requires
/// it. Call it by [`assert_budget!`](crate::assert_budget), which has limits that are right.
///
/// # Panics
/// When the attempt has used more, or cannot be judged and is to be.
#[track_caller]
#[expect(clippy::panic, reason = "it is an assertion of tests")]
pub fn assert_budget(budget: &Budget) {
    match hold(budget) {
        Held::Kept | Held::Unknown { is_required: false, .. } => {}
        Held::Broken(why) | Held::Unknown { why, .. } => panic!("{why}"),
    }
}

/// Outcome of holding a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Budget that is kept: the attempt has used no more up to now.
    Kept,
    /// Budget that is exceeded, and by how much.
    Broken(String),
    /// Budget that cannot be judged.
    Unknown {
        /// Reason why the budget cannot be judged.
        why: String,
        /// Whether [`POLICY`] requires that the budget can be judged.
        is_required: bool,
    },
}

/// Holds what the attempt has used up to now against a budget. A value of [`POLICY`] that is unknown requires, too.
pub fn hold(budget: &Budget) -> Held {
    let policy = env::var(POLICY).unwrap_or_default();
    let is_required = !["", "skip"].contains(&policy.as_str());
    if is_required && policy != "require" {
        return Held::Unknown {
            why: format!("{POLICY} is `skip` or `require`, not `{policy}`"),
            is_required,
        };
    }
    match judge(budget, usage()) {
        Ok(()) => Held::Kept,
        Err(Failure::Over(told)) => Held::Broken(format!("{OVER_BUDGET_WORDS}{}", told.join("; "))),
        Err(Failure::Unknown(why)) => {
            let why = format!("cannot hold this test to its budget: {why} ({POLICY}={policy})");
            Held::Unknown { why, is_required }
        }
    }
}

/// Reason why a budget was not found to be kept.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    /// Metrics above their limits.
    Over(Vec<String>),
    /// Reason why something that is limited is not measured.
    Unknown(String),
}

/// Metric with its limit.
struct Metric {
    name: &'static str,
    limit: u64,
    used: Option<u64>,
    /// Function that writes values of the metric.
    text: fn(u64) -> String,
}

impl Metric {
    fn new(
        name: &'static str,
        limit: Option<u64>,
        used: Option<u64>,
        text: fn(u64) -> String,
    ) -> Option<Self> {
        Some(Self { name, limit: limit?, used, text })
    }
}

fn time(microseconds: u64) -> String {
    format!("{:?}", Duration::from_micros(microseconds))
}

fn judge(budget: &Budget, usage: Result<Usage, UsageError>) -> Result<(), Failure> {
    let usage = usage.map_err(|error| Failure::Unknown(error.to_string()))?;
    let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let limits = [
        Metric::new("memory", budget.memory, usage.memory_peak, size),
        Metric::new("cpu", budget.cpu_us, usage.cpu.map(microseconds), time),
        Metric::new("procs", budget.procs, usage.procs_peak, |number| number.to_string()),
        Metric::new("io_write", budget.io_write, usage.io_write, size),
    ];
    let mut over = Vec::new();
    let mut unknown = Vec::new();
    for Metric { name, limit, used, text } in limits.into_iter().flatten() {
        match used {
            Some(used) if used > limit => {
                let percent =
                    (u128::from(used - limit) * 100 + u128::from(limit) / 2) / u128::from(limit.max(1));
                over.push(format!("{name} {} of {} (+{percent} %)", text(used), text(limit)));
            }
            Some(_) => {}
            None => unknown.push(name),
        }
    }
    if !over.is_empty() {
        return Err(Failure::Over(over));
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Failure::Unknown(format!("{} is not counted in its cgroup here", unknown.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_its_limit_is_told_by_how_much() {
        let used = Usage {
            memory_peak: Some(96 << 20),
            cpu: Some(Duration::from_millis(1500)),
            procs_peak: Some(8),
            ..Usage::default()
        };
        let kept =
            Budget { memory: Some(96 << 20), cpu_us: Some(2_000_000), procs: Some(8), ..Budget::default() };
        assert_eq!(judge(&kept, Ok(used)), Ok(()));
        let over =
            Budget { memory: Some(64 << 20), cpu_us: Some(1_000_000), procs: Some(7), ..Budget::default() };
        let told = ["memory 96 MiB of 64 MiB (+50 %)", "cpu 1.5s of 1s (+50 %)", "procs 8 of 7 (+14 %)"];
        assert_eq!(judge(&over, Ok(used)), Err(Failure::Over(told.map(str::to_owned).to_vec())));
    }

    #[test]
    fn what_is_not_measured_is_neither_kept_nor_broken() {
        let budget = Budget { memory: Some(1 << 20), io_write: Some(1), ..Budget::default() };
        let not_isolated = judge(&budget, Err(UsageError::NotIsolated));
        assert!(matches!(not_isolated, Err(Failure::Unknown(why)) if why.contains("not executed by")));
        let used = Usage { memory_peak: Some(1), ..Usage::default() };
        let unknown = Failure::Unknown("io_write is not counted in its cgroup here".to_owned());
        assert_eq!(judge(&budget, Ok(used)), Err(unknown));
        let over = judge(&budget, Ok(Usage { memory_peak: Some(2 << 20), ..used }));
        assert!(matches!(over, Err(Failure::Over(_))), "what is known to be broken is");
    }
}
