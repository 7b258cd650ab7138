//! Key `test-group`: test group of a test.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use serde_json::json;

/// Name of the group of tests that are in no other test group.
const GLOBAL: &str = "@global";

/// Pattern of names of test groups: without white space, and without punctuation other than `-` and `_`.
pub(crate) const NAME: &str = "^[^!-,./:-@\\[-^`{-~\\s]+$";

pub(crate) const TEST_GROUP: Key = Key {
    name: "test-group",
    variable: None,
    about: "The test group that a test is in: the name of a table below `[test-groups]`, or `@global` for none",
    form: || form::either([form::pattern(NAME), json!({ "const": GLOBAL })]),
    example: "\"@global\"",
    default: Some("\"@global\""),
    read: |value, layer| {
        let group = match value.text() {
            Some(GLOBAL) => Some(None),
            name => name.filter(|name| is_name(name)).map(|name| Some(name.into())),
        };
        let expected = "the name of a table below `[test-groups]`, or \"@global\" for none";
        layer.test.test_group = Some(value.expect(group, expected)?);
        Ok(())
    },
    said: |layer| {
        let group = layer.test.test_group.as_ref();
        written::one(group, |group| toml::Value::String(group.as_deref().unwrap_or(GLOBAL).to_owned()))
    },
};

/// Returns whether a test group can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let is_of_names = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(is_of_names)
}
