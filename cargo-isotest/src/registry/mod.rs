//! Registry of the runs in progress: each run answers requests on a socket about its running attempts.

mod answer;
mod ask;
mod live;
mod place;
mod running;
mod serve;

pub(crate) use answer::Present;
pub(crate) use ask::{Asked, Found, ask};
pub(crate) use live::Live;
pub(crate) use running::{AttemptId, Registry, Started};
pub(crate) use serve::Listener;
