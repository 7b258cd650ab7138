//! Number of further attempts at a failed test, and the time between them.

use super::time::Time;
use clap::ValueEnum;
use serde::Deserialize;
use std::time::Duration;

/// Number of further attempts at a failed test, and the wait before each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Retries {
    /// Number of further attempts, at most.
    pub(crate) count: u32,
    /// Wait before each further attempt; none without it.
    pub(crate) backoff: Option<Backoff>,
}

/// Wait before a further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// Wait before the first further attempt.
    pub(crate) delay: Duration,
    /// Whether each wait is twice the one before.
    pub(crate) exponential: bool,
    /// Whether a random part of each wait, up to half of it, is left out, so that tests that failed together are not
    /// attempted together again.
    pub(crate) jitter: bool,
    /// Limit of each wait.
    pub(crate) max_delay: Option<Duration>,
}

/// What a test is worth that has failed and passes in a further attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FlakyResult {
    /// It passes, and is named as flaky
    #[default]
    Pass,
    /// It fails, and is named as flaky
    Fail,
}

impl Retries {
    /// Creates a number of further attempts without a wait.
    pub(crate) const fn without_delay(count: u32) -> Self {
        Self { count, backoff: None }
    }

    /// Reads a number, or a table as in a file.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if let Ok(count) = text.parse() {
            return Ok(Self::without_delay(count));
        }
        if !text.trim_start().starts_with('{') {
            return Err(format!("neither a number nor a table such as `{EXAMPLE}`"));
        }
        let table = toml::de::ValueDeserializer::parse(text).and_then(Table::deserialize);
        table.map_err(|error| error.message().to_owned())?.retries().map_err(str::to_owned)
    }

    /// Returns how long is waited after the attempt with this number, counted from 1. `luck` is from 0 to 1, and
    /// chosen by chance.
    pub(crate) fn delay_after(self, number: u32, luck: f64) -> Duration {
        let Some(Backoff { delay, exponential, jitter, max_delay }) = self.backoff else {
            return Duration::ZERO;
        };
        let factor = if exponential { 2_u32.saturating_pow(number.saturating_sub(1)) } else { 1 };
        let delay = delay.saturating_mul(factor).min(max_delay.unwrap_or(Duration::MAX));
        // A delay that overflows is replaced by one that never ends.
        let part = if jitter { 1.0 - luck.clamp(0.0, 1.0) / 2.0 } else { 1.0 };
        Duration::try_from_secs_f64(delay.as_secs_f64() * part).unwrap_or(Duration::MAX)
    }
}

const EXAMPLE: &str = "{ backoff = \"exponential\", count = 3, delay = \"1s\" }";

/// Table that says more than a number.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    #[serde(default)]
    backoff: Kind,
    count: u32,
    delay: Option<Time>,
    #[serde(default)]
    jitter: bool,
    max_delay: Option<Time>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Fixed,
    Exponential,
}

impl Table {
    fn retries(self) -> Result<Retries, &'static str> {
        let Self { backoff, count, delay, jitter, max_delay } = self;
        let exponential = backoff == Kind::Exponential;
        if exponential && delay.is_none() {
            return Err("an exponential backoff needs a `delay` to begin with");
        }
        if !exponential && max_delay.is_some() {
            return Err("a fixed backoff has no `max-delay`: no delay is longer than the first");
        }
        let backoff = delay.map(|Time(delay)| Backoff {
            delay,
            exponential,
            jitter,
            max_delay: max_delay.map(|Time(time)| time),
        });
        Ok(Retries { count, backoff })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(retries: Retries, luck: f64) -> [u64; 4] {
        [1, 2, 3, 4].map(|number| retries.delay_after(number, luck).as_secs())
    }

    #[test]
    fn retries_are_a_number_or_a_table() {
        assert_eq!(Retries::read("3"), Ok(Retries::without_delay(3)));
        assert_eq!(Retries::read("{ backoff = 'fixed', count = 2 }"), Ok(Retries::without_delay(2)));
        assert_eq!(Retries::read("{ count = 2 }"), Ok(Retries::without_delay(2)));
        let text = "{ backoff = 'exponential', count = 4, delay = '1s', jitter = true, max-delay = '3s' }";
        let expected = Retries {
            count: 4,
            backoff: Some(Backoff {
                delay: Duration::from_secs(1),
                exponential: true,
                jitter: true,
                max_delay: Some(Duration::from_secs(3)),
            }),
        };
        assert_eq!(Retries::read(text), Ok(expected));
    }

    #[test]
    fn what_is_neither_is_refused_with_the_reason() {
        for (text, expected) in [
            ("often", "neither a number nor a table such as"),
            ("-1", "neither a number nor a table such as"),
            ("{ backoff = 'fixed', count = -1 }", "invalid value: integer `-1`"),
            (
                "{ backoff = 'linear', count = 1 }",
                "unknown variant `linear`, expected `fixed` or `exponential`",
            ),
            ("{ backoff = 'exponential', count = 1 }", "needs a `delay`"),
            ("{ backoff = 'fixed', count = 1, max-delay = '1s' }", "has no `max-delay`"),
            ("{ backoff = 'fixed', count = 1, delay = 'soon' }", "`soon` is no time such as `90s`"),
            ("{ backoff = 'fixed', count = 1, wait = '1s' }", "unknown field `wait`"),
            ("{ backoff = 'fixed' ", "unclosed inline table"),
        ] {
            let error = Retries::read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn delays_stay_or_double_up_to_the_longest() {
        let backoff =
            Backoff { delay: Duration::from_secs(2), exponential: false, jitter: false, max_delay: None };
        let with = |backoff| Retries { count: 4, backoff: Some(backoff) };
        assert_eq!(seconds(Retries::without_delay(4), 0.5), [0; 4]);
        assert_eq!(seconds(with(backoff), 0.5), [2; 4]);
        let doubling = Backoff { exponential: true, ..backoff };
        assert_eq!(seconds(with(doubling), 0.5), [2, 4, 8, 16]);
        let bounded = Backoff { max_delay: Some(Duration::from_secs(5)), ..doubling };
        assert_eq!(seconds(with(bounded), 0.5), [2, 4, 5, 5]);
        assert!(with(doubling).delay_after(u32::MAX, 0.0) > Duration::from_hours(24));
    }

    #[test]
    fn jitter_leaves_out_up_to_half() {
        let backoff =
            Backoff { delay: Duration::from_secs(8), exponential: false, jitter: true, max_delay: None };
        let retries = Retries { count: 1, backoff: Some(backoff) };
        let delays = [0.0, 0.5, 1.0].map(|luck| retries.delay_after(1, luck).as_secs());
        assert_eq!(delays, [8, 6, 4]);
    }
}
