//! Limits as the files and texts that set them. Pure.

use std::fmt;

/// File and the text that is written into it. An optional file is one that not every kernel has. What holds only for
/// the processes of the very directory is set where they live; all else is set there once more, so that they find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) file: &'static str,
    pub(crate) value: String,
    pub(crate) optional: bool,
    pub(crate) innermost: bool,
}

/// Period in which a limit of processor time is measured out, in microseconds; the kernel's own default.
pub(super) const PERIOD_US: u64 = 100_000;

/// Makes the setting of a file that every kernel has.
pub(super) fn required(file: &'static str, value: impl fmt::Display) -> Setting {
    Setting { file, value: value.to_string(), optional: false, innermost: false }
}
