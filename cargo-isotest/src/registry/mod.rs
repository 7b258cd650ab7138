//! Which attempts are running now, for whoever may ask.

mod answer;
mod ask;
mod running;
mod serve;

pub(crate) use answer::{Answer, Present};
pub(crate) use ask::{Asked, ask_all};
pub(crate) use running::Roster;
pub(crate) use serve::Listener;
