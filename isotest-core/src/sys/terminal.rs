//! Calls two ioctls on the size of a terminal's window (TIOCSWINSZ(2const)).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Reads the size of a terminal's window, with `TIOCGWINSZ`.
///
/// # Errors
/// Errors of ioctl(2); `ENOTTY` for what is no terminal.
pub(crate) fn window_size(terminal: BorrowedFd<'_>) -> io::Result<libc::winsize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes a winsize; `size` is one and outlives the call.
    let returned = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    super::checked(returned.into()).map(|_| size)
}

/// Sets the size of a terminal's window, with `TIOCSWINSZ`; the foreground process group is told by SIGWINCH if it is
/// another one than before.
///
/// # Errors
/// Errors of ioctl(2); `ENOTTY` for what is no terminal.
pub(crate) fn set_window_size(terminal: BorrowedFd<'_>, size: libc::winsize) -> io::Result<()> {
    // SAFETY: TIOCSWINSZ reads a winsize; `size` is one and outlives the call.
    let returned = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    super::checked(returned.into()).map(drop)
}
