//! The network namespace this process is in: its loopback interface and its settings.

use crate::step::{Step, StepError};
use crate::sys;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Where the settings of the current network namespace are.
pub(super) const SETTINGS: &str = "/proc/sys/net";

/// Raises `lo`; the kernel then gives it 127.0.0.1 and ::1.
pub(super) fn raise_loopback() -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    sys::net::raise_lo(socket.as_fd())
}

/// The settings that differ from what a new network namespace has. Must be called inside a new one.
pub(super) fn differing(settings: &[(String, String)]) -> Vec<(String, String)> {
    let differs = |(name, value): &&(String, String)| {
        fs::read_to_string(Path::new(SETTINGS).join(name)).is_ok_and(|new| new.trim() != value.as_str())
    };
    settings.iter().filter(differs).cloned().collect()
}

/// Writes settings into the current network namespace by a directory that shows them. Not every kernel has all of them in the
/// namespaces of users.
///
/// # Errors
/// The setting that was refused.
pub(super) fn write_settings(settings: &[(String, String)], directory: &Path) -> Result<(), StepError> {
    let settings = settings.iter().map(|(name, value)| (name, directory.join(name), value));
    for (name, path, value) in settings.filter(|(_, path, _)| path.exists()) {
        Step::CopyNetSettings.on(name, || fs::write(path, value))?;
    }
    Ok(())
}
