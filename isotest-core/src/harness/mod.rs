//! Test harness that gives each test a sandbox of its own: trials as those of `libtest_mimic`, with budgets.
//!
//! ```toml
//! [dev-dependencies]
//! isotest-core = { version = "0.1", features = ["harness"] }
//!
//! [[test]]
//! name = "documents"
//! harness = false
//! ```
//!
//! ```no_run
//! use isotest_core::Bytes;
//! use isotest_core::budget::Budget;
//! use isotest_core::harness::{self, Trial};
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     harness::run(|| {
//!         let budget = Budget { memory: Some(Bytes::mib(64)), ..Budget::default() };
//!         vec![Trial::test("parses", || Ok(())).with_budget(budget)]
//!     })
//! }
//! ```
//!
//! Executed by plain `cargo test` it is the supervisor of its trials: each is executed in a sandbox, by this very program, and the
//! peaks of memory are written after the results. What the host lacks for that is told, and nothing is executed.
//!
//! Executed by `cargo isotest`, which has made a sandbox already, it executes the one trial that it is asked for. A budget in the
//! trial is held against the figures of the attempt's own cgroup when the trial has ended, as
//! [`assert_budget!`](crate::assert_budget) does it; budgets in the attribute on a function of the trial's name, and in the file of
//! recorded budgets, are those of `cargo isotest`.

mod supervisor;
mod trial;

use crate::{inside, stage};
use libtest_mimic::Arguments;
use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use libtest_mimic::Failed;
pub use trial::Trial;

/// Executes the trials that the arguments of this process choose, and returns the exit code of the process. It must
/// be the first call in `main`: the program is executed again for each sandbox, and then `trials` may not be called.
#[expect(clippy::print_stderr, reason = "a harness says why it does nothing")]
pub fn run(trials: impl FnOnce() -> Vec<Trial>) -> ExitCode {
    /// Exit code of `cargo isotest` where the host lacks something.
    const CANNOT_ISOLATE: u8 = 97;
    stage::enter();
    let arguments = Arguments::from_args();
    let trials = trials();
    let is_inside = [inside::METRICS, "ISOTEST"].iter().any(|name| env::var_os(name).is_some());
    if arguments.list || is_inside {
        let over_budget = Arc::new(AtomicUsize::new(0));
        let inside = trials.into_iter().map(|trial| trial.inside(&over_budget)).collect();
        let ended = libtest_mimic::run(&arguments, inside);
        // Trials may be made of files that the sandbox does not show: one that is not there has not passed.
        if !arguments.list && arguments.exact && ended.num_passed + ended.num_failed + ended.num_ignored == 0
        {
            eprintln!("error: inside the sandbox there is no such test: make tests of files that it shows");
            return ExitCode::FAILURE;
        }
        let is_all =
            ended.num_failed == u64::try_from(over_budget.load(Ordering::SeqCst)).unwrap_or(u64::MAX);
        return if ended.num_failed > 0 && is_all {
            ExitCode::from(inside::OVER_BUDGET)
        } else {
            ended.exit_code()
        };
    }
    supervisor::supervise(&arguments, trials).unwrap_or_else(|error| {
        eprintln!("error: this host cannot isolate tests: {error}");
        ExitCode::from(CANNOT_ISOLATE)
    })
}
