//! Interface to what differs between the versions of cgroups.

use super::attempt_files::AttemptFiles;
use super::setting::Setting;
use crate::limits::{Control, Limits};
use crate::policy::Capability;
use crate::usage::Usage;

/// Names and content of the files of one version.
pub(super) trait Interface {
    /// Returns the name of the file by which a process enters a directory.
    fn entrance(&self) -> &'static str;

    /// Returns whether a process can be born in a directory, and need not enter it.
    fn takes_births(&self) -> bool;

    /// Returns whether a directory hands controllers on to those in it, and may then hold no process.
    fn hands_on(&self) -> bool;

    /// Returns the kernel's name of a controller.
    fn controller(&self, control: Control) -> &'static str;

    /// Returns the settings to write, in order, into a directory that has `control`. `devices` are the numbers of the
    /// block devices.
    fn settings(&self, limits: &Limits, control: Control, devices: &[String]) -> Vec<Setting>;

    /// Reads the figures of a metric that is served here.
    fn read(&self, metric: Capability, files: AttemptFiles<'_>, limits: &Limits, usage: &mut Usage);

    /// Returns the name of the file that says how much memory is occupied now.
    fn memory_now(&self) -> &'static str;

    /// Returns the name of a file that is there, whatever the kernel, if what serves this metric is.
    fn witness(&self, metric: Capability) -> &'static str;
}
