//! Threads of this program: their stacks do not have the size of `RUST_MIN_STACK`, which is meant for the tests.

use std::thread::Builder;

/// Size of a thread's stack in bytes, the default without that variable.
const STACK: usize = 2 << 20;

/// Returns a builder of a thread.
pub(crate) fn builder() -> Builder {
    Builder::new().stack_size(STACK)
}
