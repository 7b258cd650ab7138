//! Errors about running attempts.

use crate::error::Failure;
use crate::exit::{End, Exit};

/// Error about a running attempt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttemptError {
    /// The attempt is not running.
    #[error("no attempt `{wanted}` of yours is running")]
    NotRunning {
        /// Name that was asked for.
        wanted: String,
    },
    /// The attempt belongs to another user, whom root does not join.
    #[error("`{wanted}` belongs to user {uid}, and what runs there could take over whoever enters it")]
    NotOurs {
        /// Name that was asked for.
        wanted: String,
        /// User id of the owner.
        uid: u32,
    },
    /// The attempt ended while its sandbox was entered.
    #[error("`{wanted}` has ended, and with it everything in its sandbox")]
    Ended {
        /// Name that was asked for.
        wanted: String,
    },
    /// Several attempts have the name.
    #[error("`{wanted}` is running more than once: {}", .ids.join(", "))]
    Several {
        /// Name that was asked for.
        wanted: String,
        /// Ids of the attempts.
        ids: Vec<String>,
    },
}

impl Failure for AttemptError {
    fn end(&self) -> End {
        match self {
            Self::NotRunning { .. } | Self::NotOurs { .. } | Self::Ended { .. } => Exit::NoTests.into(),
            Self::Several { .. } => Exit::Usage.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotRunning { .. } | Self::Ended { .. } => {
                "`cargo isotest ps` names those that are running".into()
            }
            Self::NotOurs { uid, .. } => {
                format!("enter it as that user: `sudo -u '#{uid}' cargo isotest exec --join ..`")
            }
            Self::Several { .. } => "name one of them by its id".into(),
        })
    }
}
