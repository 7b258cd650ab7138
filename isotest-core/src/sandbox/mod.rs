//! One attempt in one sandbox, from a plan to a record. Obeys; every decision was made in [`crate::plan`].

mod attempt;
mod attended;
mod cancel;
mod capture;
mod changes;
mod channel;
mod guest;
mod hint;
mod init;
mod join;
mod layers;
mod leftovers;
mod mounts;
mod network;
pub(crate) mod part;
mod prepared;
mod sampler;
mod slot;
pub mod step;
mod stores;
mod terminal;
mod trace;
mod tree;
mod watch;
mod workload;
pub(crate) mod zygote;

pub use attempt::Attempt;
pub use attended::Heard;
pub use cancel::Cancel;
pub use hint::shortage;
pub use join::Running;
pub use slot::Slot;
pub use terminal::resize_like;
