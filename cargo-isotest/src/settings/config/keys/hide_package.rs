//! Key `hide-package`: minimal root without the directory of the package.

use super::truth::truth;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const HIDE_PACKAGE: Key = Key {
    name: "hide-package",
    variable: Some("ISOTEST_HIDE_PACKAGE"),
    about: "Whether a minimal root is without the directory of the package, too",
    form: form::truth,
    example: "true",
    default: Some("false"),
    read: |value, layer| {
        layer.hide_package = Some(truth(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.hide_package.as_ref(), written::truth),
};
