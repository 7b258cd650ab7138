//! Span of time, written as in `90s` or `2m 30s`.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// Span of time as it is written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time(pub(super) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let time = value.as_str().and_then(|text| humantime::parse_duration(text).ok());
        time.map(Self).ok_or_else(|| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Error::custom(format!("`{text}` is no time such as `90s` or `2m 30s`"))
        })
    }
}
