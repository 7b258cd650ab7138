//! The caller's terminal while a command uses one of a sandbox in its place: keys go in as they are, the window's size
//! follows, and whatever happens, the terminal is in the end as it was.

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

/// Both terminals.
#[derive(Debug)]
pub(super) struct Screen {
    /// The caller's.
    keys: OwnedFd,
    /// The outer side of the sandbox's.
    inner: OwnedFd,
    /// How the caller's was, while it is not; it is ours only while we are in the foreground.
    before: Option<Termios>,
    /// Whether the caller's still gives input.
    open: bool,
    /// Input that the sandbox's has not taken yet.
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

    /// Takes the caller's terminal over again, if we are in its foreground.
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

    /// Gives it back as it was.
    pub(super) fn give_back(&mut self) {
        if let Some(before) = self.before.take() {
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(&self.keys, SetArg::TCSANOW, &before);
        }
    }

    /// Lets the sandbox's window be as large as the caller's.
    pub(super) fn resize(&self) {
        // As above.
        let _ = resize_like(&self.inner, &self.keys);
    }

    /// Whether it waits for being in the foreground, of which nothing tells.
    pub(super) fn is_waiting(&self) -> bool {
        self.before.is_none() && self.open
    }

    /// What to wait for: input, or room for it.
    pub(super) fn source(&self) -> Option<PollFd<'_>> {
        if !self.pending.is_empty() {
            return Some(PollFd::new(self.inner.as_fd(), PollFlags::POLLOUT));
        }
        (self.open && self.before.is_some()).then(|| readable(&self.keys))
    }

    /// Passes input on.
    pub(super) fn pass_on(&mut self) {
        if self.pending.is_empty() {
            let mut keys = [0; 4096];
            match read(&self.keys, &mut keys) {
                Ok(length @ 1..) => self.pending.extend_from_slice(keys.get(..length).unwrap_or_default()),
                // In the background all of a sudden.
                Err(Errno::EIO) if !is_foreground(&self.keys) => self.before = None,
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                // It was hung up; that is told by a signal.
                Ok(_) | Err(_) => self.open = false,
            }
        }
        match write(&self.inner, &self.pending) {
            Ok(length) => drop(self.pending.drain(..length)),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            // Nobody is left who could read it.
            Err(_) => self.pending.clear(),
        }
    }

    /// Waits until everything was shown. All processes of the sandbox must be gone.
    pub(super) fn close(mut self) {
        if let Some(output) = self.output.take() {
            // It does not panic, and if it did, nothing could be shown any more.
            let _ = output.join();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Whether the terminal is ours to change and to read. One that controls nobody is.
fn is_foreground(terminal: &OwnedFd) -> bool {
    tcgetpgrp(terminal).map_or(true, |group| group == getpgrp())
}

/// Shows what comes out of the sandbox's terminal until nobody has it any more.
fn show(inner: &OwnedFd) {
    let mut stdout = io::stdout();
    let mut buffer = [0; 16 << 10];
    loop {
        match read(inner, &mut buffer) {
            Ok(length @ 1..) => {
                let text = buffer.get(..length).unwrap_or_default();
                // A terminal that is gone shows nothing, and the command need not wait for it.
                let _ = stdout.write_all(text).and_then(|()| stdout.flush());
            }
            Err(Errno::EAGAIN) => {
                // Where waiting fails, reading tells why.
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
