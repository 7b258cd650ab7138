//! Configures the network namespace this process is in: its loopback interface and its settings.

use super::netlink;
use crate::step::{Step, StepError};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Index of `lo` in each network namespace: the kernel makes it first.
const LOOPBACK: u32 = 1;

/// Directory of the settings of the current network namespace.
pub(super) const SETTINGS: &str = "/proc/sys/net";

/// Raises `lo`, to which the kernel then gives 127.0.0.1 and ::1, and adds addresses to it.
///
/// # Errors
/// Error of the kernel. An address of a family that the namespace lacks is left out.
pub(super) fn raise_loopback(addresses: &[IpAddr]) -> io::Result<()> {
    let no_flags = MsgFlags::empty();
    let socket =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    let mut requests = netlink::raise(LOOPBACK);
    for &address in addresses {
        requests.extend(netlink::add_address(LOOPBACK, address));
    }
    sendto(socket.as_raw_fd(), &requests, &NetlinkAddr::new(0, 0), no_flags)?;
    let mut answers = addresses.len() + 1;
    let mut is_raised = false;
    while answers > 0 {
        let mut text = vec![0; 4096];
        let length = recv(socket.as_raw_fd(), &mut text, no_flags)?;
        for errno in netlink::answers(text.get(..length).unwrap_or_default()) {
            match errno {
                // IPv6 is disabled on this host.
                libc::EACCES | libc::EAFNOSUPPORT | libc::EOPNOTSUPP if is_raised => {}
                0 => {}
                errno => return Err(io::Error::from_raw_os_error(errno)),
            }
            is_raised = true;
            answers = answers.saturating_sub(1);
        }
    }
    Ok(())
}

/// Returns the settings that differ from those of a new network namespace. Must be called inside a new one.
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
