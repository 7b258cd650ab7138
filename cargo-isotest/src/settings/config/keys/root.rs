//! `root` and `hide-package`: the root file system of a test.

use super::truth::truth;
use crate::cli::RootWord;
use crate::settings::config::key::Key;
use crate::settings::paths;

pub(super) const ROOT: Key = Key {
    name: "root",
    variable: Some("ISOTEST_ROOT"),
    read: |value, layer| {
        let root = value.text().and_then(|text| RootWord::read(text.as_ref()).ok());
        let expected = "\"host\", \"minimal\", \"dir:PATH\", \"tar:PATH\" or \"oci:PATH\"";
        layer.root = Some(paths::root(value.expect(root, expected)?, value.directory)?);
        Ok(())
    },
};

pub(super) const HIDE_PACKAGE: Key = Key {
    name: "hide-package",
    variable: Some("ISOTEST_HIDE_PACKAGE"),
    read: |value, layer| {
        layer.hide_package = Some(truth(value)?);
        Ok(())
    },
};
