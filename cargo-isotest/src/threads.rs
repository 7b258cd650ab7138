//! Threads of our own: their stacks are not of the size that `RUST_MIN_STACK` asks for, which is meant for the tests.

use std::thread::Builder;

/// As much as a thread has without that variable.
const STACK: usize = 2 << 20;

/// Makes a thread.
pub(crate) fn builder() -> Builder {
    Builder::new().stack_size(STACK)
}
