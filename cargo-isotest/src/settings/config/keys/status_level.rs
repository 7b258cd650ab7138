//! Key `status-level`: level from which results are shown during the run.

use super::show_progress::only;
use super::word::word;
use crate::cli::StatusLevel;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::settings::display::DisplayLayer;

pub(crate) const STATUS_LEVEL: Key = Key {
    name: "status-level",
    variable: Some("ISOTEST_STATUS_LEVEL"),
    about: "From which level on the results of tests are shown while the run goes on",
    form: form::words::<StatusLevel>,
    example: "\"fail\"",
    default: Some("\"pass\""),
    read: |value, layer| {
        layer.display.status_level = Some(word::<StatusLevel>(value)?);
        Ok(())
    },
    said: |layer| {
        let DisplayLayer { status_level, show_progress, .. } = layer.display;
        let of_bar = only(show_progress, StatusLevel::Slow);
        written::one(status_level.or(of_bar).as_ref(), |level| written::word(&level))
    },
};
