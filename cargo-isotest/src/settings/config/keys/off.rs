//! Key `off`: capabilities that are not used.

use super::levels::{form, levels, said};
use crate::settings::config::key::Key;
use isotest_core::policy::Level;

pub(super) const OFF: Key = Key {
    name: "off",
    variable: Some("ISOTEST_OFF"),
    about: "The capabilities that are not used",
    form,
    example: "[\"io\"]",
    default: None,
    read: |value, layer| levels(value, Level::Off, layer),
    said: |layer| said(layer, Level::Off),
};
