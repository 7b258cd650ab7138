//! What the processes of a sandbox say to each other.

pub(crate) mod channel;
pub(crate) mod part;
