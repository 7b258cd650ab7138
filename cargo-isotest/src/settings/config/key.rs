//! Key of a configuration file; pure.

use super::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::layer::Layer;
use crate::settings::setting::Setting;

/// A setting that a configuration file can hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its name, which is that of the flag, too, if there is one.
    pub(crate) name: &'static str,
    /// The environment variable that sets it for the whole run, if there is one.
    pub(crate) variable: Option<&'static str>,
    /// What it is, for readers of the schema.
    pub(crate) about: &'static str,
    /// JSON schema of its values.
    pub(crate) form: fn() -> serde_json::Value,
    /// A value, as written.
    pub(crate) example: &'static str,
    /// The value that holds where nobody says anything, as written; none for what is off or absent then.
    pub(crate) default: Option<&'static str>,
    /// Notes the value.
    pub(crate) read: fn(Value<'_>, &mut Layer) -> Result<(), SettingsError>,
    /// Returns the value that a layer has, as a file would hold it; several of a list, and none if the layer is silent.
    pub(crate) said: fn(&Layer) -> Vec<Setting<toml::Value>>,
}
