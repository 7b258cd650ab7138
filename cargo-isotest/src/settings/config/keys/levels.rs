//! Levels of capabilities, which three settings list.

use crate::settings::config::form;
use crate::settings::config::value::Value;
use crate::settings::config::written;
use crate::settings::error::SettingsError;
use crate::settings::layer::Layer;
use crate::settings::setting::Setting;
use crate::settings::typed;
use isotest_core::policy::{Capability, Level};
use serde_json::json;

/// Reads capabilities and gives them a level.
pub(super) fn levels(value: Value<'_>, level: Level, layer: &mut Layer) -> Result<(), SettingsError> {
    let names =
        value.list().ok_or_else(|| value.unexpected("a list of capabilities, such as [\"memory\"]"))?;
    for (name, item) in names {
        layer.levels.push(item.setting((typed::capability(name, item.origin())?, level)));
    }
    Ok(())
}

/// Returns the form of a list of capabilities.
pub(super) fn form() -> serde_json::Value {
    form::list(&json!({ "enum": Capability::ALL.map(Capability::as_str) }))
}

/// Returns the capabilities of a level, as a file says them.
pub(super) fn said(layer: &Layer, level: Level) -> Vec<Setting<toml::Value>> {
    let of_level: Vec<_> = layer.levels.iter().filter(|said| said.value.1 == level).copied().collect();
    written::each(&of_level, |(capability, _)| written::item(capability.as_str()))
}
