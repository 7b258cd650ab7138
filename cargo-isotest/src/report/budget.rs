//! Describes what a test used of its budget as text; pure.

use crate::budget::{Check, Growth, Unit};
use crate::text::sanitize::word;
use crate::text::units::{fine_memory, fine_time, marked, memory};

/// Makes lines about exceeded limits, and if `verbose` one about the others.
pub(super) fn lines(checks: &[Check<'_>], verbose: bool) -> Vec<String> {
    let over = checks.iter().filter(|check| check.is_over());
    let mut lines: Vec<_> = over.map(broken).collect();
    let kept: Vec<_> = checks.iter().filter(|check| verbose && !check.is_over()).map(kept).collect();
    lines.extend((!kept.is_empty()).then(|| format!("budget: {}", kept.join(", "))));
    lines
}

/// Says why a test is over its budget, or needs more memory than in earlier runs; `None` if neither is so.
pub(super) fn cause(checks: &[Check<'_>], growth: Option<&Growth<'_>>) -> Option<String> {
    let mut broken = lines(checks, false);
    broken.extend(growth.and_then(|growth| beside_earlier(growth, false)));
    (!broken.is_empty()).then(|| broken.join("; "))
}

/// Describes the memory that a test needs beside earlier runs: if it has grown, and if `verbose` anyway.
pub(super) fn beside_earlier(growth: &Growth<'_>, verbose: bool) -> Option<String> {
    let before = growth.before;
    let baseline = word(&before.baseline);
    let highest = memory(before.highest());
    let modes = before.modes().map_or_else(String::new, |[low, high]| {
        format!(
            ", in two modes: {} {}x, {} {}x",
            memory(low.highest),
            low.count,
            memory(high.highest),
            high.count
        )
    });
    let before = format!("at most {highest} in baseline `{baseline}`{modes}");
    let now = memory(growth.used);
    if growth.is_grown() {
        Some(format!("memory grew to {now} ({:+} %): {before}", growth.percent()))
    } else {
        verbose.then(|| format!("memory {now} ({:+} %): {before}", growth.percent()))
    }
}

/// Says by how much a limit was exceeded, and where it is set.
fn broken(check: &Check<'_>) -> String {
    let limit = check.limit;
    let name = limit.metric.as_str();
    let used = check.used.map_or_else(|| "not measured".to_owned(), |used| figure(check, used));
    let used = format!("{} {used}", verb(check));
    let share = check.percent_above().filter(|percent| *percent >= 0);
    let share = share.map_or_else(String::new, |percent| {
        let at_least = if check.is_killed { "at least " } else { "" };
        format!(" ({at_least}+{percent} %)")
    });
    let killed = if check.is_killed { ", where the kernel killed it" } else { "" };
    let origin = word(&limit.origin.to_string());
    format!("{name} budget {}, {used}{share}{killed}: {origin}", amount(check, limit.value))
}

/// Says how much of a limit was used.
fn kept(check: &Check<'_>) -> String {
    let name = check.limit.metric.as_str();
    let limit = amount(check, check.limit.value);
    let Some(used) = check.used else { return format!("{name} not measured of {limit}") };
    let percent = u128::from(used) * 100 / u128::from(check.limit.value);
    format!("{name} {} of {limit} ({percent} %)", figure(check, used))
}

/// Returns the word before the figure of a metric.
const fn verb(check: &Check<'_>) -> &'static str {
    use crate::budget::Metric;
    match check.limit.metric {
        Metric::Memory | Metric::Procs | Metric::Disk => "peak",
        Metric::Cpu => "used",
        Metric::Wall => "took",
        Metric::IoWrite => "wrote",
    }
}

fn figure(check: &Check<'_>, used: u64) -> String {
    marked(amount(check, used), check.is_approximate)
}

/// Returns a value in the unit of the check's metric, as text. Whole numbers have no decimal.
fn amount(check: &Check<'_>, value: u64) -> String {
    match check.limit.metric.unit() {
        Unit::Bytes => fine_memory(value).replacen(".0 ", " ", 1),
        Unit::Microseconds => fine_time(value),
        Unit::Count => value.to_string(),
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::budget::{Entries, TestBudget, beside};
    use crate::testing::builders;
    use isotest_core::Bytes;
    use isotest_core::outcome::Outcome;
    use isotest_core::usage::{Reading, Source};
    use snapbox::{assert_data_eq, str};

    fn said(records: &str, outcome: Outcome, peak: u64) -> String {
        let entries = isotest_core::budget::entries(records.as_bytes());
        let entries: Entries = entries.collect::<Result<_, _>>().unwrap();
        let budget = TestBudget::new(&beside("a", &entries), None, true);
        let mut record = builders::record(outcome);
        record.usage.memory_peak = Some(Reading { value: Bytes::new(peak), source: Source::MemoryPeak });
        lines(&budget.checks(&record), true).join("\n") + "\n"
    }

    #[test]
    fn by_how_much_and_where() {
        let memory = "1 memory=67108864 cpu_us=2000000 line=7 name=k::a file=src/lib.rs";
        let others =
            "1 cpu_us=1000 procs=8 wall_us=4000 disk=1048576 io_write=4096 line=9 name=k::a file=tests/b.rs";
        let all = [
            said(memory, Outcome::Passed, 333_866_598),
            said(memory, Outcome::OomKilled, 576 << 20),
            said(memory, Outcome::Passed, 12 << 20),
            said(others, Outcome::Failed { code: 101 }, 0),
            said("1 cpu_us=1 line=9 name=k::a file=tests/b.rs", Outcome::Passed, 0),
        ];
        assert_data_eq!(
            all.concat(),
            str![[r#"
memory budget 64 MiB, peak 318.4 MiB (+397 %): src/lib.rs:7
budget: cpu 2 ms of 2000 ms (0 %)
memory budget 64 MiB, peak 576 MiB (at least +800 %), where the kernel killed it: src/lib.rs:7
budget: cpu 2 ms of 2000 ms (0 %)
budget: memory 12 MiB of 64 MiB (18 %), cpu 2 ms of 2000 ms (0 %)
cpu budget 1 ms, used 2 ms (+120 %): tests/b.rs:9
wall budget 4 ms, took 4 ms (+8 %): tests/b.rs:9
disk budget 1 MiB, peak ~3 MiB (+200 %): tests/b.rs:9
io_write budget 4 KiB, wrote 8 KiB (+100 %): tests/b.rs:9
budget: procs 1 of 8 (12 %)
cpu budget 1 us, used 2 ms (+219900 %): tests/b.rs:9

"#]]
        );
    }
}
