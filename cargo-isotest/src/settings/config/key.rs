//! Key of a configuration file; pure.

use super::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::layer::Layer;
use crate::settings::setting::Setting;

/// Setting that a configuration file can hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Name of the key, and of its flag, if it has one.
    pub(crate) name: &'static str,
    /// Environment variable that sets the value for the whole run, if there is one.
    pub(crate) variable: Option<&'static str>,
    /// Description of the setting in the schema.
    pub(crate) about: &'static str,
    /// Function that makes the JSON schema of the values.
    pub(crate) form: fn() -> serde_json::Value,
    /// Example of a value, as written.
    pub(crate) example: &'static str,
    /// Value that holds by default, as written; `None` if the setting is off or absent by default.
    pub(crate) default: Option<&'static str>,
    /// Function that writes a value into a layer.
    pub(crate) read: fn(Value<'_>, &mut Layer) -> Result<(), SettingsError>,
    /// Function that returns the value that a layer has, as a configuration file would hold it; several for a list,
    /// and none if the layer does not set it.
    pub(crate) said: fn(&Layer) -> Vec<Setting<toml::Value>>,
}
