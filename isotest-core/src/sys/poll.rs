//! Waits for descriptors until a point in time: `poll(2)`.

use super::clock::{self, Instant};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// Makes a source for [`wait_for`]: that `descriptor` can be read, or is at its end.
pub fn readable(descriptor: &impl AsFd) -> PollFd<'_> {
    PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)
}

/// Returns whether the last [`wait_for`] ended because of this source, among others.
pub fn is_ready(source: &PollFd<'_>) -> bool {
    // Bits that this library does not name still mean that there is an event.
    source.any().is_none_or(|any| any)
}

/// Time in milliseconds after which a wait looks again whether a clock that stands goes on.
const STANDING_MILLISECONDS: u8 = 100;

/// Waits until some of `sources` are ready, and returns their number, or until `deadline`, and returns 0. The time
/// does not pass while the clock stands. Without a deadline the wait has no end of its own. It goes on where a signal
/// interrupts it.
///
/// # Errors
/// Errors of poll(2) but `EINTR`.
pub fn wait_for(sources: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<usize> {
    loop {
        let mut timeout = timeout(deadline, Instant::now());
        if clock::stands() && timeout > PollTimeout::ZERO {
            timeout = timeout.max(PollTimeout::from(STANDING_MILLISECONDS));
        }
        match poll(sources, timeout) {
            // The time until the deadline was longer than one call may wait.
            Ok(0) if deadline.is_none_or(|deadline| Instant::now() < deadline) => {}
            Ok(ready) => return usize::try_from(ready).map_err(io::Error::other),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns how long one call may wait for `deadline`, which may be never. The time is rounded up, so that the call
/// does not return a moment too early again and again.
fn timeout(deadline: Option<Instant>, now: Instant) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(now);
    if left.is_zero() {
        return PollTimeout::ZERO;
    }
    PollTimeout::try_from(left.saturating_add(Duration::from_millis(1))).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    use nix::unistd::{getpid, gettid, pipe};
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn a_wait_is_never_shorter_than_what_is_left() {
        let now = Instant::now();
        let until = |time| timeout(Some(now + time), now);
        assert_eq!(timeout(None, now), PollTimeout::NONE);
        assert_eq!(until(Duration::ZERO), PollTimeout::ZERO);
        assert_eq!(until(Duration::from_micros(1)), PollTimeout::from(1_u8));
        assert_eq!(until(Duration::from_micros(1500)), PollTimeout::from(2_u8));
        assert_eq!(until(Duration::from_secs(1 << 40)), PollTimeout::MAX);
        let past = now + Duration::from_secs(1);
        assert_eq!(timeout(Some(now), past), PollTimeout::ZERO);
    }

    #[test]
    fn what_is_ready_is_told_apart() {
        let (quiet, _quiet) = pipe().unwrap();
        let (ended, other) = pipe().unwrap();
        drop(other);
        let mut sources = [readable(&quiet), readable(&ended)];
        assert_eq!(wait_for(&mut sources, None).unwrap(), 1);
        assert_eq!(sources.map(|source| is_ready(&source)), [false, true]);
    }

    extern "C" fn nothing(_: libc::c_int) {}

    /// Returns whether `wait`, of a thread that gets a signal while it waits, lasted until its deadline.
    fn lasts(wait: fn(Instant)) -> bool {
        let time = Duration::from_millis(300);
        let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing, and without `SA_RESTART` interrupts what it comes upon.
        unsafe { sigaction(Signal::SIGURG, &action) }.unwrap();
        let (begins, began) = mpsc::channel();
        let waits = thread::spawn(move || {
            let deadline = Instant::now() + time;
            begins.send(gettid()).unwrap();
            wait(deadline);
            Instant::now() >= deadline
        });
        let thread = began.recv().unwrap();
        thread::sleep(time / 3);
        // SAFETY: takes numbers only.
        let sent =
            unsafe { libc::syscall(libc::SYS_tgkill, getpid().as_raw(), thread.as_raw(), libc::SIGURG) };
        assert_eq!(sent, 0);
        waits.join().unwrap()
    }

    #[test]
    fn a_signal_ends_no_wait() {
        assert!(lasts(|deadline| assert_eq!(wait_for(&mut [], Some(deadline)).unwrap(), 0)));
        let once =
            |deadline| assert_eq!(poll(&mut [], timeout(Some(deadline), Instant::now())), Err(Errno::EINTR));
        assert!(!lasts(once), "control: poll(2) is interrupted");
    }
}
