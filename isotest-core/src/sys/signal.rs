//! Signal dispositions back to their defaults, as a program expects them at its start.

use std::io;

/// `signal(2)` with `SIG_DFL` for every signal whose disposition can be changed.
///
/// # Errors
/// None in practice: signals that cannot be changed are passed over.
pub(crate) fn reset_dispositions() -> io::Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL installs no code; the process is about to execute another program.
        let previous = unsafe { libc::signal(signal, libc::SIG_DFL) };
        if previous == libc::SIG_ERR && io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL) {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// `signal(2)` with `SIG_IGN`.
///
/// # Errors
/// `EINVAL` for a signal that cannot be ignored.
pub(crate) fn ignore(signal: libc::c_int) -> io::Result<()> {
    // SAFETY: SIG_IGN installs no code.
    let previous = unsafe { libc::signal(signal, libc::SIG_IGN) };
    if previous == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}
