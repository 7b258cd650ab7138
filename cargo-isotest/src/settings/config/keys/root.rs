//! Keys `root` and `hide-package`: root file system of a test.

use super::truth::truth;
use crate::cli::RootWord;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::settings::paths;

pub(super) const ROOT: Key = Key {
    name: "root",
    variable: Some("ISOTEST_ROOT"),
    about: "The root file system of a test: that of the host, a minimal one, a directory, an archive or a container image",
    form: || form::pattern("^(host|minimal|(dir|tar|oci):(.|\\n)+)$"),
    example: "\"minimal\"",
    default: Some("\"host\""),
    read: |value, layer| {
        let root = value.text().and_then(|text| RootWord::read(text.as_ref()).ok());
        let expected = "\"host\", \"minimal\", \"dir:PATH\", \"tar:PATH\" or \"oci:PATH\"";
        layer.test.root = Some(paths::root(value.expect(root, expected)?, value.directory)?);
        Ok(())
    },
    said: |layer| written::one(layer.test.root.as_ref(), |root| toml::Value::String(root.to_string())),
};

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
