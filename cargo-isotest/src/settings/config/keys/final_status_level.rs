//! Key `final-status-level`: level from which results are listed at the end.

use super::show_progress::only;
use super::word::word;
use crate::cli::FinalStatusLevel;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::settings::display::DisplayLayer;

pub(crate) const FINAL_STATUS_LEVEL: Key = Key {
    name: "final-status-level",
    variable: Some("ISOTEST_FINAL_STATUS_LEVEL"),
    about: "From which level on the results of tests are listed once more when the run has ended",
    form: form::words::<FinalStatusLevel>,
    example: "\"slow\"",
    default: Some("\"flaky\""),
    read: |value, layer| {
        layer.display.final_status_level = Some(word::<FinalStatusLevel>(value)?);
        Ok(())
    },
    said: |layer| {
        let DisplayLayer { final_status_level, show_progress, .. } = layer.display;
        let of_bar = only(show_progress, FinalStatusLevel::None);
        written::one(final_status_level.or(of_bar).as_ref(), |level| written::word(&level))
    },
};
