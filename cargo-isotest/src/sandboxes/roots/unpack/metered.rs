//! Reader with a byte budget: the tar library reads names and attributes of any length into memory.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Byte budget of a reader, and whether it was exhausted.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    left: Rc<Cell<u64>>,
    ended: Rc<Cell<bool>>,
}

impl Meter {
    /// Sets the budget.
    pub(super) fn allow(&self, bytes: u64) {
        self.left.set(bytes);
    }

    /// Returns whether the budget is exhausted.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    /// Returns whether the end of the file was read.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }
}

/// Reader with a byte budget.
#[derive(Debug)]
pub(super) struct Metered<R> {
    from: R,
    meter: Meter,
}

impl<R> Metered<R> {
    /// Creates a reader with an empty budget, and its budget.
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
