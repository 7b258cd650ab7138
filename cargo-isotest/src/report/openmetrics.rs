//! Makes OpenMetrics text of the figures of a run by which a change of the project can be judged, as GitLab's metrics
//! reports read it; pure.
//!
//! There, a figure is compared as text with that of the target branch. So they are rounded, and of single tests only
//! those with a budget are shown, in what the budget is about.

use crate::report::account::{Account, Budgeted, Test};
use crate::verdict::Effect;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const MIB: u64 = 1 << 20;

/// Samples of one name: labels as they are written, value.
type Samples = BTreeMap<String, u64>;

/// Makes the whole document.
pub(super) fn document(account: &Account) -> String {
    let mut text = String::new();
    let count = |effect| account.with(effect).count() as u64;
    let counts = [("passed", Effect::Passes), ("failed", Effect::Fails), ("undecided", Effect::Undecided)];
    let counts = counts.map(|(verdict, effect)| (format!("{{verdict=\"{verdict}\"}}"), count(effect)));
    family(&mut text, "isotest_tests", "Tests by what came of them.", Unit::Count, &counts.into());
    let peaks = account.tests.iter().filter_map(|test| test.last.facts.figure("memory_peak_bytes"));
    if let Some(highest) = peaks.max() {
        let samples = [(String::new(), highest)].into();
        let help = "The highest memory peak of a test, rounded.";
        family(&mut text, "isotest_highest_memory_peak", help, Unit::Bytes, &samples);
    }
    let mut families: BTreeMap<(&str, Unit), [Samples; 2]> = BTreeMap::new();
    for test in &account.tests {
        for budgeted in &test.last.facts.budget {
            let is_name =
                budgeted.metric.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte));
            // A metric's name from the file becomes part of the text: only well-formed ones are taken.
            let Some(unit) = Unit::of(budgeted).filter(|_| is_name) else { continue };
            let [limits, used] = families.entry((&budgeted.metric, unit)).or_default();
            let labels = labels(test);
            let limit = limits.entry(labels.clone()).or_insert(budgeted.limit);
            *limit = budgeted.limit.min(*limit);
            if let Some(amount) = budgeted.used {
                let highest = used.entry(labels).or_default();
                *highest = amount.max(*highest);
            }
        }
    }
    for ((metric, unit), [limits, used]) in &families {
        let metric = metric.replace('-', "_");
        let help = format!("What each test with a {metric} budget used of it, rounded.");
        family(&mut text, &format!("isotest_{metric}_used"), &help, *unit, used);
        let help = format!("The {metric} budget of each test that has one.");
        family(&mut text, &format!("isotest_{metric}_budget"), &help, unit.exactly(), limits);
    }
    text.push_str("# EOF\n");
    text
}

fn family(text: &mut String, name: &str, help: &str, unit: Unit, samples: &Samples) {
    if samples.is_empty() {
        return;
    }
    let suffix = unit.suffix();
    let name = if suffix.is_empty() { name.to_owned() } else { format!("{name}_{suffix}") };
    let _ = writeln!(text, "# TYPE {name} gauge");
    if !suffix.is_empty() {
        let _ = writeln!(text, "# UNIT {name} {suffix}");
    }
    let _ = writeln!(text, "# HELP {name} {help}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {}", unit.written(*value));
    }
}

fn labels(test: &Test) -> String {
    format!("{{binary=\"{}\",test=\"{}\"}}", escaped(&test.binary_id), escaped(&test.name))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Unit of a family, and rounding of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    /// Count, not rounded.
    Count,
    /// Bytes, rounded up to whole MiB and to two digits of them.
    Bytes,
    /// Bytes, not rounded.
    ExactBytes,
    /// Seconds of a value in microseconds, rounded up to tenths and to two digits of them.
    Seconds,
    /// Seconds of a value in microseconds, not rounded.
    ExactSeconds,
}

impl Unit {
    /// Returns the unit of a budgeted metric; `None` for a unit of later versions.
    fn of(budgeted: &Budgeted) -> Option<Self> {
        match budgeted.unit.as_str() {
            "bytes" => Some(Self::Bytes),
            "us" => Some(Self::Seconds),
            "count" => Some(Self::Count),
            _ => None,
        }
    }

    const fn exactly(self) -> Self {
        match self {
            Self::Bytes | Self::ExactBytes => Self::ExactBytes,
            Self::Seconds | Self::ExactSeconds => Self::ExactSeconds,
            Self::Count => Self::Count,
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Bytes | Self::ExactBytes => "bytes",
            Self::Seconds | Self::ExactSeconds => "seconds",
            Self::Count => "",
        }
    }

    fn written(self, value: u64) -> String {
        match self {
            Self::Count | Self::ExactBytes => value.to_string(),
            Self::Bytes => two_digits(value.div_ceil(MIB)).saturating_mul(MIB).to_string(),
            Self::Seconds => {
                let tenths = two_digits(value.div_ceil(100_000));
                format!("{}.{}", tenths / 10, tenths % 10)
            }
            Self::ExactSeconds => format!("{}.{:06}", value / 1_000_000, value % 1_000_000),
        }
    }
}

/// Rounds a number up to two digits.
fn two_digits(number: u64) -> u64 {
    let mut grain = 1;
    while number / grain >= 100 {
        grain *= 10;
    }
    number.div_ceil(grain) * grain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt};
    use serde_json::json;
    use snapbox::{assert_data_eq, str};

    #[test]
    fn tests_with_a_budget_are_shown_and_what_is_used_is_rounded() {
        let budget = |limit: u64, used: u64| json!({"metric": "memory", "unit": "bytes", "limit": limit, "used": used, "file": "a.rs", "line": 1});
        let cpu = json!({"metric": "cpu", "unit": "us", "limit": 2_000_000, "used": 1_234_567, "file": "a.rs", "line": 1});
        let report = document(&account(&[
            attempt("tour", "a::b", "passes", &json!({"budget": [budget(64 * MIB, 41 * MIB + 1), cpu]})),
            attempt("tour", "c", "fails", &json!({"budget": [budget(64 * MIB, 318 * MIB)]})),
            attempt(
                "tour",
                "d",
                "passes",
                &json!({"budget": [json!({"metric": "x 1\n# EOF\n", "unit": "bytes", "limit": 1, "used": 1, "file": "a.rs", "line": 1})]}),
            ),
        ]));
        assert_data_eq!(
            report,
            str![[r#"
# TYPE isotest_tests gauge
# HELP isotest_tests Tests by what came of them.
isotest_tests{verdict="failed"} 1
isotest_tests{verdict="passed"} 2
isotest_tests{verdict="undecided"} 0
# TYPE isotest_highest_memory_peak_bytes gauge
# UNIT isotest_highest_memory_peak_bytes bytes
# HELP isotest_highest_memory_peak_bytes The highest memory peak of a test, rounded.
isotest_highest_memory_peak_bytes 1048576
# TYPE isotest_cpu_used_seconds gauge
# UNIT isotest_cpu_used_seconds seconds
# HELP isotest_cpu_used_seconds What each test with a cpu budget used of it, rounded.
isotest_cpu_used_seconds{binary="tour",test="a::b"} 1.3
# TYPE isotest_cpu_budget_seconds gauge
# UNIT isotest_cpu_budget_seconds seconds
# HELP isotest_cpu_budget_seconds The cpu budget of each test that has one.
isotest_cpu_budget_seconds{binary="tour",test="a::b"} 2.000000
# TYPE isotest_memory_used_bytes gauge
# UNIT isotest_memory_used_bytes bytes
# HELP isotest_memory_used_bytes What each test with a memory budget used of it, rounded.
isotest_memory_used_bytes{binary="tour",test="a::b"} 44040192
isotest_memory_used_bytes{binary="tour",test="c"} 335544320
# TYPE isotest_memory_budget_bytes gauge
# UNIT isotest_memory_budget_bytes bytes
# HELP isotest_memory_budget_bytes The memory budget of each test that has one.
isotest_memory_budget_bytes{binary="tour",test="a::b"} 67108864
isotest_memory_budget_bytes{binary="tour",test="c"} 67108864
# EOF

"#]]
        );
    }

    #[test]
    fn what_would_end_a_label_is_escaped() {
        assert_eq!(escaped("a\\b \"c\"\nd"), "a\\\\b \\\"c\\\"\\nd");
    }

    #[test]
    fn numbers_are_rounded_up_to_two_digits() {
        for (number, rounded) in
            [(0, 0), (1, 1), (99, 99), (100, 100), (101, 110), (995, 1000), (12_345, 13_000)]
        {
            assert_eq!(two_digits(number), rounded, "{number}");
        }
    }

    #[test]
    fn without_budgets_there_are_totals() {
        let report = document(&account(&[attempt("tour", "a", "passes", &json!({}))]));
        assert!(report.contains("isotest_tests{verdict=\"passed\"} 1\n"), "{report}");
        assert!(report.ends_with("isotest_highest_memory_peak_bytes 1048576\n# EOF\n"), "{report}");
    }
}
