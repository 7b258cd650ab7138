//! Number of failures after which no further test starts.

use std::num::NonZeroUsize;

/// Number of failures after which a run is cut short, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MaxFail {
    /// Number of failures after which no further test starts; without a number all tests are executed.
    pub(crate) failures: Option<NonZeroUsize>,
    /// Whether tests that are running then are told to end.
    pub(crate) immediate: bool,
}

impl MaxFail {
    /// Returns the value for an end after the first failure, or never.
    pub(crate) const fn fail_fast(first: bool) -> Self {
        let failures = if first { Some(NonZeroUsize::MIN) } else { None };
        Self { failures, immediate: false }
    }

    /// Reads `N`, `N:wait`, `N:immediate` or `all`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::default());
        }
        let (number, mode) = text.split_once(':').unwrap_or((text, "wait"));
        let immediate = match mode {
            "wait" => false,
            "immediate" => true,
            _ => return Err(format!("unknown mode `{mode}`: expected `wait` or `immediate`")),
        };
        if number == "all" {
            return Err("`all` has no mode: nothing is cut short".to_owned());
        }
        let failures =
            number.parse().map_err(|_| format!("`{number}` is neither a number above 0 nor `all`"))?;
        Ok(Self { failures: Some(failures), immediate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_a_number_with_a_mode_or_all() {
        let after = |number, immediate| Ok(MaxFail { failures: NonZeroUsize::new(number), immediate });
        assert_eq!(MaxFail::read("1"), Ok(MaxFail::fail_fast(true)));
        assert_eq!(MaxFail::read("all"), Ok(MaxFail::fail_fast(false)));
        assert_eq!(MaxFail::read("3:wait"), after(3, false));
        assert_eq!(MaxFail::read("3:immediate"), after(3, true));
    }

    #[test]
    fn other_words_are_refused() {
        for (text, expected) in [
            ("0", "`0` is neither a number above 0 nor `all`"),
            ("some", "`some` is neither a number above 0 nor `all`"),
            ("all:immediate", "`all` has no mode: nothing is cut short"),
            ("2:now", "unknown mode `now`: expected `wait` or `immediate`"),
        ] {
            assert_eq!(MaxFail::read(text), Err(expected.to_owned()));
        }
    }
}
