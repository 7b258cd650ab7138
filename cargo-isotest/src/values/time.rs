//! Span of time, written as in `90s` or `2m 30s`.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// Span of time as it is written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time(pub(super) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = humantime::parse_duration(&text);
        time.map(Self).map_err(|_| Error::custom(format!("`{text}` is no time such as `90s` or `2m 30s`")))
    }
}
