//! Which attempts are running now, for whoever may ask.

mod answer;
mod ask;
mod place;
mod running;
mod serve;

pub(crate) use answer::Present;
pub(crate) use ask::{Asked, Found, ask};
pub(crate) use running::{AttemptId, Roster, Started};
pub(crate) use serve::Listener;
