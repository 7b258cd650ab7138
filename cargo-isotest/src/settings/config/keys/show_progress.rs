//! Key `show-progress`: display of the progress.

use super::word::word;
use crate::cli::ShowProgress;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::settings::setting::Setting;

pub(super) const SHOW_PROGRESS: Key = Key {
    name: "show-progress",
    variable: Some("ISOTEST_SHOW_PROGRESS"),
    about: "How the progress of the run is shown",
    form: form::words::<ShowProgress>,
    example: "\"counter\"",
    default: Some("\"auto\""),
    read: |value, layer| {
        layer.display.show_progress = Some(word::<ShowProgress>(value)?);
        Ok(())
    },
    said: |layer| written::one(layer.display.show_progress.as_ref(), |how| written::word(&how)),
};

/// Returns the level that `show-progress = "only"` implies, if that is set.
pub(super) fn only<T>(how: Option<Setting<ShowProgress>>, level: T) -> Option<Setting<T>> {
    how.filter(|how| how.value == ShowProgress::Only).map(|how| how.map(|_| level))
}
