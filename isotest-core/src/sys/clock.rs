//! Keeps the clock of a run. It stands still while the run is stopped, for the supervisor and for every process that
//! follows it: a deadline of whatever process of the run is as far away after the stop as before.

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::ftruncate;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::num::NonZero;
use std::ops::Add;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bit of the shared word that is set while the clock stands.
const STANDS: u64 = 1 << 63;

/// Word that all processes of a run share: nanoseconds for which the run has been stopped, or if [`STANDS`] is set
/// the nanoseconds at which the clock stands.
static WORD: OnceLock<&'static AtomicU64> = OnceLock::new();

/// Descriptor of the memory by which other processes follow the clock.
static DESCRIPTOR: OnceLock<OwnedFd> = OnceLock::new();

/// Moment on the clock of the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(Duration);

impl fmt::Debug for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

impl Instant {
    /// Returns the present moment.
    pub fn now() -> Self {
        let Some(word) = WORD.get() else { return Self(monotonic()) };
        loop {
            let before = word.load(Ordering::SeqCst);
            let real = monotonic();
            // If this process was stopped between the two reads, its time would be wrong: the read is repeated.
            if before == word.load(Ordering::SeqCst) {
                return Self(shown(before, real));
            }
        }
    }

    /// Returns the time since this moment.
    pub fn elapsed(self) -> Duration {
        Self::now().saturating_duration_since(self)
    }

    /// Returns the time from `earlier` to this moment; nothing if that is later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the moment that is later by `time`; `None` if nobody can count so far.
    pub fn checked_add(self, time: Duration) -> Option<Self> {
        self.0.checked_add(time).map(Self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }
}

/// Returns what the clock shows, given the shared word and the time that no stop holds up.
fn shown(word: u64, real: Duration) -> Duration {
    let nanoseconds = Duration::from_nanos(word & !STANDS);
    if word & STANDS == 0 { real.saturating_sub(nanoseconds) } else { nanoseconds }
}

/// Returns a time that goes on whatever happens to the run.
fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX) & !STANDS
}

/// Returns the descriptor that another process has to be given to [`follow`] the clock.
///
/// # Errors
/// When there is no descriptor or no memory for it.
pub(crate) fn descriptor() -> io::Result<BorrowedFd<'static>> {
    if let Some(shared) = DESCRIPTOR.get() {
        return Ok(shared.as_fd());
    }
    let made = memfd_create(c"isotest-clock", MFdFlags::MFD_CLOEXEC)?;
    ftruncate(&made, size_of::<AtomicU64>().try_into().map_err(io::Error::other)?)?;
    // If several threads come here at once, all use the clock of the first.
    let shared = DESCRIPTOR.get_or_init(|| made).as_fd();
    let word = map(shared)?;
    WORD.get_or_init(|| word);
    Ok(shared)
}

/// Makes this process go by the clock of another from here on.
///
/// # Errors
/// Errors of mmap(2).
pub(crate) fn follow(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let word = map(descriptor)?;
    WORD.get_or_init(|| word);
    Ok(())
}

/// Stops the clock, for everybody who follows it.
///
/// # Errors
/// When the clock is nobody else's yet, and cannot be shared.
pub fn stop() -> io::Result<()> {
    descriptor()?;
    if let Some(word) = WORD.get() {
        let stands = word.load(Ordering::SeqCst) & STANDS != 0;
        if !stands {
            word.store(STANDS | nanoseconds(Instant::now().0), Ordering::SeqCst);
        }
    }
    Ok(())
}

/// Lets the clock go on where it stands.
pub fn go_on() {
    if let Some(word) = WORD.get().filter(|_| stands()) {
        let shown = Duration::from_nanos(word.load(Ordering::SeqCst) & !STANDS);
        word.store(nanoseconds(monotonic().saturating_sub(shown)), Ordering::SeqCst);
    }
}

/// Returns whether the clock stands.
pub fn stands() -> bool {
    WORD.get().is_some_and(|word| word.load(Ordering::SeqCst) & STANDS != 0)
}

/// Maps the shared word, into memory that is never given back.
fn map(descriptor: BorrowedFd<'_>) -> io::Result<&'static AtomicU64> {
    let length = NonZero::new(size_of::<AtomicU64>()).ok_or(io::ErrorKind::InvalidInput)?;
    let address: NonNull<AtomicU64> = super::memory::map_shared(descriptor, length)?.cast();
    // SAFETY: the kernel maps whole pages, of which nothing else is in this process, and never takes them back by itself; all
    // who have them use them as this atomic number.
    Ok(unsafe { address.as_ref() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    #[test]
    fn a_clock_shows_what_it_stands_at_and_goes_on_from_there() {
        let at = Duration::from_secs;
        assert_eq!(shown(0, at(100)), at(100));
        let stands = STANDS | nanoseconds(at(100));
        assert_eq!((shown(stands, at(100)), shown(stands, at(107))), (at(100), at(100)));
        assert_eq!(shown(nanoseconds(at(7)), at(107)), at(100));
    }

    #[test]
    fn nothing_is_lost_of_the_time_around_a_stop() -> io::Result<()> {
        // The clock of this process is that of other tests, too, which are late by this.
        let (time, real) = (Duration::from_millis(60), monotonic());
        let began = Instant::now();
        stop()?;
        let stopped = Instant::now();
        sleep(time);
        assert!(stands());
        assert_eq!(Instant::now(), stopped);
        go_on();
        let elapsed = began.elapsed();
        assert!(!stands());
        assert!(elapsed + time <= monotonic().saturating_sub(real), "{elapsed:?}");
        sleep(time);
        assert!(began.elapsed() >= time, "control: it goes on");
        Ok(())
    }
}
