//! Supervisor, which is the calling program: it orders sandboxes, watches what runs in them, and ends them.

mod attempt;
mod cancel;
mod capture;
mod join;
mod memory_watch;
mod prepared;
mod slot;
mod standstill;

pub use attempt::{Attempt, Heard};
pub use cancel::Cancel;
pub use join::Running;
pub use slot::Slot;
pub(crate) use slot::Zygote;
pub use standstill::{Standstill, stop_this_process};
