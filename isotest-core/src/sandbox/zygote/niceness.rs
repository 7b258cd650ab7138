//! Gives the sessions of attempts the caller's niceness.

use crate::niceness::{SESSION, of_caller};
use crate::sys::clock::Instant;
use crate::sys::{readable, wait_for};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Time for which the kernel refuses any user a second change.
const PAUSE: Duration = Duration::from_millis(110);

/// Niceness that sessions are to have, and those that do not have it yet.
#[derive(Debug)]
pub(super) struct Niceness {
    value: i64,
    waiting: Vec<File>,
}

impl Niceness {
    /// Reads the niceness of the present session and process. `None` if that of a new session is the same.
    pub(super) fn of_caller() -> Option<Self> {
        let value = of_caller();
        (value != 0).then(|| Self { value, waiting: Vec::new() })
    }

    /// Gives the session that a process leads, by its number in `proc`, this niceness. The session of a user who
    /// may not change it yet waits, see [`Self::wait_with`].
    pub(super) fn keep_in(&mut self, proc: &File, process: &str) {
        let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        // The file exists only in kernels with `CONFIG_SCHED_AUTOGROUP`.
        if let Ok(file) = openat(proc, format!("{process}/{SESSION}").as_str(), flags, Mode::empty()) {
            self.waiting.push(file.into());
        }
        self.tell();
    }

    /// Waits for orders, or for their end, and sets the niceness of sessions meanwhile.
    pub(super) fn wait_with(&mut self, orders: &UnixStream) -> io::Result<()> {
        while !self.waiting.is_empty()
            && wait_for(&mut [readable(orders)], Some(Instant::now() + PAUSE))? == 0
        {
            self.tell();
        }
        Ok(())
    }

    fn tell(&mut self) {
        let text = self.value.to_string();
        // A session that has ended, or may not be less nice than others, is left as it is.
        self.waiting.retain_mut(|file| {
            file.write(text.as_bytes()).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        });
    }
}
