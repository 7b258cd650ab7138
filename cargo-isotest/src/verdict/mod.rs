//! What the end of an attempt means for a run. The core says how an attempt ended; only [`judge`] says what that is worth,
//! and summary, reports and exit code follow from its verdicts. Pure.

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

/// The verdict on one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The test passed and left nothing running.
    Passed,
    /// The test failed.
    Failed {
        /// The status that its process exited with.
        code: i32,
    },
    /// A signal ended the test.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// The test's time ran out.
    TimedOut {
        /// Whether that is a failure.
        fails: bool,
        /// The time, if it is known.
        limit: Option<Setting<Duration>>,
    },
    /// The kernel killed processes of the test because the test's own memory limit was hit.
    OomKilled {
        /// The limit in bytes, if it is a setting.
        limit: Option<Setting<u64>>,
    },
    /// The test broke its budget: it passed and used more, or was ended for it. Or it used more than in earlier runs.
    OverBudget,
    /// The test passed, but left processes running.
    Leaked {
        /// Whether that is a failure.
        fails: bool,
    },
    /// The test passed after it had failed in an earlier attempt.
    Flaky {
        /// Whether that is a failure.
        fails: bool,
    },
    /// Nothing is known of the test: its sandbox could not be set up or was lost.
    NotIsolated(StepError),
}

/// Choices of the user about judging.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Whether a test that leaves processes running has failed.
    pub(crate) leaks_fail: bool,
    /// Whether a test has failed that passes only in a further attempt.
    pub(crate) flaky_fails: bool,
    /// Whether a test passes whose time runs out.
    pub(crate) timeouts_pass: bool,
    /// The time after which a test is ended.
    pub(crate) time_limit: Option<Setting<Duration>>,
    /// How much memory a test may use, in bytes.
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

/// Word of a harness on its test, where the end of its process says something else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Testimony {
    /// Nothing that is against the end of its process.
    #[default]
    Agrees,
    /// Word that it executed no test.
    NoTest,
    /// Word that the test failed.
    Failed,
    /// That the test used more than its own budget, and did not fail otherwise.
    OverBudget,
}

/// Judges an attempt: the one place where the end of an attempt, the words of its harness and the user's rules meet.
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
    /// The verdict on a test that has failed before the attempt on which this is the verdict.
    pub(crate) fn after_a_failure(self, rules: Rules) -> Self {
        if self.passes() { Self::Flaky { fails: rules.flaky_fails } } else { self }
    }

    /// Whether another attempt may tell more: the test has failed. Of one that was not isolated nothing is known, and the
    /// next would not be either; and what broke its budget has not failed by chance.
    pub(crate) fn may_be_retried(&self) -> bool {
        self.effect() == Effect::Fails && ![Kind::Flaky, Kind::OverBudget].contains(&self.kind())
    }

    /// Holds the verdict to the budget of the test, of which the checks are. Whoever failed otherwise has failed so.
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

    /// Holds the verdict to what the test used in earlier runs. Whoever failed otherwise has failed so.
    pub(crate) fn beside_earlier(self, growth: Option<&Growth<'_>>) -> Self {
        let has_failed = growth.is_some_and(|growth| growth.before.is_enforced && growth.is_grown());
        if has_failed && self.passes() { Self::OverBudget } else { self }
    }

    /// The kind by which the verdict is counted and named.
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

    /// The verdict's effect on the run.
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

    /// Whether the user need not look at the test.
    pub(crate) fn passes(&self) -> bool {
        self.effect() == Effect::Passes
    }
}

/// A kind of verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Each kind once, in the order in which reports name them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Passed,
        Self::Failed,
        Self::Signaled,
        Self::TimedOut,
        Self::OomKilled,
        Self::OverBudget,
        Self::Leaked,
        Self::Flaky,
        Self::NotIsolated,
    ];

    /// The word in machine formats.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Signaled => "signaled",
            Self::TimedOut => "timed-out",
            Self::OomKilled => "oom-killed",
            Self::OverBudget => "over-budget",
            Self::Leaked => "leaked",
            Self::Flaky => "flaky",
            Self::NotIsolated => "not-isolated",
        }
    }

    /// The words for people that stand after a number of tests.
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
    /// Each effect once.
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

    /// The kinds of verdict that an outcome alone can lead to.
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
        // The core's word for it, by which the machine formats have known it from the first.
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
