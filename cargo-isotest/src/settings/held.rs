//! What holds of each key of the configuration, and from where; pure.

use super::setting::{Origin, Place};
use crate::select::filterset::Filterset;

/// Value of one key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    /// The key.
    pub(crate) key: &'static str,
    /// As a configuration file would hold it; none for what is off or absent.
    pub(crate) value: Option<toml::Value>,
    /// Where it came from.
    pub(crate) origin: Origin,
}

/// What an override says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeldOverride {
    /// Of which tests; of all without it.
    pub(crate) filter: Option<Filterset>,
    /// Where it is written.
    pub(crate) place: Place,
    /// Its values.
    pub(crate) said: Vec<Held>,
}
