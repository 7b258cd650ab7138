//! `test-group`: the test group that a test is in.

use crate::settings::config::key::Key;

/// Name of the test group of tests that are in no other.
const GLOBAL: &str = "@global";

pub(super) const TEST_GROUP: Key = Key {
    name: "test-group",
    variable: None,
    read: |value, layer| {
        let group = match value.text() {
            Some(GLOBAL) => Some(None),
            name => name.filter(|name| is_name(name)).map(|name| Some(name.into())),
        };
        let expected = "the name of a table below `[test-groups]`, or \"@global\" for none";
        layer.test.test_group = Some(value.expect(group, expected)?);
        Ok(())
    },
};

/// Returns whether a test group can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let is_of_names = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(is_of_names)
}
