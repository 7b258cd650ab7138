//! Ends everything at once, from any thread.

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Switch that every waiting slot sees. It is thrown once.
#[derive(Debug)]
pub struct Cancel {
    thrown: AtomicBool,
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
        Ok(Self { thrown: AtomicBool::new(false), watched, held: Mutex::new(Some(held)) })
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

    /// Returns whether the switch has been thrown.
    pub fn is_thrown(&self) -> bool {
        self.thrown.load(Ordering::SeqCst)
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.watched.as_fd()
    }
}
