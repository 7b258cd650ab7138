//! Number of tests that run simultaneously.

use super::number_or_word::NumberOrWord;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::num::NonZeroUsize;

/// Number of tests to run simultaneously.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jobs {
    /// Absolute number.
    Number(NonZeroUsize),
    /// Number of CPUs less this one.
    CpusBut(usize),
}

impl Jobs {
    /// Words for what is accepted, as they stand in error messages.
    pub(crate) const EXPECTED: &str =
        "a number above 0, a negative number (so many fewer than CPUs) or `num-cpus`";
    /// Word that stands for the number of CPUs.
    pub(crate) const CPUS: &str = "num-cpus";

    /// Creates a number of jobs from an integer; a negative one is relative to the number of CPUs, 0 is none.
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

    /// Returns the number of jobs, at least 1, on a host with `cpus` CPUs.
    pub(crate) fn on(self, cpus: NonZeroUsize) -> NonZeroUsize {
        match self {
            Self::Number(number) => number,
            Self::CpusBut(fewer) => {
                NonZeroUsize::new(cpus.get().saturating_sub(fewer)).unwrap_or(NonZeroUsize::MIN)
            }
        }
    }
}

impl Serialize for Jobs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number.serialize(serializer),
            Self::CpusBut(0) => Self::CPUS.serialize(serializer),
            Self::CpusBut(fewer) => {
                isize::try_from(*fewer).map_or(isize::MIN, |fewer| -fewer).serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Jobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Self::read(&NumberOrWord::deserialize(deserializer)?.to_string());
        read.map_err(serde::de::Error::custom)
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
