//! Key `keep`: paths of the host to which changes by a test are written through.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::settings::paths;

pub(super) const KEEP: Key = Key {
    name: "keep",
    variable: None,
    about: "Paths of the host that a test writes to itself. A relative path starts at the workspace",
    form: || form::list(&form::text()),
    example: "[\"snapshots\"]",
    default: None,
    read: |value, layer| {
        for (path, item) in value.list().ok_or_else(|| value.unexpected("a list of paths"))? {
            layer.test.keeps.push(paths::kept(item.origin(), path.as_ref(), item.directory)?);
        }
        Ok(())
    },
    said: |layer| written::each(&layer.test.keeps, |path| written::item(&path.to_string_lossy())),
};
