//! Reads, while a test runs, the figures of its own attempt and of parts of it, and asserts budgets.
//!
//! ```ignore
//! #[test]
//! fn parses_a_large_file() {
//!     let parse = isotest_core::region("parse");
//!     let document = parse_file("large.xml");
//!     drop(parse);
//!     isotest_core::assert_budget!(memory <= "64 MiB", cpu <= "2 s");
//! }
//! ```
//!
//! The figures are those of the cgroup that `cargo isotest` has made for this attempt: of all processes of the test,
//! up to now. They are read from files, in some ten microseconds each. All of it is there without the feature
//! `sandbox`.
//!
//! # Where nothing is measured
//!
//! Below plain `cargo test` a process shares its cgroup with other tests, with cargo and with whatever else; their
//! figures would say nothing. There [`usage()`] is an error, [`UsageError::NotIsolated`], a [`Region`] says nothing,
//! and [`assert_budget!`](crate::assert_budget) does what [`POLICY`] says:
//!
//! | `ISOTEST_ASSERT` | what is not measured |
//! |---|---|
//! | `skip`, or not set | holds |
//! | `require` | fails the test |
//!
//! So the same test passes under `cargo test`, and a job that is to judge sets `ISOTEST_ASSERT=require` and cannot
//! pass by accident.
//!
//! # The peak of a region
//!
//! Where the peak of the attempt rose while a region lasted, the region's own peak is the one at its end. Where it
//! did not, the kernel does not tell: there `memory_peak` is `None`. (Since Linux 6.12 whoever may write to
//! `memory.peak` can reset it for himself; a test may not write to its cgroup. Version 1's maximum could be reset for
//! all, and so would be that of the run.)

mod assertion;
mod counters;
mod region;

pub use assertion::{Held, POLICY, assert_budget, hold};
pub use counters::{METRICS, Usage, UsageError, usage};
pub use region::{Region, RegionUsage, region};

/// Exit code of a program whose harness executed one test, which did what it is to do, and used more than a budget
/// that only the harness knows. Its output tells what was too much, in a line that begins with [`OVER_BUDGET_WORDS`].
pub const OVER_BUDGET: u8 = 99;

/// Beginning of the line that says what was too much.
pub const OVER_BUDGET_WORDS: &str = "over budget: ";
