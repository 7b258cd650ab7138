//! A reader that gives no more than it is allowed to: the library for archives reads names and attributes into memory,
//! however long an archive says they are.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// How much may be read until it is allowed anew, and whether the end was met.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    left: Rc<Cell<u64>>,
    ended: Rc<Cell<bool>>,
}

impl Meter {
    /// Allows so many bytes more from here on.
    pub(super) fn allow(&self, bytes: u64) {
        self.left.set(bytes);
    }

    /// Whether all that was allowed has been read.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    /// Whether somebody has read beyond the end.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }
}

/// The reader.
#[derive(Debug)]
pub(super) struct Metered<R> {
    from: R,
    meter: Meter,
}

impl<R> Metered<R> {
    /// A reader from which nothing may be read yet, and what allows it.
    pub(super) fn new(from: R) -> (Self, Meter) {
        let meter = Meter::default();
        (Self { from, meter: meter.clone() }, meter)
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.meter.left.get();
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if most == 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let length = self.from.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.meter.left.set(left.saturating_sub(u64::try_from(length).unwrap_or_default()));
        self.meter.ended.set(self.meter.ended.get() || (length == 0 && most > 0));
        Ok(length)
    }
}
