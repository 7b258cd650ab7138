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
    /// Root file system of tests.
    pub(crate) root: Setting<RootWord>,
    /// Whether the directory of the package is hidden in a minimal root.
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
    pub(super) fn from_layer(layer: &mut Layer) -> Result<Self, SettingsError> {
        let root = Setting::or(layer.root.take(), RootWord::default());
        let hide_package = Setting::or(layer.hide_package, false);
        if hide_package.value && root.value != RootWord::Minimal {
            return Err(SettingsError::HidesPackage { origin: hide_package.origin });
        }
        let off = layer.levels.iter().filter(|level| level.value.1 == Level::Off);
        let off = off.map(|level| level.map(|(capability, _)| capability)).collect();
        Ok(Self {
            off,
            root,
            hide_package,
            trace_missing: Setting::or(layer.trace_missing, false),
            copied_within: Vec::new(),
            update: None,
            controls: Vec::new(),
            evidence: Vec::new(),
        })
    }
}
