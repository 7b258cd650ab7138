//! Priority of tests: which of them start before others.

use serde::{Deserialize, Serialize};

/// Rank of a test among those that could start; the highest starts first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Priority(i8);

impl Priority {
    /// Words for what is accepted, as they stand in error messages.
    pub(crate) const EXPECTED: &str = "a whole number from -100 to 100";

    /// Creates a priority from a number in its range.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        let number = i8::try_from(number).ok()?;
        (-100..=100).contains(&number).then_some(Self(number))
    }
}

impl From<Priority> for i8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_a_number_of_a_range() {
        let read = |number| Priority::from_number(number).map(|priority| priority.0);
        for number in [-100, -1, 0, 100] {
            assert_eq!(read(number).map(i64::from), Some(number));
        }
        for number in [-101, 101, 127, 128, i64::MIN, i64::MAX] {
            assert_eq!(read(number), None);
        }
    }
}
