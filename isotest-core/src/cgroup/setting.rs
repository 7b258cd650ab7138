//! Limits as the files and texts that set them. Pure.

use std::fmt;

/// A file and what is written into it. An optional file is one that not every kernel has. What holds only for the
/// processes of the very directory is set where they live; all else is set there once more, so that they find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) file: &'static str,
    pub(crate) value: String,
    pub(crate) optional: bool,
    pub(crate) innermost: bool,
}

/// In so many microseconds a limit of processor time is measured out; the kernel's own default.
pub(super) const PERIOD_US: u64 = 100_000;

/// A file that every kernel has.
pub(super) fn required(file: &'static str, value: impl fmt::Display) -> Setting {
    Setting { file, value: value.to_string(), optional: false, innermost: false }
}
