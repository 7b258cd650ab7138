//! Key `require`: capabilities without which a run fails.

use super::levels::{form, levels, said};
use crate::settings::config::key::Key;
use isotest_core::policy::Level;

pub(super) const REQUIRE: Key = Key {
    name: "require",
    variable: Some("ISOTEST_REQUIRE"),
    about: "The capabilities without which a run fails; without it the namespaces and the root file system",
    form,
    example: "[\"memory\", \"pids\"]",
    default: None,
    read: |value, layer| levels(value, Level::Require, layer),
    said: |layer| said(layer, Level::Require),
};
