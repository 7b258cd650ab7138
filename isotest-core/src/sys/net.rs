//! One ioctl: raising an interface (netdevice(7)).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

nix::ioctl_write_ptr_bad!(
    /// ioctl(2) with `SIOCSIFFLAGS`, the number of which has another type in each C library.
    set_flags,
    libc::SIOCSIFFLAGS,
    libc::ifreq
);

/// `SIOCSIFFLAGS`: sets the flags of the interface `lo` to up and running.
///
/// # Errors
/// Those of ioctl(2); `EPERM` without `CAP_NET_ADMIN` over the network namespace.
pub(crate) fn raise_lo(socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut name: [libc::c_char; libc::IFNAMSIZ] = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(c"lo".to_bytes()) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let flags = libc::IFF_UP | libc::IFF_RUNNING;
    let request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: libc::c_short::try_from(flags).unwrap_or(0x41) },
    };
    // SAFETY: SIOCSIFFLAGS reads an ifreq with name and flags filled in; `request` is one and outlives the call.
    unsafe { set_flags(socket.as_raw_fd(), &raw const request) }?;
    Ok(())
}
