//! How many tests run simultaneously.

use std::num::NonZeroUsize;

/// A number of tests to run simultaneously.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jobs {
    /// So many.
    Number(NonZeroUsize),
    /// One for each CPU but so many.
    CpusBut(usize),
}

impl Jobs {
    /// What is written where only this is accepted.
    pub(crate) const EXPECTED: &str =
        "a number above 0, a negative number (so many fewer than CPUs) or `num-cpus`";
    /// The word for one test for each CPU.
    pub(crate) const CPUS: &str = "num-cpus";

    /// Makes it of a number, of which a negative one is relative to that of CPUs.
    pub(crate) fn from_number(number: isize) -> Option<Self> {
        match NonZeroUsize::new(number.unsigned_abs())? {
            fewer if number < 0 => Some(Self::CpusBut(fewer.get())),
            number => Some(Self::Number(number)),
        }
    }

    /// Reads a number or `num-cpus`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text == Self::CPUS {
            return Ok(Self::CpusBut(0));
        }
        let jobs = text.parse().ok().and_then(Self::from_number);
        jobs.ok_or_else(|| format!("must be {}", Self::EXPECTED))
    }

    /// How many they are on a host with so many CPUs; at least one.
    pub(crate) fn on(self, cpus: NonZeroUsize) -> NonZeroUsize {
        match self {
            Self::Number(number) => number,
            Self::CpusBut(fewer) => {
                NonZeroUsize::new(cpus.get().saturating_sub(fewer)).unwrap_or(NonZeroUsize::MIN)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_absolute_or_relative_to_that_of_cpus() {
        let cpus = NonZeroUsize::new(4).unwrap();
        let on_four = |text| Jobs::read(text).map(|jobs| jobs.on(cpus).get());
        let read = [("3", 3), ("64", 64), ("num-cpus", 4), ("-1", 3), ("-3", 1), ("-4", 1), ("-9", 1)];
        for (text, jobs) in read {
            assert_eq!(on_four(text), Ok(jobs), "{text}");
        }
        for text in ["0", "-0", "", "many", "1.5", "num-test-threads", "99999999999999999999"] {
            assert!(on_four(text).unwrap_err().contains("`num-cpus`"), "{text}");
        }
    }
}
