//! `require`, `prefer` and `off`: how much each capability is wanted.

use crate::settings::config::key::Key;
use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::layer::Layer;
use crate::settings::typed;
use isotest_core::policy::Level;

pub(super) const REQUIRE: Key = Key {
    name: "require",
    variable: Some("ISOTEST_REQUIRE"),
    read: |value, layer| levels(value, Level::Require, layer),
};

pub(super) const PREFER: Key = Key {
    name: "prefer",
    variable: Some("ISOTEST_PREFER"),
    read: |value, layer| levels(value, Level::Prefer, layer),
};

pub(super) const OFF: Key =
    Key { name: "off", variable: Some("ISOTEST_OFF"), read: |value, layer| levels(value, Level::Off, layer) };

fn levels(value: Value<'_>, level: Level, layer: &mut Layer) -> Result<(), SettingsError> {
    let names =
        value.list().ok_or_else(|| value.unexpected("a list of capabilities, such as [\"memory\"]"))?;
    for (name, item) in names {
        layer.levels.push(item.setting((typed::capability(name, item.origin())?, level)));
    }
    Ok(())
}
