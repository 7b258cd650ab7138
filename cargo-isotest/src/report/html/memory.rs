//! Draws the memory of long tests over time; pure.

use super::timeline::moment;
use crate::report::account::{Account, Facts, Samples};
use crate::text::sanitize::word;
use crate::text::units::memory;
use serde::Serialize;
use std::cmp::Reverse;
use std::fmt::Write as _;

/// Units of a picture's width and height, however large it is shown.
const WIDTH: u64 = 1000;
const HEIGHT: u64 = 100;
/// Number of tests that have a picture beside those that did not pass.
const SHOWN: usize = 12;
/// Highest ratio of a budget to the used value at which the budget is shown in the picture.
const FAR: u64 = 4;

/// Picture of the memory of a test over time.
#[derive(Debug, Serialize)]
pub(super) struct MemoryLine {
    title: String,
    width: u64,
    height: u64,
    path: String,
    /// Distance of the budget from the top.
    budget: Option<u64>,
    /// Memory at the top of the picture, in words.
    top: String,
    /// Time at the right end of the picture, in words.
    end: String,
    description: String,
}

impl MemoryLine {
    /// Draws the picture of a test; `None` if its memory was not sampled.
    pub(super) fn of(title: &str, facts: &Facts) -> Option<Self> {
        let Samples { interval_us, bytes } = facts.memory_samples.as_ref()?;
        let count = u64::try_from(bytes.len()).ok().filter(|count| *count > 0)?;
        let seen = bytes.iter().flatten().copied().max()?;
        let budget = facts.budget.iter().find(|limit| limit.metric == "memory").map(|limit| limit.limit);
        let near = budget.filter(|budget| *budget <= seen.saturating_mul(FAR));
        let top = near.into_iter().chain([seen]).max()?.max(1);
        let height = |bytes: u64| HEIGHT - 1 - scaled(bytes, top, HEIGHT - 2);
        let mut path = String::new();
        let mut is_on = false;
        for (number, bytes) in (1..).zip(bytes) {
            if let Some(bytes) = bytes {
                let command = if is_on { 'L' } else { 'M' };
                // Writing to a string cannot fail. A sample without neighbours is drawn as a dot.
                let _ = write!(path, "{command}{} {}h0", scaled(number, count, WIDTH), height(*bytes));
            }
            is_on = bytes.is_some();
        }
        let end = moment(interval_us.saturating_mul(count));
        let said = budget.map_or_else(String::new, |budget| format!(", with a budget of {}", memory(budget)));
        Some(Self {
            title: word(title),
            width: WIDTH,
            height: HEIGHT,
            path,
            budget: near.map(height),
            top: memory(top),
            description: format!("Memory over {end}: up to {} was seen{said}", memory(seen)),
            end,
        })
    }

    /// Returns an upper limit on the bytes that the picture takes in the page.
    pub(super) fn size(&self) -> usize {
        1000 + self.path.len() + 6 * (self.title.len() + self.description.len())
    }
}

/// Draws the pictures of the tests that took the longest.
pub(super) fn of_longest(account: &Account) -> Vec<MemoryLine> {
    let mut tests: Vec<_> =
        account.tests.iter().filter(|test| test.last.facts.memory_samples.is_some()).collect();
    tests.sort_by_key(|test| Reverse(test.last.facts.wall_us));
    tests.iter().filter_map(|test| MemoryLine::of(&test.title(), &test.last.facts)).take(SHOWN).collect()
}

/// Scales a value from `most` to so many units.
fn scaled(value: u64, most: u64, units: u64) -> u64 {
    let part = u128::from(value.min(most)) * u128::from(units) / u128::from(most.max(1));
    u64::try_from(part).unwrap_or(units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt};
    use serde_json::{Value, json};

    fn line(facts: &Value) -> Option<MemoryLine> {
        of_longest(&account(&[attempt("tour", "a", "passes", facts)])).pop()
    }

    #[test]
    fn a_line_goes_through_what_was_seen_and_has_gaps_where_nobody_looked() {
        let samples = json!({"interval_us": 500_000, "bytes": [0, 1 << 20, null, 2 << 20]});
        let drawn = line(&json!({"memory_samples": samples})).unwrap();
        assert_eq!(drawn.path, "M250 99h0L500 50h0M1000 1h0");
        assert_eq!((drawn.top.as_str(), drawn.end.as_str(), drawn.budget), ("2.0 MiB", "2.000 s", None));
        for (limit, at) in [(1 << 20, Some(50)), (4 << 20, Some(1)), (1 << 30, None)] {
            let budget = json!([{"metric": "memory", "unit": "bytes", "limit": limit, "used": 2 << 20}]);
            let drawn = line(&json!({"memory_samples": samples, "budget": budget})).unwrap();
            assert_eq!(drawn.budget, at, "{drawn:?}");
            assert!(drawn.description.contains("with a budget of"), "{drawn:?}");
        }
    }

    #[test]
    fn numbers_that_no_test_has_end_no_picture() {
        for samples in [json!({"interval_us": 1, "bytes": []}), json!({"interval_us": 1, "bytes": [null]})] {
            assert!(line(&json!({"memory_samples": samples})).is_none());
        }
        let most = json!({"interval_us": u64::MAX, "bytes": [u64::MAX, 0, u64::MAX]});
        assert!(line(&json!({"memory_samples": most})).is_some());
        assert!(line(&json!({"memory_samples": {"interval_us": 0, "bytes": [0]}})).is_some());
    }
}
