//! Values that hold for the keys of the configuration, with their origins; pure.

use super::setting::{Origin, Place};
use crate::select::filterset::Filterset;

/// Value of one key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    /// Name of the key.
    pub(crate) key: &'static str,
    /// Value as a configuration file would hold it; `None` if the setting is off or absent.
    pub(crate) value: Option<toml::Value>,
    /// Origin of the value.
    pub(crate) origin: Origin,
}

/// Settings of an override.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeldOverride {
    /// Filterset of the tests for which the override holds; `None` for all tests.
    pub(crate) filter: Option<Filterset>,
    /// Place of the override.
    pub(crate) place: Place,
    /// Values of the override.
    pub(crate) said: Vec<Held>,
}
