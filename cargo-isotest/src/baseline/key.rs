//! Conditions under which memory peaks were measured; pure.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Conditions by name. Peaks that were measured under different conditions are not compared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Key(BTreeMap<String, String>);

impl<'a> FromIterator<(&'a str, String)> for Key {
    fn from_iter<T: IntoIterator<Item = (&'a str, String)>>(conditions: T) -> Self {
        Self(conditions.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl Key {
    /// Returns a line for each condition that differs in `then`, such as `kernel 6.18, then 6.1`.
    pub(crate) fn differences(&self, then: &Self) -> Vec<String> {
        let names: BTreeSet<_> = self.0.keys().chain(then.0.keys()).collect();
        let of = |key: &Self, name: &String| match key.0.get(name) {
            Some(value) if !value.is_empty() => value.clone(),
            _ => "none".to_owned(),
        };
        let differing = names.into_iter().filter(|name| of(self, name) != of(then, name));
        differing.map(|name| format!("{name} {}, then {}", of(self, name), of(then, name))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_with_both_values() {
        let key = |kernel: &str, features: &str| -> Key {
            [("kernel", kernel.to_owned()), ("features", features.to_owned())].into_iter().collect()
        };
        assert!(key("6.1", "a").differences(&key("6.1", "a")).is_empty(), "control");
        let told = key("6.18", "").differences(&key("6.1", "a"));
        assert_eq!(told, ["features none, then a", "kernel 6.18, then 6.1"]);
        assert_eq!(key("6.1", "").differences(&Key::default()), ["kernel 6.1, then none"]);
    }
}
