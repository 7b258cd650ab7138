//! Settings of sandboxes.

use super::error::SettingsError;
use super::layer::Layer;
use super::setting::Setting;
use super::update::Update;
use crate::cli::RootWord;
use isotest_core::limits::Control;
use isotest_core::plan::Mark;
use isotest_core::policy::{Capability, Level};
use std::path::PathBuf;

/// Settings of sandboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SandboxSettings {
    /// Capabilities that are switched off by name.
    pub(crate) off: Vec<Setting<Capability>>,
    /// Whether the directory of the package is hidden in minimal roots.
    pub(crate) hide_package: Setting<bool>,
    /// Whether paths are reported that tests look for and that do not exist.
    pub(crate) trace_missing: Setting<bool>,
    /// Paths that are not written through to the host, although they lie within paths that are.
    pub(crate) copied_within: Vec<PathBuf>,
    /// Treatment of the request that tests update their sources.
    pub(crate) update: Option<Update>,
    /// Controllers of limits that only some tests have. A host may lack them until such a test is to be executed.
    pub(crate) controls: Vec<Control>,
    /// Marks that distinguish files of evidence from others.
    pub(crate) evidence: Vec<Mark>,
}

impl SandboxSettings {
    pub(super) fn from_layer(layer: &Layer) -> Self {
        let off = layer.levels.iter().filter(|level| level.value.1 == Level::Off);
        let off = off.map(|level| level.map(|(capability, _)| capability)).collect();
        Self {
            off,
            hide_package: Setting::or(layer.hide_package, false),
            trace_missing: Setting::or(layer.trace_missing, false),
            copied_within: Vec::new(),
            update: None,
            controls: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Checks that one of the roots that tests may have is minimal, if the package is to be hidden in such.
    ///
    /// # Errors
    /// When none is.
    pub(super) fn checked<'a>(
        &self,
        mut roots: impl Iterator<Item = &'a Setting<RootWord>>,
    ) -> Result<(), SettingsError> {
        let Setting { value: hides, origin } = self.hide_package;
        if hides && !roots.any(|root| root.value == RootWord::Minimal) {
            return Err(SettingsError::HidesPackage { origin });
        }
        Ok(())
    }
}
