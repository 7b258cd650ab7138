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
    #[error(
        "`{wanted}` belongs to user {uid}: a process that joins it as root could be taken over by what runs there"
    )]
    NotOurs {
        /// Name that was asked for.
        wanted: String,
        /// User id of the owner.
        uid: u32,
    },
    /// The attempt ended while its sandbox was entered.
    #[error("the attempt `{wanted}` has ended, and its sandbox is gone")]
    Ended {
        /// Name that was asked for.
        wanted: String,
    },
    /// Several attempts have the name.
    #[error("several attempts at `{wanted}` are running: {}", .ids.join(", "))]
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
                "`cargo isotest ps` lists the attempts that are running".into()
            }
            Self::NotOurs { uid, .. } => {
                format!("join it as that user: `sudo -u '#{uid}' cargo isotest exec --join ..`")
            }
            Self::Several { .. } => "give the id of one of them".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{each_variant, is_as_kept};

    #[test]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let wanted = || "4211.7".to_owned();
        let text = each_variant!(AttemptError {
            AttemptError::NotRunning { .. } => [AttemptError::NotRunning { wanted: wanted() }],
            AttemptError::NotOurs { .. } => [AttemptError::NotOurs { wanted: wanted(), uid: 1000 }],
            AttemptError::Ended { .. } => [AttemptError::Ended { wanted: wanted() }],
            AttemptError::Several { .. } =>
                [AttemptError::Several { wanted: "reads".to_owned(), ids: vec![wanted(), "4213.1".to_owned()] }],
        });
        is_as_kept("attempts", text);
    }
}
