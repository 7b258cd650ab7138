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

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::errors::each_variant;
    use snapbox::{assert_data_eq, str};

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
        assert_data_eq!(
            text,
            str![[r#"
error: no attempt `4211.7` of yours is running
 hint: `cargo isotest ps` names those that are running
  end: exit code 4 (NoTests)
error: `4211.7` belongs to user 1000, and what runs there could take over whoever enters it
 hint: enter it as that user: `sudo -u '#1000' cargo isotest exec --join ..`
  end: exit code 4 (NoTests)
error: `4211.7` has ended, and with it everything in its sandbox
 hint: `cargo isotest ps` names those that are running
  end: exit code 4 (NoTests)
error: `reads` is running more than once: 4211.7, 4213.1
 hint: name one of them by its id
  end: exit code 2 (Usage)

"#]]
        );
    }
}
