//! Time after which a test is slow, and time after which it is ended.

use super::time::Time;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::num::NonZeroU32;
use std::time::Duration;

/// Time after which a test is said to be slow, and time after which it is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlowTimeout {
    /// Time after which it is said that the test is slow, again and again.
    pub(crate) period: Duration,
    /// Number of periods after which the test is ended; never without it.
    pub(crate) terminate_after: Option<NonZeroU32>,
    /// Time between the order to end and the end.
    pub(crate) grace_period: Duration,
    /// Result of a test that was ended.
    pub(crate) on_timeout: OnTimeout,
}

/// Result of a test whose time has run out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnTimeout {
    /// Failure of the test.
    #[default]
    Fail,
    /// Success of the test: it was to work until somebody ends it.
    Pass,
}

impl Default for SlowTimeout {
    fn default() -> Self {
        Self::new(Duration::from_mins(1))
    }
}

impl SlowTimeout {
    /// Creates a timeout after which a test is slow, but never ended.
    pub(crate) const fn new(period: Duration) -> Self {
        let grace_period = Duration::from_secs(2);
        Self { period, terminate_after: None, grace_period, on_timeout: OnTimeout::Fail }
    }

    /// Reads a time, or a table as in a file.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            let time = humantime::parse_duration(text);
            return time
                .map(Self::new)
                .map_err(|_| format!("neither a time such as `60s` nor a table such as `{EXAMPLE}`"));
        }
        let table = toml::de::ValueDeserializer::parse(text).and_then(Table::deserialize);
        Ok(table.map_err(|error| error.message().to_owned())?.slow_timeout())
    }

    /// Returns the time after which the test is ended.
    pub(crate) fn end(self) -> Option<Duration> {
        self.terminate_after.map(|periods| self.period.saturating_mul(periods.get()))
    }
}

const EXAMPLE: &str = "{ period = \"60s\", terminate-after = 2 }";

/// Table that says more than a time.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    period: Time,
    #[serde(default, deserialize_with = "periods")]
    terminate_after: Option<NonZeroU32>,
    grace_period: Option<Time>,
    #[serde(default)]
    on_timeout: OnTimeout,
}

fn periods<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    let number = value.as_integer().and_then(|number| u32::try_from(number).ok()).and_then(NonZeroU32::new);
    let refused = || D::Error::custom(format!("`{value}` is no number of periods: say 1 or more"));
    number.map(Some).ok_or_else(refused)
}

impl Table {
    fn slow_timeout(self) -> SlowTimeout {
        let Self { period: Time(period), terminate_after, grace_period, on_timeout } = self;
        let usual = SlowTimeout::new(period);
        let grace_period = grace_period.map_or(usual.grace_period, |Time(time)| time);
        SlowTimeout { terminate_after, grace_period, on_timeout, ..usual }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_only_says_what_is_slow_and_a_table_what_is_ended() {
        let slow = SlowTimeout::read("90s").unwrap();
        assert_eq!((slow, slow.end()), (SlowTimeout::new(Duration::from_secs(90)), None));
        let text = "{ period = '3s', terminate-after = 4, grace-period = '5s', on-timeout = 'pass' }";
        let expected = SlowTimeout {
            period: Duration::from_secs(3),
            terminate_after: NonZeroU32::new(4),
            grace_period: Duration::from_secs(5),
            on_timeout: OnTimeout::Pass,
        };
        let read = SlowTimeout::read(text).unwrap();
        assert_eq!((read, read.end()), (expected, Some(Duration::from_secs(12))));
        let least = SlowTimeout::read("{ period = '3s' }");
        assert_eq!(least, Ok(SlowTimeout::new(Duration::from_secs(3))));
    }

    #[test]
    fn what_is_neither_is_refused_with_the_reason() {
        for (text, expected) in [
            ("soon", "neither a time such as `60s` nor a table such as"),
            ("{ terminate-after = 1 }", "missing field `period`"),
            ("{ period = '1s', terminate-after = 0 }", "`0` is no number of periods: say 1 or more"),
            ("{ period = 1 }", "`1` is no time such as `90s` or `2m 30s`"),
            ("{ period = '1s', on-timeout = 'skip' }", "unknown variant `skip`, expected `fail` or `pass`"),
            ("{ period = '1s', grace = '1s' }", "unknown field `grace`"),
        ] {
            let error = SlowTimeout::read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
