//! `waitpid(2)` with any signal number: the `nix` crate's knows no real-time signals.

use nix::unistd::Pid;
use std::io;

/// What became of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It exited with this status.
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
    /// This signal stopped it.
    Stopped(i32),
}

/// The answer of waitpid(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A child changed.
    Changed(Pid, Change),
    /// There are children, and none has changed.
    Nothing,
    /// There are no children.
    NoChildren,
}

/// waitpid(2) for any child; interrupted calls are repeated.
///
/// # Errors
/// Those of waitpid(2) but `ECHILD` and `EINTR`.
pub(crate) fn any_child(flags: libc::c_int) -> io::Result<Wait> {
    loop {
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        let returned = unsafe { libc::waitpid(-1, &raw mut status, flags) };
        if returned < 0 {
            match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::ECHILD) => return Ok(Wait::NoChildren),
                error if error.kind() == io::ErrorKind::Interrupted => continue,
                error => return Err(error),
            }
        }
        if returned == 0 {
            return Ok(Wait::Nothing);
        }
        let pid = Pid::from_raw(returned);
        if libc::WIFEXITED(status) {
            return Ok(Wait::Changed(pid, Change::Exited(libc::WEXITSTATUS(status))));
        }
        if libc::WIFSIGNALED(status) {
            return Ok(Wait::Changed(pid, Change::Signaled(libc::WTERMSIG(status))));
        }
        if libc::WIFSTOPPED(status) {
            return Ok(Wait::Changed(pid, Change::Stopped(libc::WSTOPSIG(status))));
        }
    }
}
