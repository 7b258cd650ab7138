//! Signal dispositions back to their defaults, as a program expects them at its start; and sending signals.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;

/// `signal(2)` with `SIG_DFL` for every signal whose disposition can be changed.
///
/// # Errors
/// Those of signal(2) but `EINVAL`, which says that a signal cannot be changed.
pub(crate) fn reset_all() -> io::Result<()> {
    (1..=libc::SIGRTMAX()).try_for_each(reset)
}

/// The same for one signal.
///
/// # Errors
/// Those of signal(2) but `EINVAL`.
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

/// kill(2) with any signal number: the `nix` crate's knows no real-time signals.
///
/// # Errors
/// Those of kill(2).
pub(crate) fn send(pid: libc::pid_t, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: kill demands nothing of its caller.
    super::checked(unsafe { libc::kill(pid, signal) }.into()).map(drop)
}

/// `SIGPIPE` is ignored, as every Rust program has it.
///
/// # Errors
/// Those of signal(2).
pub(crate) fn ignore_pipe() -> io::Result<()> {
    // SAFETY: SIG_IGN installs no code.
    let previous = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    if previous == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A signal that does what it does by default, until it is restored.
#[derive(Debug)]
pub struct ByDefault {
    signal: Signal,
    before: SigAction,
}

impl ByDefault {
    /// Has the signal do so.
    ///
    /// # Errors
    /// Those of sigaction(2).
    pub fn new(signal: libc::c_int) -> io::Result<Self> {
        let signal = Signal::try_from(signal)?;
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default installs no code that would have to be fit for a signal handler.
        let before = unsafe { sigaction(signal, &default) }?;
        Ok(Self { signal, before })
    }

    /// Has it do what it did before.
    ///
    /// # Errors
    /// Those of sigaction(2).
    pub fn restore(self) -> io::Result<()> {
        // SAFETY: whatever was installed was fit for it then.
        unsafe { sigaction(self.signal, &self.before) }?;
        Ok(())
    }
}

/// raise(3): for the calling thread, which has it when this returns.
///
/// # Errors
/// Those of raise(3).
pub(crate) fn raise(signal: libc::c_int) -> io::Result<()> {
    Ok(nix::sys::signal::raise(Signal::try_from(signal)?)?)
}
