//! Makes JSON schemas of values; pure. A schema allows each documented form of a value, and refuses as many others as
//! it can.

use clap::ValueEnum;
use serde_json::{Value, json};

/// Pattern of numbers with the units that are read as lengths of time.
const TIME: &str = "^(0|\\s*([0-9]+(\\.[0-9]+)?\\s*(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins\
                    |min|m|hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w|months|month|M|years|year|yrs|yr|y)\\s*)+)$";
/// Pattern of a number with a unit of bytes.
const SIZE: &str = "^[0-9.]+\\s*([kKmMgGtTpPeE][iI]?)?[bB]$";
/// Pattern of a text that contains a digit other than zero.
const ABOVE_ZERO: &str = "[1-9]";

/// Makes the schema of `true` and `false`.
pub(super) fn truth() -> Value {
    json!({ "type": "boolean" })
}

/// Makes the schema of a text.
pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// Makes the schema of a text that is not empty.
pub(super) fn text_of_some() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

/// Makes the schema of a text that matches a pattern.
pub(super) fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// Makes the schema of a length of time, 0 included.
pub(super) fn time() -> Value {
    pattern(TIME)
}

/// Makes the schema of a length of time.
pub(super) fn time_above_zero() -> Value {
    json!({ "type": "string", "allOf": [{ "pattern": TIME }, { "pattern": ABOVE_ZERO }] })
}

/// Makes the schema of a number of bytes.
pub(super) fn size() -> Value {
    json!({ "type": "string", "allOf": [{ "pattern": SIZE }, { "pattern": ABOVE_ZERO }] })
}

/// Makes the schema of a number of bytes, 0 included.
pub(super) fn size_or_zero() -> Value {
    either([pattern(SIZE), json!({ "const": "0" })])
}

/// Makes the schema of a whole number that is not below a bound.
pub(super) fn from(least: i64) -> Value {
    json!({ "type": "integer", "minimum": least })
}

/// Makes the schema of a whole number that is not above a bound.
pub(super) fn up_to(most: i64) -> Value {
    json!({ "type": "integer", "maximum": most })
}

/// Makes the schema of a whole number within bounds.
pub(super) fn between(least: i64, most: i64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// Makes the schema of the words that are the values of a type.
pub(super) fn words<T: ValueEnum>() -> Value {
    let words = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let words: Vec<_> =
        words.flat_map(|word| word.get_name_and_aliases().map(str::to_owned).collect::<Vec<_>>()).collect();
    json!({ "enum": words })
}

/// Makes the schema of a list.
pub(super) fn list(item: &Value) -> Value {
    json!({ "type": "array", "items": item })
}

/// Makes the schema of a list that is not empty.
pub(super) fn list_of_some(item: &Value) -> Value {
    json!({ "type": "array", "items": item, "minItems": 1 })
}

/// Makes the schema of a table that has these entries and no others.
pub(super) fn table(entries: impl IntoIterator<Item = (&'static str, Value)>, required: &[&str]) -> Value {
    let entries: serde_json::Map<_, _> =
        entries.into_iter().map(|(name, form)| (name.to_owned(), form)).collect();
    json!({ "type": "object", "properties": entries, "required": required, "additionalProperties": false })
}

/// Makes the schema of a value that has one of several forms.
pub(super) fn either(forms: impl IntoIterator<Item = Value>) -> Value {
    json!({ "anyOf": forms.into_iter().collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;
    use regex::Regex;

    /// Texts that are written for lengths of time and numbers of bytes, and texts that are mistaken for them.
    const TEXTS: [&str; 30] = [
        "90s",
        "2m 30s",
        "2m30s",
        " 1h ",
        "1.5s",
        "0s",
        "3days 4hrs",
        "10 min",
        "1 s 2 ms",
        "5µs",
        "1M",
        "5",
        "s",
        "-1s",
        "1 parsec",
        "soon",
        "",
        "64MiB",
        "64 MiB",
        "1.5 GiB",
        "64",
        "64M",
        "64 Mi",
        "0 B",
        "0",
        "1e3 B",
        ".5 kB",
        "64 mb ",
        "1_000 B",
        "B",
    ];

    #[test]
    fn a_pattern_fits_what_is_read_and_nothing_else() {
        let (time, size) = (Regex::new(TIME).unwrap(), Regex::new(SIZE).unwrap());
        for text in TEXTS {
            let is_time = humantime::parse_duration(text).is_ok();
            assert_eq!(time.is_match(text), is_time, "{text}");
            assert_eq!(size.is_match(text) || text == "0", cli::size_or_zero(text).is_ok(), "{text}");
        }
    }
}
