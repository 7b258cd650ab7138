//! Figures of an attempt and their sources, by the names of the format; pure. A large run has many of them.

use isotest_core::metric::METRICS;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// Measured figures of an attempt, and their sources.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Box<[(Cow<'static, str>, Figure)]>);

/// Value of a figure, of its source, or of a statement on it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Figure {
    Number(u64),
    Is(bool),
    Word(Box<str>),
    /// Value of a kind that only a later version knows.
    Other(Box<Value>),
}

impl Figures {
    /// Returns a number by its name; `None` if it was not measured.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        match self.of(name)? {
            Figure::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns whether a statement of this name is present and true.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.of(name) == Some(&Figure::Is(true))
    }

    /// Returns a word by its name.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        match self.of(name)? {
            Figure::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Iterates over all figures, in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Value)> {
        self.0.iter().map(|(name, figure)| (&**name, figure.value()))
    }

    fn of(&self, name: &str) -> Option<&Figure> {
        let place = self.0.binary_search_by(|(other, _)| (**other).cmp(name)).ok()?;
        Some(&self.0[place].1)
    }
}

impl Figure {
    fn of(value: Value) -> Self {
        match value {
            Value::Bool(is) => Self::Is(is),
            Value::String(word) => Self::Word(word.into()),
            other => match other.as_u64() {
                Some(number) => Self::Number(number),
                None => Self::Other(Box::new(other)),
            },
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Number(number) => (*number).into(),
            Self::Is(is) => (*is).into(),
            Self::Word(word) => (**word).into(),
            Self::Other(value) => (**value).clone(),
        }
    }
}

impl<'de> Deserialize<'de> for Figures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Figures;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of figures")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Figures, A::Error> {
                let mut figures = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if !value.is_null() {
                        figures.push((known(name), Figure::of(value)));
                    }
                }
                figures.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                figures.dedup_by(|(one, _), (other, _)| one == other);
                Ok(Figures(figures.into()))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// Makes a key of a name, without memory of its own if it is a name of the known metrics.
fn known(name: String) -> Cow<'static, str> {
    let names = METRICS.iter().flat_map(|metric| {
        let figures = metric.figures.iter().map(|figure| figure.key);
        figures.chain([metric.source_key]).chain(metric.approximate_key)
    });
    names.into_iter().find(|known| *known == name).map_or_else(|| name.into(), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_but_for_what_was_not_measured() {
        let text = r#"{"pids_peak": 3, "memory_source": "memory.peak", "memory_approximate": true, "cpu_user_us": null, "new": [1.5]}"#;
        let figures: Figures = serde_json::from_str(text).unwrap();
        assert_eq!((figures.number("pids_peak"), figures.number("cpu_user_us")), (Some(3), None));
        assert_eq!(
            (figures.word("memory_source"), figures.is("memory_approximate")),
            (Some("memory.peak"), true)
        );
        assert_eq!((figures.number("memory_source"), figures.is("pids_approximate")), (None, false));
        let names: Vec<_> = figures.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let expected =
            ["memory_approximate true", "memory_source \"memory.peak\"", "new [1.5]", "pids_peak 3"];
        assert_eq!(names, expected);
        assert!(serde_json::from_str::<Figures>("[]").is_err());
    }
}
