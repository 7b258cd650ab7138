//! Treatment of the request that tests update their sources.

use super::layer::Layer;
use super::setting::Setting;
use super::task::Task;

/// Treatment of the request that tests update their sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// Updates are written to the sources. The value is the variable that asks for them.
    Written(&'static str),
    /// Updates are thrown away. The value is the variable that asks for them.
    Discarded(&'static str),
}

impl Update {
    pub(super) fn from_layer(layer: &Layer, task: &Task) -> Option<Self> {
        let variable = layer.update?;
        let writes = *task == Task::Execute && !Setting::or(layer.discard_updates, false).value;
        Some(if writes { Self::Written(variable) } else { Self::Discarded(variable) })
    }
}
