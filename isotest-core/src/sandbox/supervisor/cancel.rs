//! Ends everything, from any thread.

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Switch that every waiting slot sees. It is thrown once.
#[derive(Debug)]
pub struct Cancel {
    thrown: AtomicBool,
    /// Signal by which attempts are told to end before they are killed; 0 for none.
    signal: AtomicI32,
    watched: OwnedFd,
    held: Mutex<Option<OwnedFd>>,
}

impl Cancel {
    /// Makes a switch that is not thrown.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub fn new() -> io::Result<Self> {
        let (watched, held) = pipe2(OFlag::O_CLOEXEC)?;
        let held = Mutex::new(Some(held));
        Ok(Self { thrown: AtomicBool::new(false), signal: AtomicI32::new(0), watched, held })
    }

    /// Throws the switch: every attempt that is running is killed, and none is started any more.
    pub fn throw(&self) {
        self.thrown.store(true, Ordering::SeqCst);
        // Closing this end of the pipe wakes all threads that poll the other.
        match self.held.lock() {
            Ok(mut held) => drop(held.take()),
            Err(poisoned) => drop(poisoned.into_inner().take()),
        }
    }

    /// Throws the switch, too, unless it is thrown: the process group of every attempt that is running gets this signal,
    /// and what is left of it after the grace of its [time limit](crate::plan::Timeout), or after the usual one, is
    /// killed. None is started any more.
    pub fn throw_by(&self, signal: i32) {
        if !self.is_thrown() {
            self.signal.store(signal, Ordering::SeqCst);
            self.throw();
        }
    }

    /// Returns the signal by which the switch was thrown, if it was thrown by one.
    pub(super) fn signal(&self) -> Option<i32> {
        Some(self.signal.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }

    /// Returns whether the switch has been thrown.
    pub fn is_thrown(&self) -> bool {
        self.thrown.load(Ordering::SeqCst)
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.watched.as_fd()
    }
}
