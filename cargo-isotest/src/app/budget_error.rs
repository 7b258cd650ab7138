//! Error of the budgets of a run.

use crate::budget::Origin;
use crate::error::Failure;
use crate::exit::{End, Exit};
use crate::remedy::{Obstacle, Remedy};

/// Error of budgets: they cannot be read, or not be judged here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BudgetError {
    /// A metric is not measured, or a limit not enforced.
    #[error("this host cannot hold tests to their budgets: {}", listed(.obstacles))]
    Unmeasured {
        /// Metrics, each with its reason.
        obstacles: Vec<Obstacle>,
        /// Remedies.
        remedies: Vec<Remedy>,
    },
    /// A memory budget is smaller than what a peak can be too high by.
    #[error(
        "the memory budget of {limit} bytes at {origin} is too small to be judged: on a machine with {processors} CPUs a peak is \
         measured to {grain} bytes"
    )]
    Small {
        /// Budget in bytes.
        limit: u64,
        /// Place where it is written.
        origin: Origin,
        /// Number of processors that the kernel counts for.
        processors: u64,
        /// What a peak can be too high by, in bytes.
        grain: u64,
    },
    /// The budgets in a test binary cannot be read.
    #[error("cannot read the budgets of `{binary_id}`")]
    Unreadable {
        /// Id of the binary.
        binary_id: String,
        /// Reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Failure for BudgetError {
    fn end(&self) -> End {
        match self {
            Self::Unmeasured { .. } => Exit::CannotIsolate.into(),
            Self::Small { .. } => Exit::Usage.into(),
            Self::Unreadable { .. } => Exit::Listing.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unmeasured { .. } => {
                "`--budgets report` executes the tests and says what of their budgets they used".into()
            }
            Self::Small { grain, .. } => {
                format!("raise the budget to more than {grain} bytes, or go on with `--budgets report`")
            }
            Self::Unreadable { .. } => {
                "use the same version of isotest-core and cargo-isotest, or go on with `--budgets off`".into()
            }
        })
    }

    fn remedies(&self) -> &[Remedy] {
        match self {
            Self::Unmeasured { remedies, .. } => remedies,
            Self::Small { .. } | Self::Unreadable { .. } => &[],
        }
    }
}

/// Returns each metric with its reason.
fn listed(obstacles: &[Obstacle]) -> String {
    let named =
        obstacles.iter().map(|obstacle| format!("no `{}` ({})", obstacle.capability, obstacle.reason));
    named.collect::<Vec<_>>().join("; ")
}
