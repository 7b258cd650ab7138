//! Key `prefer`: capabilities that are used where they are available.

use super::levels::{form, levels, said};
use crate::settings::config::key::Key;
use isotest_core::policy::Level;

pub(super) const PREFER: Key = Key {
    name: "prefer",
    variable: Some("ISOTEST_PREFER"),
    about: "The capabilities that are used where they are available",
    form,
    example: "[\"net\"]",
    default: None,
    read: |value, layer| levels(value, Level::Prefer, layer),
    said: |layer| said(layer, Level::Prefer),
};
