//! Opens the terminal of a command somebody attends to: a pseudo terminal of the sandbox's own devpts.

use crate::plan::Interactive;
use crate::sandbox::protocol::channel::{self, Report};
use crate::sys;
use nix::fcntl::{OFlag, open};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::Mode;
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcsetpgrp};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Side of a pseudo terminal that a program uses.
#[derive(Debug)]
pub(crate) struct Terminal {
    side: OwnedFd,
    instead_of: [bool; 3],
}

/// Opens a terminal, if there is to be one, and sends its outer side to the supervisor. This process must lead a
/// session; a command is then a job of it, as it is of a shell's.
pub(crate) fn open_for(
    interactive: Interactive,
    stdio: &[OwnedFd],
    control: &mut UnixStream,
) -> io::Result<Option<Terminal>> {
    if !interactive.has_terminal() {
        return Ok(None);
    }
    let outer = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
    grantpt(&outer)?;
    unlockpt(&outer)?;
    // Opened by a session's leader, it becomes the terminal of the session.
    let side = open(ptsname_r(&outer)?.as_str(), OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    let replaced = stdio.iter().zip(interactive.terminal).find(|(_, replaced)| *replaced);
    if let Some((original, _)) = replaced {
        copy_settings(original.as_fd(), side.as_fd())?;
    }
    channel::send(control, &Report::Terminal, &[outer.as_fd()])?;
    Ok(Some(Terminal { side, instead_of: interactive.terminal }))
}

/// Copies the settings and the window size of a terminal; does nothing if `from` is none.
fn copy_settings(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    if let Ok(settings) = tcgetattr(from) {
        tcsetattr(to, SetArg::TCSANOW, &settings)?;
        resize_like(to, from)?;
    }
    Ok(())
}

/// Gives one terminal, by either of its sides, the window size of another. Its foreground processes are told if that
/// changes it.
///
/// # Errors
/// Error of a descriptor that is no terminal.
pub fn resize_like(terminal: impl AsFd, model: impl AsFd) -> io::Result<()> {
    sys::terminal::set_window_size(terminal.as_fd(), sys::terminal::window_size(model.as_fd())?)
}

impl Terminal {
    /// Returns the descriptor that takes the place of a standard one.
    pub(crate) fn instead_of(&self, number: usize) -> Option<BorrowedFd<'_>> {
        self.instead_of.get(number).filter(|replaced| **replaced).map(|_| self.side.as_fd())
    }

    /// Makes the process group of this process the one in the foreground.
    pub(crate) fn give_to_this_group(&self) -> io::Result<()> {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGTTOU);
        // Who is still in the background is stopped for it, unless this signal is blocked (tcsetpgrp(3)).
        signals.thread_block()?;
        tcsetpgrp(&self.side, getpgrp())?;
        Ok(())
    }
}
