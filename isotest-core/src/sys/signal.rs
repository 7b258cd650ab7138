//! Sets signal dispositions back to their defaults, as a program expects them at its start, and sends signals.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;

/// Sets every signal whose disposition can be changed to its default: `signal(2)` with `SIG_DFL`.
///
/// # Errors
/// Errors of signal(2) but `EINVAL`, which says that a signal cannot be changed.
pub(crate) fn reset_all() -> io::Result<()> {
    (1..=libc::SIGRTMAX()).try_for_each(reset)
}

/// Sets one signal to its default, if its disposition can be changed.
///
/// # Errors
/// Errors of signal(2) but `EINVAL`.
pub(crate) fn reset(signal: libc::c_int) -> io::Result<()> {
    // SAFETY: SIG_DFL installs no code that would have to be fit for a signal handler.
    let previous = unsafe { libc::signal(signal, libc::SIG_DFL) };
    if previous != libc::SIG_ERR {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        error => Err(error),
    }
}

/// Sends any signal number, with kill(2): the `nix` crate's knows no real-time signals.
///
/// # Errors
/// Errors of kill(2).
pub(crate) fn send(pid: libc::pid_t, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: kill demands nothing of its caller.
    super::checked(unsafe { libc::kill(pid, signal) }.into()).map(drop)
}

/// Ignores `SIGPIPE`, as every Rust program does.
///
/// # Errors
/// Errors of signal(2).
pub(crate) fn ignore_pipe() -> io::Result<()> {
    // SAFETY: SIG_IGN installs no code.
    let previous = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    if previous == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Signal that does what it does by default, until it is restored.
#[derive(Debug)]
pub struct ByDefault {
    signal: Signal,
    before: SigAction,
}

impl ByDefault {
    /// Makes the signal do what it does by default.
    ///
    /// # Errors
    /// Errors of sigaction(2).
    pub fn new(signal: libc::c_int) -> io::Result<Self> {
        let signal = Signal::try_from(signal)?;
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default installs no code that would have to be fit for a signal handler.
        let before = unsafe { sigaction(signal, &default) }?;
        Ok(Self { signal, before })
    }

    /// Makes the signal do what it did before.
    ///
    /// # Errors
    /// Errors of sigaction(2).
    pub fn restore(self) -> io::Result<()> {
        // SAFETY: whatever was installed was fit for it then.
        unsafe { sigaction(self.signal, &self.before) }?;
        Ok(())
    }
}

/// Sends a signal to the calling thread, which has it when this returns, with raise(3).
///
/// # Errors
/// Errors of raise(3).
pub(crate) fn raise(signal: libc::c_int) -> io::Result<()> {
    Ok(nix::sys::signal::raise(Signal::try_from(signal)?)?)
}
