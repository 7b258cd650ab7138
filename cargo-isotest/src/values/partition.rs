//! Partition of all tests into several parts.

use std::fmt;
use std::str::FromStr;
use strum::{EnumString, IntoStaticStr};

/// Part of the selected tests, one of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partition {
    /// Method by which tests are dealt out.
    pub(crate) by: PartitionBy,
    /// Number of this part, counted from 1.
    pub(crate) part: u64,
    /// Number of parts.
    pub(crate) parts: u64,
}

/// Method by which tests are dealt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum PartitionBy {
    /// Dealing in turn, over all binaries.
    Slice,
    /// Dealing in turn, in each binary anew.
    Count,
    /// Dealing by a hash of the name, so that other tests do not move a test to another part.
    Hash,
    /// Dealing by the time and memory that earlier runs took; in turn if nothing of them is known.
    Auto,
}

impl PartitionBy {
    /// Returns the word on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Value of `--partition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartitionWord {
    /// Part that is written.
    Part(Partition),
    /// Part that the environment names.
    Auto,
}

impl FromStr for PartitionWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == PartitionBy::Auto.as_str() { Ok(Self::Auto) } else { text.parse().map(Self::Part) }
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = "it is `auto`, `slice:M/N`, `count:M/N` or `hash:M/N`, with a part M from 1 to N, as in `slice:1/3`";
        let read = || {
            let (word, numbers) = text.split_once(':')?;
            let by = word.parse().ok().filter(|by| *by != PartitionBy::Auto)?;
            let (part, parts) = numbers.split_once('/')?;
            Some(Self { by, part: part.parse().ok()?, parts: parts.parse().ok()? })
        };
        read()
            .filter(|partition| (1..=partition.parts).contains(&partition.part))
            .ok_or_else(|| usage.to_owned())
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.by.as_str(), self.part, self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_one_of_all() {
        for text in ["slice:1/1", "slice:3/3", "hash:2/18446744073709551615", "count:1/2"] {
            assert_eq!(text.parse::<Partition>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "slice",
            "slice:",
            "slice:1",
            "slice:0/3",
            "slice:4/3",
            "slice:1/0",
            "hash:a/b",
            "part:1/2",
            "1/2",
            "auto:1/2",
            "auto",
        ] {
            assert!(text.parse::<Partition>().unwrap_err().contains("`slice:M/N`"), "{text}");
        }
        assert_eq!("auto".parse(), Ok(PartitionWord::Auto));
        assert_eq!("hash:1/2".parse().ok(), "hash:1/2".parse().ok().map(PartitionWord::Part));
    }
}
