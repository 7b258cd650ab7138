//! Number, or a word that stands for one, as JSON has it; pure.

use serde::Deserialize;
use std::fmt;

/// Number, or a word that stands for one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum NumberOrWord {
    /// Number as it is written.
    Number(i64),
    /// Word that stands for a number.
    Word(String),
}

impl fmt::Display for NumberOrWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => word.fmt(f),
        }
    }
}
