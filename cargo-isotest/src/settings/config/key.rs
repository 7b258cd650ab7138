//! Key of a configuration file; pure.

use super::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::layer::Layer;

/// A setting that a configuration file can hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its name, which is that of the flag, too, if there is one.
    pub(crate) name: &'static str,
    /// The environment variable that sets it for the whole run, if there is one.
    pub(crate) variable: Option<&'static str>,
    /// Notes the value.
    pub(crate) read: fn(Value<'_>, &mut Layer) -> Result<(), SettingsError>,
}
