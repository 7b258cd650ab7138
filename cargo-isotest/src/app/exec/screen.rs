//! Terminal of the caller while a command uses a terminal of a sandbox in its place: passes keys in as they are, lets
//! the window's size follow, and restores the terminal at the end in any case.

use crate::error::{Error, HostError};
use crate::threads;
use isotest_core::sandbox::resize_like;
use isotest_core::sys::{readable, wait_for};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, read, tcgetpgrp, write};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread::JoinHandle;

/// Terminals of the caller and of the sandbox.
#[derive(Debug)]
pub(super) struct Screen {
    /// Terminal of the caller.
    keys: OwnedFd,
    /// Outer side of the sandbox's terminal.
    inner: OwnedFd,
    /// Original attributes of the caller's terminal while they are changed, which they are only while we are in the
    /// foreground.
    before: Option<Termios>,
    /// Whether the caller's terminal can still be read.
    open: bool,
    /// Input that the sandbox's terminal has not taken yet.
    pending: Vec<u8>,
    output: Option<JoinHandle<()>>,
}

impl Screen {
    /// Takes over the caller's terminal, if we are in its foreground.
    ///
    /// # Errors
    /// When there is no descriptor or no thread for it.
    pub(super) fn open(keys: BorrowedFd<'_>, inner: BorrowedFd<'_>) -> Result<Self, Error> {
        let keys = keys.try_clone_to_owned().map_err(HostError::System)?;
        let inner = inner.try_clone_to_owned().map_err(HostError::System)?;
        let nonblocking = fcntl(&inner, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK));
        nonblocking.map_err(|errno| HostError::System(errno.into()))?;
        let source = inner.try_clone().map_err(HostError::System)?;
        let started = threads::builder().spawn(move || show(&source));
        let output =
            started.map_err(|source| HostError::Thread { task: "that shows the terminal", source })?;
        let (before, pending) = (None, Vec::new());
        let mut screen = Self { keys, inner, before, open: true, pending, output: Some(output) };
        screen.take().map_err(HostError::System)?;
        Ok(screen)
    }

    /// Takes over the caller's terminal again, if we are in its foreground.
    pub(super) fn take(&mut self) -> io::Result<()> {
        if self.before.is_none() && is_foreground(&self.keys) {
            let before = tcgetattr(&self.keys)?;
            let mut raw = before.clone();
            cfmakeraw(&mut raw);
            self.before = Some(before);
            tcsetattr(&self.keys, SetArg::TCSANOW, &raw)?;
            self.resize();
        }
        Ok(())
    }

    /// Restores the caller's terminal.
    pub(super) fn give_back(&mut self) {
        if let Some(before) = self.before.take() {
            // If the terminal is gone, there is nothing to restore.
            let _ = tcsetattr(&self.keys, SetArg::TCSANOW, &before);
        }
    }

    /// Gives the sandbox's terminal the window size of the caller's.
    pub(super) fn resize(&self) {
        // If the terminal is gone, its size does not matter.
        let _ = resize_like(&self.inner, &self.keys);
    }

    /// Returns whether the terminal waits to come to the foreground, which no event tells.
    pub(super) fn is_waiting(&self) -> bool {
        self.before.is_none() && self.open
    }

    /// Returns the event to wait for: input, or room for input.
    pub(super) fn source(&self) -> Option<PollFd<'_>> {
        if !self.pending.is_empty() {
            return Some(PollFd::new(self.inner.as_fd(), PollFlags::POLLOUT));
        }
        (self.open && self.before.is_some()).then(|| readable(&self.keys))
    }

    /// Passes input on to the sandbox's terminal.
    pub(super) fn pass_on(&mut self) {
        if self.pending.is_empty() {
            let mut keys = [0; 4096];
            match read(&self.keys, &mut keys) {
                Ok(length @ 1..) => self.pending.extend_from_slice(keys.get(..length).unwrap_or_default()),
                // This process was moved to the background.
                Err(Errno::EIO) if !is_foreground(&self.keys) => self.before = None,
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                // The terminal was hung up, which a signal reports.
                Ok(_) | Err(_) => self.open = false,
            }
        }
        match write(&self.inner, &self.pending) {
            Ok(length) => drop(self.pending.drain(..length)),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            // The command has closed its side of the terminal: nobody reads this input any more.
            Err(_) => self.pending.clear(),
        }
    }

    /// Waits until all output was shown. All processes of the sandbox must have ended.
    pub(super) fn close(mut self) {
        if let Some(output) = self.output.take() {
            // The thread does not panic; if it did, the rest of the output would be lost anyway.
            let _ = output.join();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Returns whether this process may change and read the terminal: it is in the foreground, or the terminal controls
/// nobody.
fn is_foreground(terminal: &OwnedFd) -> bool {
    tcgetpgrp(terminal).map_or(true, |group| group == getpgrp())
}

/// Shows the output of the sandbox's terminal until no process has it open any more.
fn show(inner: &OwnedFd) {
    let mut stdout = io::stdout();
    let mut buffer = [0; 16 << 10];
    loop {
        match read(inner, &mut buffer) {
            Ok(length @ 1..) => {
                let text = buffer.get(..length).unwrap_or_default();
                // If our terminal is gone, the output is dropped, and the command is not blocked by it.
                let _ = stdout.write_all(text).and_then(|()| stdout.flush());
            }
            Err(Errno::EAGAIN) => {
                // If waiting fails, the next read reports the reason.
                let _ = wait_for(&mut [readable(inner)], None);
            }
            Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::pty::openpty;
    use nix::sys::termios::LocalFlags;
    use std::panic::catch_unwind;

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was() {
        let (invocation, sandbox) = (openpty(None, None).unwrap(), openpty(None, None).unwrap());
        let settings = || tcgetattr(&invocation.slave).unwrap();
        let before = settings();
        let panicked = catch_unwind(|| {
            let _screen = Screen::open(invocation.slave.as_fd(), sandbox.master.as_fd()).unwrap();
            assert!(!settings().local_flags.contains(LocalFlags::ICANON), "control: it was changed");
            panic!("on purpose");
        });
        assert!(panicked.is_err());
        assert_eq!(settings(), before);
    }
}
