//! Error type of the budgets of a run.

use crate::budget::{Origin, RecordedError, SectionError};
use crate::error::Failure;
use crate::exit::{End, Exit};
use crate::remedy::{Obstacle, Remedy};
use crate::settings::Setting;
use crate::text::units::{self, plural};
use isotest_core::policy::Capability;
use std::io;
use std::path::PathBuf;

/// Error of budgets that cannot be read, or not be judged on this host.
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
    /// A metric was switched off by the user.
    #[error("cannot hold tests to their budgets: `{}` is off ({})", .off.value, .off.origin)]
    SwitchedOff {
        /// Metric, and the place where it was switched off.
        off: Setting<Capability>,
    },
    /// A memory budget is smaller than the measurement error of a peak.
    #[error(
        "the memory budget of {} at {origin} is too small to be checked: on a machine with {}, a peak is measured with an error of up to {}",
        units::limit(*.limit), plural(usize::try_from(*.processors).unwrap_or(usize::MAX), "CPU"), units::limit(*.grain)
    )]
    Small {
        /// Budget in bytes.
        limit: u64,
        /// Place where the budget is written.
        origin: Origin,
        /// Number of processors for which the kernel counts memory.
        processors: u64,
        /// Measurement error of a peak, in bytes.
        grain: u64,
    },
    /// A memory budget is smaller than what a test of the binary takes that does nothing.
    #[error(
        "the memory budget of {} at {origin} is too small for any test of `{binary_id}`: an empty one takes {}",
        units::limit(*.limit), units::memory(*.empty)
    )]
    BelowEmpty {
        /// Budget in bytes.
        limit: u64,
        /// Place where the budget is written.
        origin: Origin,
        /// Id of the binary.
        binary_id: String,
        /// Memory peak of the binary when it executes no test, in bytes.
        empty: u64,
    },
    /// The file of recorded budgets cannot be read or written.
    #[error("cannot use `{}`", .path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The file of recorded budgets contains something else than budgets.
    #[error("recorded budgets cannot be read")]
    Recorded(#[from] RecordedError),
    /// The file or revision to compare with cannot be read.
    #[error("cannot compare with `{revision}`: {why}")]
    Revision {
        /// Path or revision, as it was typed.
        revision: String,
        /// Reason why it cannot be read.
        why: String,
    },
    /// The commit since which a test needs more memory cannot be found.
    #[error("cannot find the commit since which a test needs more memory: {why}")]
    Blame {
        /// Reason why the commit cannot be found.
        why: String,
    },
    /// The selection has another number of tests than the one that the subcommand needs.
    #[error("`budgets need` takes one test, and {selected} are selected")]
    NotOne {
        /// Number of selected tests.
        selected: usize,
    },
    /// A test fails for other reasons than memory.
    #[error("cannot find how much memory `{test}` needs: {why}")]
    NeverPasses {
        /// Name of the test.
        test: String,
        /// Reason why the test fails.
        why: String,
    },
    /// The budgets in a test binary cannot be read.
    #[error("cannot read the budgets of `{binary_id}`")]
    Unreadable {
        /// Id of the binary.
        binary_id: String,
        /// Error of the section in the binary.
        source: SectionError,
    },
    /// The file that was named as a test binary is none, or cannot be read.
    #[error("cannot read the budgets of `{}`", .path.display())]
    Program {
        /// Path of the file.
        path: PathBuf,
        /// Error of the file or of the section in it.
        source: SectionError,
    },
}

impl Failure for BudgetError {
    fn end(&self) -> End {
        match self {
            Self::Unmeasured { .. } => Exit::CannotIsolate.into(),
            Self::SwitchedOff { off } if off.origin.is_of_file() => Exit::Configuration.into(),
            Self::File { .. } | Self::Recorded(_) => Exit::Configuration.into(),
            Self::NeverPasses { .. } => Exit::TestsFailed.into(),
            Self::SwitchedOff { .. }
            | Self::Small { .. }
            | Self::BelowEmpty { .. }
            | Self::Revision { .. }
            | Self::Blame { .. }
            | Self::Program { .. }
            | Self::NotOne { .. } => Exit::Usage.into(),
            Self::Unreadable { .. } => Exit::Listing.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File { .. } | Self::Recorded(_) | Self::NeverPasses { .. } | Self::Blame { .. } => {
                return None;
            }
            Self::Revision { .. } => "name a file, or a commit, a branch or a tag".into(),
            Self::NotOne { .. } => {
                "name the test as the report does: `cargo isotest budgets need 'BINARY NAME'`".into()
            }
            Self::Unmeasured { .. } => {
                "`cargo isotest --budgets report` runs the tests and shows their usage, without checking budgets".into()
            }
            Self::SwitchedOff { off } => {
                format!("drop {}, or run with `--budgets report`", off.origin.written(off.value))
            }
            Self::Small { grain, .. } => enough(*grain),
            Self::BelowEmpty { empty, .. } => enough(empty.next_multiple_of(1 << 20)),
            Self::Unreadable { source, .. } => hint(source, ", or run with `--budgets off`")?,
            Self::Program { source, .. } => hint(source, "")?,
        })
    }

    fn remedies(&self) -> &[Remedy] {
        match self {
            Self::Unmeasured { remedies, .. } => remedies,
            _ => &[],
        }
    }
}

/// Returns the hint at what helps against an error of a section, or `instead` of reading it.
fn hint(error: &SectionError, instead: &str) -> Option<String> {
    match error {
        SectionError::Io(_) => None,
        SectionError::NoFile | SectionError::NoProgram | SectionError::Cut | SectionError::File(_) => {
            let hint = "name a test binary by its path, as `cargo test --no-run` prints it, or tests by a part of their names";
            Some(hint.to_owned()).filter(|_| instead.is_empty())
        }
        SectionError::Record(_) => {
            Some(format!("use the same version of isotest-core and cargo-isotest{instead}"))
        }
    }
}

/// Returns the hint at the least budget that is not refused.
fn enough(bytes: u64) -> String {
    format!("raise the budget to {} or more, or run with `--budgets report`", units::limit(bytes))
}

/// Formats each metric with its reason.
fn listed(obstacles: &[Obstacle]) -> String {
    let named =
        obstacles.iter().map(|obstacle| format!("no `{}` ({})", obstacle.capability, obstacle.reason));
    named.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Recorded;
    use crate::settings::{self, Part, Place, Table};
    use crate::testing::errors::{each_variant, is_as_kept};
    use isotest_core::budget::Unreadable;
    use nix::libc;

    /// Makes each kind of fault of a file that was named as a test binary.
    fn faults() -> [SectionError; 5] {
        let errno = io::Error::from_raw_os_error(libc::EACCES);
        let record = Unreadable::Version("9 memory=1".to_owned());
        [SectionError::NoFile, SectionError::NoProgram, SectionError::Cut, errno.into(), record.into()]
    }

    #[test]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let errno = io::Error::from_raw_os_error;
        let table = Table { file: ".config/isotest.toml".into(), part: Part::Whole };
        let place = Place { table: Box::leak(Box::new(table)), line: 3 };
        let in_file = settings::Origin::File("off", place);
        let program = |source| BudgetError::Program { path: "a/tour".into(), source };
        let [pipe, text, cut, closed, other] = faults().map(program);
        let text = each_variant!(BudgetError {
            BudgetError::Unmeasured { .. } => [BudgetError::Unmeasured {
                obstacles: vec![Obstacle::from((Capability::Memory, "no memory controller".to_owned()))],
                remedies: vec![Remedy {
                    serves: vec![Capability::Memory],
                    why: "run it in a cgroup of its own".to_owned(),
                    commands: vec!["systemd-run --user --scope -p Delegate=yes cargo isotest".to_owned()],
                }],
            }],
            BudgetError::SwitchedOff { .. } => [
                BudgetError::SwitchedOff { off: Setting::flag("--off", Capability::Memory) },
                BudgetError::SwitchedOff { off: Setting { value: Capability::Memory, origin: in_file } },
            ],
            BudgetError::Small { .. } => [BudgetError::Small {
                limit: 1 << 20,
                origin: Origin { file: "tests/tour.rs".into(), line: 7 },
                processors: 64,
                grain: 16 << 20,
            }],
            BudgetError::BelowEmpty { .. } => [BudgetError::BelowEmpty {
                limit: 1 << 20,
                origin: Origin { file: "tests/tour.rs".into(), line: 7 },
                binary_id: "tour".to_owned(),
                empty: 3580 << 10,
            }],
            BudgetError::File { .. } => [BudgetError::File { path: "budgets.toml".into(), source: errno(libc::EACCES) }],
            BudgetError::Recorded(_) => [Recorded::parse("tour = 7").unwrap_err().into()],
            BudgetError::Revision { .. } =>
                [BudgetError::Revision { revision: "v9".to_owned(), why: "unknown revision".to_owned() }],
            BudgetError::Blame { .. } => [BudgetError::Blame { why: "no commit is in `v9..v9`".to_owned() }],
            BudgetError::NotOne { .. } => [BudgetError::NotOne { selected: 3 }],
            BudgetError::NeverPasses { .. } => [BudgetError::NeverPasses {
                test: "reads".to_owned(),
                why: "it does not pass without a limit".to_owned(),
            }],
            BudgetError::Unreadable { .. } => [BudgetError::Unreadable {
                binary_id: "tour".to_owned(),
                source: Unreadable::Version("9 memory=1".to_owned()).into(),
            }, BudgetError::Unreadable { binary_id: "tour".to_owned(), source: errno(libc::EACCES).into() }],
            BudgetError::Program { .. } => [pipe, text, cut, closed, other],
        });
        is_as_kept("budgets", text);
    }
}
