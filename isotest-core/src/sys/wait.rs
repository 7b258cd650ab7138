//! Waits for children with `waitpid(2)` and any signal number: the `nix` crate's knows no real-time signals.

use nix::unistd::Pid;
use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

/// Change of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Exit of the child with this status.
    Exited(i32),
    /// End of the child by this signal.
    Signaled(i32),
    /// Stop of the child by this signal.
    Stopped(i32),
}

/// Answer of waitpid(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Change of a child.
    Changed(Pid, Change),
    /// Answer that there are children, and none has changed.
    Nothing,
    /// Answer that there are no children.
    NoChildren,
}

/// Waits for any child with waitpid(2); interrupted calls are repeated.
///
/// # Errors
/// Errors of waitpid(2) but `ECHILD` and `EINTR`.
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

/// Returns the signal of the next stop of a child, with waitid(2); `None` when it has ended, or is none. Does not
/// reap it.
pub(crate) fn stop_of_child(child: i32) -> Option<i32> {
    let child = u32::try_from(child).ok()?;
    loop {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: waitid fills in one siginfo_t, which outlives the call.
        let returned = unsafe { libc::waitid(libc::P_PID, child, info.as_mut_ptr(), libc::WSTOPPED) };
        if returned == 0 {
            // SAFETY: all of it was zero, which is a siginfo_t, before the kernel filled in its own.
            let info = unsafe { info.assume_init() };
            // SAFETY: the kernel has filled in what belongs to a child that stopped.
            return Some(unsafe { info.si_status() });
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return None;
        }
    }
}

/// Resources that a process has used itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// Processor time outside the kernel.
    pub(crate) user: Duration,
    /// Processor time in the kernel.
    pub(crate) system: Duration,
    /// Page faults of both kinds.
    pub(crate) faults: u64,
}

/// Reaps with wait4(2) a child that was started without an exit signal, as a minder is, and returns what it has used.
///
/// # Errors
/// Errors of wait4(2) but `EINTR`.
pub(crate) fn reap_minder(minder: Pid) -> io::Result<Used> {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        let mut status = 0;
        let (pid, flags) = (minder.as_raw(), libc::__WCLONE);
        // SAFETY: both places outlive the call.
        let returned = unsafe { libc::wait4(pid, &raw mut status, flags, usage.as_mut_ptr()) };
        match super::checked(returned.into()) {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // SAFETY: it consists of numbers, and was zero before the kernel filled it in.
    let usage = unsafe { usage.assume_init() };
    let count = |number: libc::c_long| u64::try_from(number).unwrap_or_default();
    let time = |time: libc::timeval| {
        Duration::from_secs(count(time.tv_sec)) + Duration::from_micros(count(time.tv_usec))
    };
    let faults = count(usage.ru_minflt) + count(usage.ru_majflt);
    Ok(Used { user: time(usage.ru_utime), system: time(usage.ru_stime), faults })
}
