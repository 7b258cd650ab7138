//! What becomes of the wish that tests update their sources.

use super::layer::Layer;
use super::setting::Setting;
use super::task::Task;

/// What becomes of the wish that tests update their sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// It is done, asked for by this variable.
    Written(&'static str),
    /// It is thrown away.
    Discarded(&'static str),
}

impl Update {
    pub(super) fn from_layer(layer: &Layer, task: &Task) -> Option<Self> {
        let variable = layer.update?;
        let writes = *task == Task::Execute && !Setting::or(layer.discard_updates, false).value;
        Some(if writes { Self::Written(variable) } else { Self::Discarded(variable) })
    }
}
