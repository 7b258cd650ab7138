//! Budgets: the limits of each test, the place where each is written, and their comparison with the use. Pure.
//!
//! Where several budgets hold for a test, the least limit of each metric does. This room knows neither what a broken budget
//! means for a test ([`crate::verdict`]) nor how it is shown.

mod growth;
mod metric;
mod recorded;
mod section;

pub(crate) use growth::{Before, Growth};
pub(crate) use metric::{Metric, Unit};
pub(crate) use recorded::{
    Limits, RECORDED, Recorded, RecordedError, TestName, amount, readable, with_limits,
};
pub(crate) use section::{Declared, Entries, SectionError};

use isotest_core::budget::{Budget, Entry};
use isotest_core::outcome::Outcome;
use isotest_core::record::Record;
use isotest_core::usage::Usage;
use std::fmt;
use std::sync::Arc;

/// Minimum headroom of the kernel's limit above a memory budget, so that a broken budget can be reported with the
/// excess.
const HEADROOM_BYTES: u64 = 512 << 20;

/// Minimum ratio of the kernel's limit to the budget, for a measurable excess as well.
const HEADROOM_TIMES: u64 = 8;

/// Unit of 64 pages in which the kernel charges memory to each processor: a peak may be too high by so much per
/// processor.
const GRAIN_BYTES: u64 = 256 << 10;

/// Place where a budget is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Origin {
    /// Source file as the compiler was given it.
    pub(crate) file: String,
    /// Line of the attribute.
    pub(crate) line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Limit of one metric of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Metric that is limited.
    pub(crate) metric: Metric,
    /// Value in the metric's unit.
    pub(crate) value: u64,
    /// Place where the limit is written.
    pub(crate) origin: Origin,
}

/// Limits of one source, and the place where they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Limits of the source.
    pub(crate) budget: Budget,
    /// Place where the limits are written.
    pub(crate) origin: Origin,
}

impl From<&Entry> for Written {
    fn from(entry: &Entry) -> Self {
        Self { budget: entry.budget, origin: Origin { file: entry.file.clone(), line: entry.line } }
    }
}

/// Returns the budgets that stand beside the test of that name.
pub(crate) fn beside(name: &str, entries: &Entries) -> Vec<Written> {
    entries.covering(name).map(Written::from).collect()
}

/// Limits of a test. The default has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TestBudget {
    /// Strictest limit of each metric that has one, in the order of [`Metric::ALL`].
    limits: Arc<[Limit]>,
    /// Memory limit that the kernel enforces because of the budget.
    kernel_memory: Option<u64>,
    /// Whether a broken budget fails the test.
    is_enforced: bool,
    /// Memory peaks of earlier runs to compare with.
    before: Option<Arc<Before>>,
}

/// Comparison of a limit with the use of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Check<'a> {
    /// Limit that is checked.
    pub(crate) limit: &'a Limit,
    /// Use in the metric's unit; `None` if it was not measured.
    pub(crate) used: Option<u64>,
    /// Whether the use is approximate.
    pub(crate) is_approximate: bool,
    /// Whether the kernel killed the test at the limit that it enforces because of the budget.
    pub(crate) is_killed: bool,
}

impl Check<'_> {
    /// Returns whether the test broke the limit.
    pub(crate) fn is_over(&self) -> bool {
        self.is_killed || self.used.is_some_and(|used| used > self.limit.value)
    }

    /// Returns the difference of the use from the limit, in percent of the limit, rounded down.
    pub(crate) fn percent_above(&self) -> Option<i128> {
        let (used, limit) = (i128::from(self.used?), i128::from(self.limit.value));
        Some((used - limit) * 100 / limit)
    }
}

impl TestBudget {
    /// Returns the budget of a test from all its sources, of which none replaces another. `memory_limit` is the
    /// memory limit of the test without budgets.
    pub(crate) fn new(written: &[Written], memory_limit: Option<u64>, is_enforced: bool) -> Self {
        let strictest = |metric: Metric| {
            let limits = written.iter().filter_map(|Written { budget, origin }| {
                Some(Limit { metric, value: metric.limit(budget)?, origin: origin.clone() })
            });
            limits.min_by_key(|limit| limit.value)
        };
        let kernel_memory = written.iter().filter_map(|Written { budget, .. }| {
            let bytes = budget.memory?.get();
            Some(if budget.hard { bytes } else { with_headroom(bytes) })
        });
        let kernel_memory = kernel_memory.min().filter(|_| is_enforced);
        Self {
            limits: Metric::ALL.into_iter().filter_map(strictest).collect(),
            kernel_memory: kernel_memory.filter(|bytes| memory_limit.is_none_or(|limit| *bytes < limit)),
            is_enforced,
            before: None,
        }
    }

    /// Adds the peaks of earlier runs to compare with.
    pub(crate) fn compare_with(&mut self, before: Before) {
        self.before = Some(Arc::new(before));
    }

    /// Returns the comparison of an attempt's memory peak with earlier runs; `None` if there are none, or the peak is
    /// not exact.
    pub(crate) fn growth(&self, record: &Record) -> Option<Growth<'_>> {
        let before = self.before.as_deref()?;
        let peak = record.usage.memory_peak.filter(|peak| !peak.source.is_approximate())?;
        record.ending.as_ref().map(|_| Growth { before, used: peak.value.get() })
    }

    /// Returns the limits, at most one of each metric.
    pub(crate) fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Returns the memory limit that the kernel enforces because of the budget; `None` if another limit is stricter.
    pub(crate) const fn kernel_memory(&self) -> Option<u64> {
        self.kernel_memory
    }

    /// Returns whether a broken budget fails the test.
    pub(crate) const fn is_enforced(&self) -> bool {
        self.is_enforced
    }

    /// Compares an attempt with each limit; returns nothing for an attempt that was not executed.
    pub(crate) fn checks(&self, record: &Record) -> Vec<Check<'_>> {
        let Some(ending) = &record.ending else { return Vec::new() };
        let is_killed = self.kernel_memory.is_some() && record.outcome == Outcome::OomKilled;
        let checks = self.limits.iter().map(|limit| {
            let reading = limit.metric.used(&record.usage, ending.wall);
            Check {
                limit,
                used: reading.map(|(used, _)| used),
                is_approximate: reading.is_some_and(|(_, is_approximate)| is_approximate),
                is_killed: is_killed && limit.metric == Metric::Memory,
            }
        });
        checks.collect()
    }
}

impl TestBudget {
    /// Returns the memory limit.
    pub(crate) fn memory(&self) -> Option<u64> {
        self.limits.iter().find(|limit| limit.metric == Metric::Memory).map(|limit| limit.value)
    }

    /// Returns whether the test may fit its memory budget although its peak is higher: the excess can be explained by
    /// page cache, which the kernel drops where memory is short, and by memory that it charges ahead of use. Data
    /// read from and written to devices may have been page cache that is gone at the end. Figures that were not
    /// measured explain any excess.
    pub(crate) fn may_fit(&self, record: &Record, processors: u64) -> bool {
        let checks = self.checks(record);
        // If a budget other than memory is exceeded, more memory would not help.
        if checks.iter().any(|check| check.is_over() && check.limit.metric != Metric::Memory) {
            return false;
        }
        let memory = checks.iter().find(|check| check.limit.metric == Metric::Memory && check.is_over());
        let Some(Check { used: Some(used), limit, is_killed: false, .. }) = memory else { return false };
        let Usage { memory_split, io, .. } = record.usage;
        let cache = memory_split.map_or(u64::MAX, |split| split.value.file.get());
        let traffic = io.map_or(u64::MAX, |io| io.value.read.saturating_add(io.value.write).get());
        used - limit.value <= cache.saturating_add(traffic).saturating_add(grain(processors))
    }
}

/// Returns the kernel's limit for a memory budget that is not hard.
const fn with_headroom(bytes: u64) -> u64 {
    let times = bytes.saturating_mul(HEADROOM_TIMES);
    let plus = bytes.saturating_add(HEADROOM_BYTES);
    if times > plus { times } else { plus }
}

/// Returns the measurement error of a memory peak on a machine with so many processors, in bytes.
pub(crate) const fn grain(processors: u64) -> u64 {
    processors.saturating_mul(GRAIN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::Bytes;
    use isotest_core::budget::entries;
    use isotest_core::usage::{Io, MemorySplit, Reading, Source};

    fn read(records: &str) -> Entries {
        entries(records.as_bytes()).collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn the_stricter_of_two_holds_and_says_where_it_stands() {
        let entries = read(
            "1 memory=5 cpu_us=9 line=1 name=k::a file=a.rs\0\
             1 memory=7 cpu_us=2 line=2 name=k::a::b file=b.rs\0\
             1 procs=1 line=3 name=k::ab file=c.rs\0",
        );
        let of = |name| {
            let budget = TestBudget::new(&beside(name, &entries), None, true);
            let limits = budget.limits().iter();
            limits.map(|limit| (limit.metric, limit.value, limit.origin.to_string())).collect::<Vec<_>>()
        };
        let (memory, cpu) = (Metric::Memory, Metric::Cpu);
        assert_eq!(of("a::b"), [(memory, 5, "a.rs:1".to_owned()), (cpu, 2, "b.rs:2".to_owned())]);
        assert_eq!(of("a::c"), [(memory, 5, "a.rs:1".to_owned()), (cpu, 9, "a.rs:1".to_owned())]);
        assert_eq!(of("ab").len(), 1);
        assert_eq!(of("x"), []);
        let names: Vec<_> =
            entries.unused(&["a::c", "x"]).into_iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["a::b", "ab"]);
    }

    #[test]
    fn the_kernel_s_limit_lies_above_a_budget_that_is_not_hard() {
        let mib = |mib: u64| mib << 20;
        let entry = |memory, hard| Entry {
            crate_name: "k".to_owned(),
            name: "a".to_owned(),
            file: String::new(),
            line: 1,
            budget: Budget { memory: Some(Bytes::new(memory)), hard, ..Budget::default() },
        };
        let kernel = |entries: &[Entry], other, is_enforced| {
            let entries = entries.iter().cloned().collect();
            TestBudget::new(&beside("a", &entries), other, is_enforced).kernel_memory()
        };
        assert_eq!(kernel(&[entry(mib(64), false)], None, true), Some(mib(576)));
        assert_eq!(kernel(&[entry(mib(1024), false)], None, true), Some(mib(8192)));
        assert_eq!(kernel(&[entry(mib(64), true)], None, true), Some(mib(64)));
        assert_eq!(kernel(&[entry(mib(64), false), entry(mib(128), true)], None, true), Some(mib(128)));
        assert_eq!(kernel(&[entry(mib(64), true)], Some(mib(32)), true), None, "another is stricter");
        assert_eq!(kernel(&[entry(mib(64), true)], None, false), None, "it is only reported");
    }

    #[test]
    fn only_what_page_cache_and_grain_explain_may_fit() {
        let budget =
            TestBudget::new(&beside("a", &read("1 memory=400000 line=1 name=k::a file=a.rs")), None, true);
        let may_fit = |file, read, peak, processors| {
            let [file, read, peak] = [file, read, peak].map(Bytes::new);
            let mut record = builders::record(Outcome::Passed);
            record.usage.memory_peak = Some(Reading { value: peak, source: Source::MemoryPeak });
            record.usage.memory_split = record
                .usage
                .memory_split
                .map(|split| Reading { value: MemorySplit { file, ..split.value }, ..split });
            record.usage.io =
                record.usage.io.map(|io| Reading { value: Io { read, write: Bytes::default() }, ..io });
            budget.may_fit(&record, processors)
        };
        assert!(may_fit(100_000, 0, 500_000, 0) && !may_fit(99_999, 0, 500_000, 0));
        assert!(may_fit(0, 100_000, 500_000, 0) && may_fit(0, 0, 500_000, 1));
        assert!(!may_fit(100_000, 0, 400_000, 1), "it fits anyway");
        let mut record = builders::record(Outcome::OomKilled);
        record.usage.memory_split = None;
        assert!(!budget.may_fit(&record, 1), "page cache is dropped before anything is killed");
        record.outcome = Outcome::Passed;
        assert!(budget.may_fit(&record, 1));
    }

    #[test]
    fn what_was_used_is_held_against_each_limit() {
        let entries = read(
            "1 memory=700000 cpu_us=2200 procs=2 wall_us=4000 disk=1 io_write=1 line=1 name=k::a file=a.rs",
        );
        let budget = TestBudget::new(&beside("a", &entries), None, true);
        let mut record = builders::record(Outcome::Passed);
        let told = |record: &Record| {
            let checks = budget.checks(record);
            checks
                .iter()
                .map(|check| (check.used, check.is_over(), check.percent_above()))
                .collect::<Vec<_>>()
        };
        let expected = [
            (Some(734_003), true, Some(4)),
            (Some(2_200), false, Some(0)),
            (Some(1), false, Some(-50)),
            (Some(4_321), true, Some(8)),
            (Some(3 << 20), true, Some(314_572_700)),
            (Some(8192), true, Some(819_100)),
        ];
        assert_eq!(told(&record), expected);
        record.usage.memory_peak = None;
        assert_eq!(told(&record)[0], (None, false, None), "what was not measured is not over");
        record.outcome = Outcome::OomKilled;
        assert!(budget.checks(&record)[0].is_over(), "it was ended for it");
        assert!(budget.checks(&builders::record(builders::not_isolated())).is_empty());
    }
}
