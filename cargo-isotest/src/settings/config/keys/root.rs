//! Key `root`: root file system of a test.

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
