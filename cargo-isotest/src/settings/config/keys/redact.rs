//! Key `redact`: environment variables whose values stand in no report.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;

pub(super) const REDACT: Key = Key {
    name: "redact",
    variable: Some("ISOTEST_REDACT"),
    about: "The environment variables whose values are replaced by `***` in every file that a run writes, and in JSON lines",
    form: || form::list(&form::pattern("^[^=]+$")),
    example: "[\"API_TOKEN\"]",
    default: None,
    read: |value, layer| {
        let expected = "a list of names of environment variables, such as [\"API_TOKEN\"]";
        for (name, item) in value.list().ok_or_else(|| value.unexpected(expected))? {
            let name = name.trim();
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(item.unexpected(expected));
            }
            layer.redact.push(item.setting(name.to_owned()));
        }
        Ok(())
    },
    said: |layer| written::each(&layer.redact, |name| written::item(&name)),
};
