//! Signals to this process while it attends to a command: they are queued in a descriptor, and most are passed on to
//! the command.

use crate::schedule::interrupt;
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Signals that report a fault of this program itself, and that nobody sends.
const FAULTS: [Signal; 5] =
    [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGILL, Signal::SIGFPE, Signal::SIGTRAP];

/// Value of `si_code` for signals that the kernel sends by itself, such as those of a terminal (sigaction(2)).
const SI_KERNEL: i32 = 0x80;

/// Descriptor of the signals of this process, without those that it inherited as ignored.
#[derive(Debug)]
pub(super) struct Signals(SignalFd);

/// Received signal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    /// Number of the signal.
    pub(super) number: i32,
    /// Whether the kernel sent it to a whole process group, as it does for a key.
    pub(super) to_group: bool,
}

impl Signals {
    /// Blocks the signals and opens the descriptor. Call it while there is one thread; later threads inherit the
    /// mask.
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

    /// Returns the descriptor, which is readable when a signal is queued.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Returns the next queued signal, if there is one.
    pub(super) fn next(&self) -> io::Result<Option<Received>> {
        let info = self.0.read_signal()?;
        Ok(info.map(|info| Received {
            number: i32::try_from(info.ssi_signo).unwrap_or_default(),
            to_group: info.ssi_code == SI_KERNEL,
        }))
    }
}

/// Stops this process, or its whole group, with this signal, and returns when it is continued.
pub(super) fn stop(signal: i32, group: bool) -> io::Result<()> {
    let signal = Signal::try_from(signal)?;
    let send = || if group { kill(Pid::from_raw(0), signal) } else { raise(signal) };
    if signal == Signal::SIGSTOP {
        return Ok(send()?);
    }
    let mut only = SigSet::empty();
    only.add(signal);
    send()?;
    // The blocked signal is delivered here, and stops this process.
    only.thread_unblock()?;
    only.thread_block()?;
    Ok(())
}
