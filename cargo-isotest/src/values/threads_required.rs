//! Number of threads of a run that a test takes.

use super::number_or_word::NumberOrWord;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::num::NonZeroUsize;

/// Number of threads of a run that a test takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThreadsRequired {
    /// Absolute number.
    Number(NonZeroUsize),
    /// Number of CPUs.
    Cpus,
    /// Number of all threads of the run.
    TestThreads,
}

impl Default for ThreadsRequired {
    fn default() -> Self {
        Self::Number(NonZeroUsize::MIN)
    }
}

impl ThreadsRequired {
    /// Words for what is accepted, as they stand in error messages.
    pub(crate) const EXPECTED: &str = "a number above 0, \"num-cpus\" or \"num-test-threads\"";
    /// Word that stands for the number of CPUs.
    const CPUS: &str = "num-cpus";
    /// Word that stands for all threads of the run.
    const TEST_THREADS: &str = "num-test-threads";

    /// Reads a number or the name of one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text {
            Self::CPUS => Some(Self::Cpus),
            Self::TEST_THREADS => Some(Self::TestThreads),
            number => number.parse().ok().map(Self::Number),
        }
    }

    /// Returns the number of threads in a run that has so many, on a host with `cpus` CPUs: no more than there are.
    pub(crate) fn of(self, threads: NonZeroUsize, cpus: NonZeroUsize) -> NonZeroUsize {
        match self {
            Self::Number(number) => number.min(threads),
            Self::Cpus => cpus.min(threads),
            Self::TestThreads => threads,
        }
    }
}

impl Serialize for ThreadsRequired {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number.serialize(serializer),
            Self::Cpus => Self::CPUS.serialize(serializer),
            Self::TestThreads => Self::TEST_THREADS.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ThreadsRequired {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Self::read(&NumberOrWord::deserialize(deserializer)?.to_string());
        read.ok_or_else(|| serde::de::Error::custom(Self::EXPECTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for text in ["1", "7", "\"num-cpus\"", "\"num-test-threads\""] {
            let read: ThreadsRequired = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        assert!(serde_json::from_str::<ThreadsRequired>("0").is_err());
    }

    #[test]
    fn a_test_takes_a_number_of_threads_but_no_more_than_there_are() {
        let [two, three, eight] = [2, 3, 8].map(|number| NonZeroUsize::new(number).unwrap());
        let of =
            |text, threads| ThreadsRequired::read(text).map(|required| required.of(threads, three).get());
        for (text, of_two, of_eight) in
            [("1", 1, 1), ("5", 2, 5), ("num-cpus", 2, 3), ("num-test-threads", 2, 8)]
        {
            assert_eq!((of(text, two), of(text, eight)), (Some(of_two), Some(of_eight)), "{text}");
        }
        for text in ["0", "-1", "1.5", "", "all", "99999999999999999999"] {
            assert_eq!(of(text, eight), None, "{text}");
        }
    }
}
