//! Asserts a budget that a test holds itself to, at some point of it.

use super::{OVER_BUDGET_WORDS, Usage, UsageError, usage};
use crate::budget::Budget;
use crate::units::Bytes;
use std::env;
use std::fmt::{self, Display};
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

/// Metric, held against its limit.
enum Measured {
    /// Metric that is within its limit.
    Within,
    /// Words on by how much a metric is above its limit.
    Above(String),
    /// Name of a metric that is not measured.
    Not(&'static str),
}

impl Measured {
    /// Holds a value against its limit, if there is one. `amount` is what both are in their smallest unit.
    fn new<T: Copy + Display>(
        name: &'static str,
        limit: Option<T>,
        used: Option<T>,
        amount: impl Fn(T) -> u128,
    ) -> Option<Self> {
        let limit = limit?;
        let Some(used) = used else { return Some(Self::Not(name)) };
        let (most, more) = (amount(limit), amount(used).saturating_sub(amount(limit)));
        if more == 0 {
            return Some(Self::Within);
        }
        let percent = (more * 100 + most / 2) / most.max(1);
        Some(Self::Above(format!("{name} {used} of {limit} (+{percent} %)")))
    }
}

/// Time that is written as it is shown to programmers: `1.5s`.
#[derive(Clone, Copy)]
struct Time(Duration);

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

fn judge(budget: &Budget, usage: Result<Usage, UsageError>) -> Result<(), Failure> {
    let usage = usage.map_err(|error| Failure::Unknown(error.to_string()))?;
    let bytes = |size: Bytes| u128::from(size.get());
    let limits = [
        Measured::new("memory", budget.memory, usage.memory_peak, bytes),
        Measured::new("cpu", budget.cpu.map(Time), usage.cpu.map(Time), |time| time.0.as_micros()),
        Measured::new("procs", budget.procs, usage.procs_peak, u128::from),
        Measured::new("io_write", budget.io_write, usage.io_write, bytes),
    ];
    let mut over = Vec::new();
    let mut unknown = Vec::new();
    for measured in limits.into_iter().flatten() {
        match measured {
            Measured::Within => {}
            Measured::Above(told) => over.push(told),
            Measured::Not(name) => unknown.push(name),
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

    fn budget(mebibytes: u64, seconds: u64, procs: u64) -> Budget {
        let (memory, cpu) = (Some(Bytes::mib(mebibytes)), Some(Duration::from_secs(seconds)));
        Budget { memory, cpu, procs: Some(procs), ..Budget::default() }
    }

    #[test]
    fn what_is_above_its_limit_is_told_by_how_much() {
        let used = Usage {
            memory_peak: Some(Bytes::mib(96)),
            cpu: Some(Duration::from_millis(1500)),
            procs_peak: Some(8),
            ..Usage::default()
        };
        let kept = budget(96, 2, 8);
        assert_eq!(judge(&kept, Ok(used)), Ok(()));
        let over = budget(64, 1, 7);
        let told = ["memory 96 MiB of 64 MiB (+50 %)", "cpu 1.5s of 1s (+50 %)", "procs 8 of 7 (+14 %)"];
        assert_eq!(judge(&over, Ok(used)), Err(Failure::Over(told.map(str::to_owned).to_vec())));
    }

    #[test]
    fn what_is_not_measured_is_neither_kept_nor_broken() {
        let budget =
            Budget { memory: Some(Bytes::mib(1)), io_write: Some(Bytes::new(1)), ..Budget::default() };
        let not_isolated = judge(&budget, Err(UsageError::NotIsolated));
        assert!(matches!(not_isolated, Err(Failure::Unknown(why)) if why.contains("not executed by")));
        let used = Usage { memory_peak: Some(Bytes::new(1)), ..Usage::default() };
        let unknown = Failure::Unknown("io_write is not counted in its cgroup here".to_owned());
        assert_eq!(judge(&budget, Ok(used)), Err(unknown));
        let over = judge(&budget, Ok(Usage { memory_peak: Some(Bytes::mib(2)), ..used }));
        assert!(matches!(over, Err(Failure::Over(_))), "what is known to be broken is");
    }
}
