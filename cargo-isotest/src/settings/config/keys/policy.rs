//! Keys `require`, `prefer` and `off`: levels of capabilities.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::value::Value;
use crate::settings::config::written;
use crate::settings::error::SettingsError;
use crate::settings::layer::Layer;
use crate::settings::setting::Setting;
use crate::settings::typed;
use isotest_core::policy::{Capability, Level};
use serde_json::json;

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

fn levels(value: Value<'_>, level: Level, layer: &mut Layer) -> Result<(), SettingsError> {
    let names =
        value.list().ok_or_else(|| value.unexpected("a list of capabilities, such as [\"memory\"]"))?;
    for (name, item) in names {
        layer.levels.push(item.setting((typed::capability(name, item.origin())?, level)));
    }
    Ok(())
}

fn form() -> serde_json::Value {
    form::list(&json!({ "enum": Capability::ALL.map(Capability::as_str) }))
}

fn said(layer: &Layer, level: Level) -> Vec<Setting<toml::Value>> {
    let of_level: Vec<_> = layer.levels.iter().filter(|said| said.value.1 == level).copied().collect();
    written::each(&of_level, |(capability, _)| written::item(capability.as_str()))
}
