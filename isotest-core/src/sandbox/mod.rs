//! Executes one attempt in one sandbox, from a plan to a record. Obeys; every decision was made in [`crate::plan`].
//!
//! Each process has a folder. One that starts another by copying itself names what the copy does, and none names a
//! process that starts it:
//!
//! ```text
//! layers, the highest first
//! 7 supervisor
//! 6 zygote
//! 5 init
//! 4 workload
//! 3 protocol
//! 2 network show_at
//! 1 in_common mounts netlink scratch_paths
//! ```
//!
//! The supervisor meets zygote and init over sockets only; it starts a guest, which is a copy of itself.

mod in_common;
mod init;
mod mounts;
mod netlink;
mod network;
pub(crate) mod protocol;
mod scratch_paths;
mod show_at;
mod supervisor;
mod workload;
pub(crate) mod zygote;

pub use show_at::{ShowError, ShownAt, show_at};
pub(crate) use supervisor::Zygote;
pub use supervisor::{Attempt, Cancel, Heard, Running, Slot, Standstill, stop_this_process};
pub use workload::terminal::resize_like;
