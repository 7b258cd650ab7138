//! Number of times that the tests of a run are executed.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// Number of times that each test is executed, or time for which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stress {
    /// Number of iterations.
    Count(NonZeroU32),
    /// Time until which iterations begin; the last goes on to its end.
    Duration(Duration),
    /// Lack of an end, until somebody ends the run.
    Infinite,
}

impl Stress {
    /// Value of `--stress-count` without an end.
    const INFINITE: &str = "infinite";

    /// Reads the value of `--stress-count`.
    ///
    /// # Errors
    /// When the text is neither a number above 0 nor the word.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text == Self::INFINITE {
            return Ok(Self::Infinite);
        }
        let count = NonZeroU32::from_str(text).map(Self::Count);
        count.map_err(|_| format!("a number above 0, or `{}`", Self::INFINITE))
    }

    /// Returns how many iterations there will be, if that is known.
    pub(crate) const fn iterations(self) -> Option<u32> {
        match self {
            Self::Count(count) => Some(count.get()),
            Self::Duration(_) | Self::Infinite => None,
        }
    }

    /// Returns whether another iteration follows after so many, when so much time is over.
    pub(crate) fn goes_on(self, after: u32, elapsed: Duration) -> bool {
        match self {
            Self::Count(count) => after < count.get(),
            Self::Duration(time) => elapsed < time,
            Self::Infinite => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_number_or_has_no_end() {
        assert_eq!(Stress::read("3").map(Stress::iterations), Ok(Some(3)));
        assert_eq!(Stress::read("infinite").map(Stress::iterations), Ok(None));
        for wrong in ["0", "-1", "", "many", "1.5"] {
            assert!(Stress::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn iterations_follow_until_the_count_or_the_time_is_over() {
        let second = Duration::from_secs(1);
        let twice = Stress::Count(NonZeroU32::MIN.saturating_add(1));
        assert!(twice.goes_on(1, 9 * second) && !twice.goes_on(2, Duration::ZERO));
        let timed = Stress::Duration(second);
        assert!(timed.goes_on(99, second / 2) && !timed.goes_on(1, second));
        assert!(Stress::Infinite.goes_on(u32::MAX, 9 * second));
    }
}
