//! Key `bind`: paths of the host that a test sees in addition to the default.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::settings::paths;

pub(super) const BIND: Key = Key {
    name: "bind",
    variable: None,
    about: "Paths of the host that a test sees besides the default: read-only (`:ro`, the default), copy-on-write (`:cow`) or writable \
            (`:rw`). A relative path starts at the workspace",
    form: || form::list(&form::text()),
    example: "[\"data\", \"shared:cow\"]",
    default: None,
    read: |value, layer| {
        let expected = "a list of paths, each with `:ro`, `:cow` or `:rw` behind it if need be";
        for (path, item) in value.list().ok_or_else(|| value.unexpected(expected))? {
            layer.test.binds.push(paths::bind(item.origin(), path.as_ref(), item.directory)?);
        }
        Ok(())
    },
    said: |layer| written::each(&layer.test.binds, |bind| written::item(&bind.to_string())),
};
