//! Test of a harness, executed as a trial of `libtest_mimic`.

use crate::budget::Budget;
use crate::inside::{self, Held};
use libtest_mimic::Failed;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Function that a trial executes.
type Runner = Box<dyn FnOnce() -> Result<(), Failed> + Send>;

/// Test of a harness.
pub struct Trial {
    pub(super) name: String,
    pub(super) is_ignored: bool,
    pub(super) budget: Budget,
    runner: Runner,
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("name", &self.name)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl Trial {
    /// Makes a test that fails if `runner` returns an error or panics.
    pub fn test(
        name: impl Into<String>,
        runner: impl FnOnce() -> Result<(), Failed> + Send + 'static,
    ) -> Self {
        Self { name: name.into(), is_ignored: false, budget: Budget::default(), runner: Box::new(runner) }
    }

    /// Returns the trial with a budget: it also fails if it uses more memory, processor time, processes or written bytes.
    #[must_use]
    pub fn with_budget(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// Returns the trial, which is executed only on request if `is_ignored`.
    #[must_use]
    pub fn with_ignored_flag(self, is_ignored: bool) -> Self {
        Self { is_ignored, ..self }
    }

    /// Makes a trial that is executed in this process, which is in a sandbox of its own. Counts the trials that use
    /// more than their budgets.
    pub(super) fn inside(self, over_budget: &Arc<AtomicUsize>) -> libtest_mimic::Trial {
        let Self { name, is_ignored, budget, runner } = self;
        let over_budget = Arc::clone(over_budget);
        let run = move || {
            runner()?;
            match inside::hold(&budget) {
                Held::Kept | Held::Unknown { is_required: false, .. } => Ok(()),
                Held::Broken(why) => {
                    over_budget.fetch_add(1, Ordering::SeqCst);
                    Err(Failed::from(why))
                }
                Held::Unknown { why, .. } => Err(Failed::from(why)),
            }
        };
        libtest_mimic::Trial::test(name, run).with_ignored_flag(is_ignored)
    }
}
