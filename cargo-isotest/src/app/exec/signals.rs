//! Signals to us while we attend to a command: they wait in a descriptor, and most are for the command.

use crate::schedule::interrupt;
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// These say that this very program is broken, and nobody sends them.
const FAULTS: [Signal; 5] =
    [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGILL, Signal::SIGFPE, Signal::SIGTRAP];

/// `si_code` of what the kernel sends by itself, such as a terminal's signals (sigaction(2)).
const SI_KERNEL: i32 = 0x80;

/// Signals of this process but those that somebody had it ignore.
#[derive(Debug)]
pub(super) struct Signals(SignalFd);

/// Signal that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    /// Its number.
    pub(super) number: i32,
    /// Whether the kernel sent it to a whole process group, as it does for a key.
    pub(super) to_group: bool,
}

impl Signals {
    /// Takes them. Call it while there is one thread; the threads to come are then left alone by signals.
    pub(super) fn take() -> io::Result<Self> {
        let mut taken = SigSet::all();
        for signal in Signal::iterator() {
            if FAULTS.contains(&signal) || interrupt::is_ignored(signal as i32) {
                taken.remove(signal);
            }
        }
        taken.thread_block()?;
        Ok(Self(SignalFd::with_flags(&taken, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// Readable when there is one.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The next one, if there is one.
    pub(super) fn next(&self) -> io::Result<Option<Received>> {
        let info = self.0.read_signal()?;
        Ok(info.map(|info| Received {
            number: i32::try_from(info.ssi_signo).unwrap_or_default(),
            to_group: info.ssi_code == SI_KERNEL,
        }))
    }
}

/// Stops this process, or its whole group, by this signal, and returns when it goes on.
pub(super) fn stop(signal: i32, group: bool) -> io::Result<()> {
    let signal = Signal::try_from(signal)?;
    let send = || if group { kill(Pid::from_raw(0), signal) } else { raise(signal) };
    if signal == Signal::SIGSTOP {
        return Ok(send()?);
    }
    let mut only = SigSet::empty();
    only.add(signal);
    send()?;
    // It has waited until now.
    only.thread_unblock()?;
    only.thread_block()?;
    Ok(())
}
