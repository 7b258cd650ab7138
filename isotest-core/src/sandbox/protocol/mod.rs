//! Messages between the processes of a sandbox.

pub(crate) mod channel;
pub(crate) mod part;
