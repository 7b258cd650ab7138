//! Verdicts: the meaning of an attempt's end for a run. The core reports how an attempt ended; only [`judge`] says
//! what that is worth, and summary, reports and exit code follow from its verdicts. Pure.

mod counts;

pub(crate) use counts::Counts;

use crate::budget::{Check, Growth, TestBudget};
use crate::exit::Exit;
use crate::settings::{Setting, TestSettings};
use crate::values::{FlakyResult, OnTimeout, SlowTimeout};
use isotest_core::outcome::Outcome;
use isotest_core::step::StepError;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// Verdict on one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The test passed and left nothing running.
    Passed,
    /// The test failed.
    Failed {
        /// Exit code of the test's process.
        code: i32,
    },
    /// A signal ended the test.
    Signaled {
        /// Number of the signal.
        signal: i32,
    },
    /// The test exceeded its time limit.
    TimedOut {
        /// Whether the timeout is a failure.
        fails: bool,
        /// Time limit, if it is known.
        limit: Option<Setting<Duration>>,
    },
    /// The kernel killed processes of the test because the test's own memory limit was hit.
    OomKilled {
        /// Memory limit in bytes, if it is a setting.
        limit: Option<Setting<u64>>,
    },
    /// The test broke its budget: it passed with a higher use, or was killed for it. Or it used more than in earlier
    /// runs.
    OverBudget,
    /// The test passed, but left processes running.
    Leaked {
        /// Whether the leak is a failure.
        fails: bool,
    },
    /// The test passed after it had failed in an earlier attempt.
    Flaky {
        /// Whether flakiness is a failure.
        fails: bool,
    },
    /// The test has no result: its sandbox could not be set up or was lost.
    NotIsolated(StepError),
}

/// Rules of the user for verdicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Whether a test that leaves processes running has failed.
    pub(crate) leaks_fail: bool,
    /// Whether a test that passes only in a further attempt has failed.
    pub(crate) flaky_fails: bool,
    /// Whether a test passes that exceeds its time limit.
    pub(crate) timeouts_pass: bool,
    /// Time limit of a test.
    pub(crate) time_limit: Option<Setting<Duration>>,
    /// Memory limit of a test, in bytes.
    pub(crate) memory_limit: Option<Setting<u64>>,
}

impl From<&TestSettings> for Rules {
    fn from(test: &TestSettings) -> Self {
        let slow = test.slow_timeout.value;
        // A test that is killed by another limit has not been told to work until then.
        let ends_slow = slow.end().is_some_and(|end| test.timeout.value.is_none_or(|time| end <= time));
        let end = if ends_slow { test.slow_timeout.map(SlowTimeout::end) } else { test.timeout };
        Self {
            leaks_fail: test.fail_on_leak.value,
            flaky_fails: test.flaky_result.value == FlakyResult::Fail,
            timeouts_pass: ends_slow && slow.on_timeout == OnTimeout::Pass,
            time_limit: end.value.map(|value| Setting { value, origin: end.origin }),
            memory_limit: test.limits.memory,
        }
    }
}

/// Testimony of a harness about its test, where it says more than the end of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Testimony {
    /// Agreement with the end of the process.
    #[default]
    Agrees,
    /// Statement that no test was executed.
    NoTest,
    /// Statement that the test failed.
    Failed,
    /// Statement that the test exceeded its own budget, and did not fail otherwise.
    OverBudget,
}

/// Judges an attempt by its outcome, the testimony of its harness and the user's rules, which meet only here.
pub(crate) fn judge(outcome: &Outcome, testimony: Testimony, rules: Rules) -> Verdict {
    match (outcome, testimony) {
        (Outcome::Passed | Outcome::Leaked, Testimony::NoTest | Testimony::Failed) => {
            Verdict::Failed { code: 0 }
        }
        (Outcome::Failed { .. }, Testimony::OverBudget) => Verdict::OverBudget,
        (Outcome::Passed, _) => Verdict::Passed,
        (Outcome::Leaked, _) => Verdict::Leaked { fails: rules.leaks_fail },
        (Outcome::Failed { code }, _) => Verdict::Failed { code: *code },
        (Outcome::Signaled { signal }, _) => Verdict::Signaled { signal: *signal },
        (Outcome::TimedOut, _) => Verdict::TimedOut { fails: !rules.timeouts_pass, limit: rules.time_limit },
        (Outcome::OomKilled, _) => Verdict::OomKilled { limit: rules.memory_limit },
        (Outcome::NotIsolated(error), _) => Verdict::NotIsolated(error.clone()),
    }
}

impl Verdict {
    /// Returns the verdict on a test that has failed before this attempt.
    pub(crate) fn after_a_failure(self, rules: Rules) -> Self {
        if self.passes() { Self::Flaky { fails: rules.flaky_fails } } else { self }
    }

    /// Returns whether another attempt may tell more, because the test has failed. Retries are useless for a test
    /// that was not isolated, as the next attempt would not be either, and for a broken budget, which is no matter of
    /// chance.
    pub(crate) fn may_be_retried(&self) -> bool {
        self.effect() == Effect::Fails && ![Kind::Flaky, Kind::OverBudget].contains(&self.kind())
    }

    /// Applies the budget of the test with its checks to the verdict. Other failures stay as they are.
    pub(crate) fn held_to(self, budget: &TestBudget, checks: &[Check<'_>]) -> Self {
        let is_kept = !budget.is_enforced() || !checks.iter().any(Check::is_over);
        match self {
            _ if is_kept => self,
            Self::Passed | Self::TimedOut { fails: false, .. } | Self::Leaked { fails: false } => {
                Self::OverBudget
            }
            Self::OomKilled { .. } if checks.iter().any(|check| check.is_killed) => Self::OverBudget,
            other => other,
        }
    }

    /// Applies the use in earlier runs to the verdict. Other failures stay as they are.
    pub(crate) fn beside_earlier(self, growth: Option<&Growth<'_>>) -> Self {
        let has_failed = growth.is_some_and(|growth| growth.before.is_enforced && growth.is_grown());
        if has_failed && self.passes() { Self::OverBudget } else { self }
    }

    /// Returns the kind by which the verdict is counted and named.
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Passed => Kind::Passed,
            Self::Failed { .. } => Kind::Failed,
            Self::Signaled { .. } => Kind::Signaled,
            Self::TimedOut { .. } => Kind::TimedOut,
            Self::OomKilled { .. } => Kind::OomKilled,
            Self::OverBudget => Kind::OverBudget,
            Self::Leaked { .. } => Kind::Leaked,
            Self::Flaky { .. } => Kind::Flaky,
            Self::NotIsolated(_) => Kind::NotIsolated,
        }
    }

    /// Returns the effect of the verdict on the run.
    pub(crate) const fn effect(&self) -> Effect {
        match self {
            Self::Passed
            | Self::TimedOut { fails: false, .. }
            | Self::Leaked { fails: false }
            | Self::Flaky { fails: false } => Effect::Passes,
            Self::Failed { .. }
            | Self::Signaled { .. }
            | Self::TimedOut { fails: true, .. }
            | Self::OomKilled { .. }
            | Self::Leaked { fails: true }
            | Self::OverBudget
            | Self::Flaky { fails: true } => Effect::Fails,
            Self::NotIsolated(_) => Effect::Undecided,
        }
    }

    /// Returns whether the verdict lets the run pass.
    pub(crate) fn passes(&self) -> bool {
        self.effect() == Effect::Passes
    }
}

/// Kind of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Kind {
    /// [`Verdict::Passed`].
    Passed,
    /// [`Verdict::Failed`].
    Failed,
    /// [`Verdict::Signaled`].
    Signaled,
    /// [`Verdict::TimedOut`].
    TimedOut,
    /// [`Verdict::OomKilled`].
    OomKilled,
    /// [`Verdict::OverBudget`].
    OverBudget,
    /// [`Verdict::Leaked`].
    Leaked,
    /// [`Verdict::Flaky`].
    Flaky,
    /// [`Verdict::NotIsolated`].
    NotIsolated,
}

impl Kind {
    /// Kinds in the order in which reports name them.
    pub(crate) const ALL: [Self; Self::COUNT] = *Self::VARIANTS.as_array().unwrap();

    /// Returns the word in machine formats.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the words that follow a number of tests in reports for people.
    pub(crate) const fn counted(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Signaled => "ended by a signal",
            Self::TimedOut => "timed out",
            Self::OomKilled => "out of memory",
            Self::OverBudget => "over budget",
            Self::Leaked => "leaked",
            Self::Flaky => "flaky",
            Self::NotIsolated => "not isolated",
        }
    }
}

/// Effect of a verdict on the run, the gravest last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Effect {
    /// The run can still pass.
    #[default]
    Passes,
    /// The run has failed.
    Fails,
    /// The run cannot say whether its tests pass.
    Undecided,
}

impl Effect {
    /// Effects in ascending order of gravity.
    pub(crate) const ALL: [Self; 3] = [Self::Passes, Self::Fails, Self::Undecided];
}

impl From<Effect> for Exit {
    /// Returns the exit code of a run that was not stopped, whose gravest verdict has this effect.
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Passes => Self::Ok,
            Effect::Fails => Self::TestsFailed,
            Effect::Undecided => Self::NotIsolated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Effect::{Fails, Passes, Undecided};
    use super::*;
    use crate::budget::beside;
    use crate::testing::builders;
    use std::collections::HashSet;

    const LENIENT: Rules = Rules {
        leaks_fail: false,
        flaky_fails: false,
        timeouts_pass: false,
        time_limit: None,
        memory_limit: None,
    };
    const BOTH: [Rules; 2] =
        [LENIENT, Rules { leaks_fail: true, flaky_fails: true, timeouts_pass: true, ..LENIENT }];

    /// Returns the kinds of verdict that an outcome alone can lead to.
    fn kinds() -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| ![Kind::Flaky, Kind::OverBudget].contains(kind)).collect()
    }

    fn judged(rules: Rules) -> Vec<Verdict> {
        builders::outcomes().iter().map(|outcome| judge(outcome, Testimony::Agrees, rules)).collect()
    }

    #[test]
    fn every_kind_has_its_place_its_words_and_a_verdict() {
        for rules in BOTH {
            assert_eq!(judged(rules).iter().map(Verdict::kind).collect::<Vec<_>>(), kinds());
        }
        for words in [Kind::as_str, Kind::counted] {
            assert_eq!(Kind::ALL.map(words).into_iter().collect::<HashSet<_>>().len(), Kind::ALL.len());
        }
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "counts are found by it");
        }
        for (place, effect) in Effect::ALL.into_iter().enumerate() {
            assert_eq!(effect as usize, place, "counts are found by it");
        }
        // The core's word for the kind, which the machine formats have used from the first version on.
        let words: Vec<_> = builders::outcomes().iter().map(Outcome::as_str).collect();
        assert_eq!(words, kinds().into_iter().map(Kind::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn only_what_passed_passes_and_a_leak_if_it_may() {
        let effects = |rules| judged(rules).iter().map(Verdict::effect).collect::<Vec<_>>();
        assert_eq!(effects(BOTH[0]), [Passes, Fails, Fails, Fails, Fails, Passes, Undecided]);
        assert_eq!(effects(BOTH[1]), [Passes, Fails, Fails, Passes, Fails, Fails, Undecided]);
    }

    #[test]
    fn what_passes_after_a_failure_is_flaky_and_nothing_else_changes() {
        for rules in BOTH {
            for verdict in judged(rules) {
                let then = verdict.clone().after_a_failure(rules);
                let expected =
                    if verdict.passes() { Verdict::Flaky { fails: rules.flaky_fails } } else { verdict };
                assert_eq!(then, expected);
                assert_eq!(then.may_be_retried(), expected.effect() == Fails && then.kind() != Kind::Flaky);
            }
        }
    }

    #[test]
    fn a_harness_that_speaks_against_its_exit_is_believed() {
        for outcome in builders::outcomes() {
            let agreed = judge(&outcome, Testimony::Agrees, Rules::default());
            let expected = if agreed.passes() { Verdict::Failed { code: 0 } } else { agreed };
            for testimony in [Testimony::NoTest, Testimony::Failed] {
                assert_eq!(judge(&outcome, testimony, Rules::default()), expected);
            }
        }
    }

    #[test]
    fn a_run_without_verdict_is_graver_than_a_failed_one() {
        let codes = Effect::ALL.map(|effect| Exit::from(effect) as u8);
        assert_eq!(codes, [0, 100, 98]);
        assert_eq!(Effect::ALL.into_iter().max(), Some(Undecided));
    }

    #[test]
    fn whoever_passed_or_was_ended_for_a_broken_budget_is_over_it() {
        let entries: crate::budget::Entries =
            isotest_core::budget::entries(b"1 memory=1 line=1 name=k::a file=a.rs")
                .collect::<Result<_, _>>()
                .unwrap();
        let held = |is_enforced, memory_limit, rules| {
            let budget = TestBudget::new(&beside("a", &entries), memory_limit, is_enforced);
            let held = builders::outcomes().into_iter().map(|outcome| {
                let record = builders::record(outcome);
                judge(&record.outcome, Testimony::Agrees, rules)
                    .held_to(&budget, &budget.checks(&record))
                    .kind()
            });
            held.collect::<Vec<_>>()
        };
        let mut expected: Vec<_> = judged(BOTH[0]).iter().map(Verdict::kind).collect();
        assert_eq!(held(false, None, BOTH[0]), expected, "control: it is only reported");
        (expected[0], expected[4], expected[5]) = (Kind::OverBudget, Kind::OverBudget, Kind::OverBudget);
        assert_eq!(held(true, None, BOTH[0]), expected);
        (expected[3], expected[5]) = (Kind::OverBudget, Kind::Leaked);
        let what = "a leak that fails has failed, a time that is worth a pass keeps to budgets";
        assert_eq!(held(true, None, BOTH[1]), expected, "{what}");
        expected[4] = Kind::OomKilled;
        assert_eq!(held(true, Some(1), BOTH[1]), expected, "another limit was hit");
    }
}
