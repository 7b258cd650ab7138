//! Limits of a test's budget beside the used values, in words; pure.

use crate::text::units::{fine_memory, fine_time, marked};
use serde::Deserialize;

/// Limit of a test's budget, and the value that was used.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Budgeted {
    /// Name of the limited metric.
    pub(crate) metric: String,
    /// Unit of the limit: `bytes`, `us` or `count`.
    pub(crate) unit: String,
    /// Limit, in the unit.
    pub(crate) limit: u64,
    /// Value that was used; `None` if it was not measured.
    pub(crate) used: Option<u64>,
    #[serde(default)]
    approximate: bool,
    /// Whether the test exceeded the limit.
    #[serde(default)]
    pub(crate) over: bool,
    #[serde(default)]
    file: String,
    #[serde(default)]
    line: u32,
}

impl Budgeted {
    /// Returns the limit as text.
    pub(crate) fn allowed(&self) -> String {
        self.amount(self.limit)
    }

    /// Returns the used value as text; a dash if it was not measured.
    pub(crate) fn spent(&self) -> String {
        self.used.map_or_else(|| "-".to_owned(), |used| marked(self.amount(used), self.approximate))
    }

    /// Returns how many hundredths of the limit were left, negative if it was exceeded; `None` if not measured.
    pub(crate) fn headroom(&self) -> Option<i64> {
        let (limit, used) = (i128::from(self.limit.max(1)), i128::from(self.used?));
        i64::try_from((limit - used).saturating_mul(100) / limit).ok()
    }

    /// Returns in words how much of the limit was left, or by how much it was exceeded; a dash if not measured.
    pub(crate) fn margin(&self) -> String {
        match self.headroom() {
            None => "-".to_owned(),
            Some(left) if self.used <= Some(self.limit) => format!("{left} % left"),
            Some(left) => format!("over by {} %", left.unsigned_abs().max(1)),
        }
    }

    /// Returns the file and the line in which the limit is set.
    pub(crate) fn origin(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    fn amount(&self, value: u64) -> String {
        match self.unit.as_str() {
            "bytes" => fine_memory(value),
            "us" => fine_time(value),
            _ => value.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn limit(unit: &str, limit: u64, used: Option<u64>) -> Budgeted {
        let written = json!({
            "metric": "m", "unit": unit, "limit": limit, "used": used, "approximate": false, "over": false,
            "killed": false, "file": "src/lib.rs", "line": 7,
        });
        serde_json::from_value(written).unwrap()
    }

    #[test]
    fn headroom_is_what_is_left_and_never_made_up() {
        for (most, used, headroom) in [
            (100, Some(38), Some(62)),
            (100, Some(100), Some(0)),
            (1000, Some(1011), Some(-1)),
            (64, Some(318), Some(-396)),
            (100, None, None),
        ] {
            assert_eq!(limit("count", most, used).headroom(), headroom, "{most} {used:?}");
        }
        let margins = [38, 100, 101, 1000, 397].map(|used| limit("count", 100, Some(used)).margin());
        assert_eq!(margins, ["62 % left", "0 % left", "over by 1 %", "over by 900 %", "over by 297 %"]);
        assert_eq!(limit("count", 1000, Some(1001)).margin(), "over by 1 %", "never by nothing");
        assert_eq!(limit("count", 1000, None).margin(), "-");
        let [bytes, time, count] = ["bytes", "us", "count"].map(|unit| limit(unit, 2 << 20, Some(2000)));
        assert_eq!([bytes.allowed(), bytes.spent()], ["2.0 MiB", "2 KiB"]);
        assert_eq!([time.allowed(), time.spent()], ["2097 ms", "2 ms"]);
        let [bytes, time] = ["bytes", "us"].map(|unit| limit(unit, 1, Some(1)));
        assert_eq!([bytes.spent(), time.allowed()], ["1 KiB", "1 us"], "what is little is not nothing");
        assert_eq!([count.allowed(), count.spent(), count.origin()], ["2097152", "2000", "src/lib.rs:7"]);
    }
}
