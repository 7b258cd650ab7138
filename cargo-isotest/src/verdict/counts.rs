//! Numbers of tests by verdict; pure.

use super::{Effect, Kind, Verdict};
use std::ops::Index;

/// Number of tests for each kind of verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts([Count; Kind::ALL.len()]);

/// Number of tests of one kind for each effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count([usize; Effect::ALL.len()]);

impl Index<Kind> for Counts {
    type Output = Count;

    fn index(&self, kind: Kind) -> &Count {
        &self.0[kind as usize]
    }
}

impl Index<Effect> for Count {
    type Output = usize;

    fn index(&self, effect: Effect) -> &usize {
        &self.0[effect as usize]
    }
}

impl Count {
    /// Returns the number of all tests of the kind.
    pub(crate) fn total(self) -> usize {
        self.0.iter().sum()
    }

    /// Returns the number of tests that do not let the run pass.
    pub(crate) fn bad(self) -> usize {
        self.total() - self[Effect::Passes]
    }
}

impl Counts {
    /// Counts a verdict.
    pub(crate) fn add(&mut self, verdict: &Verdict) {
        self.count(verdict.kind(), verdict.effect());
    }

    /// Counts a verdict of which only kind and effect are known.
    pub(crate) fn count(&mut self, kind: Kind, effect: Effect) {
        self.0[kind as usize].0[effect as usize] += 1;
    }

    /// Counts all tests whose verdict has this effect.
    pub(crate) fn of_effect(&self, effect: Effect) -> usize {
        self.0.iter().map(|count| count[effect]).sum()
    }

    /// Takes back a verdict, which another may replace.
    pub(crate) fn retract(&mut self, verdict: &Verdict) {
        self.0[verdict.kind() as usize].0[verdict.effect() as usize] -= 1;
    }

    /// Counts all tests that have a verdict.
    pub(crate) fn total(&self) -> usize {
        self.0.iter().copied().map(Count::total).sum()
    }

    /// Returns the gravest effect of any verdict.
    pub(crate) fn effect(&self) -> Effect {
        let has = |effect: &Effect| self.0.iter().any(|count| count[*effect] > 0);
        Effect::ALL.into_iter().rev().find(has).unwrap_or_default()
    }

    /// Returns whether there are bad tests, all of this kind.
    pub(crate) fn bad_is_only(&self, kind: Kind) -> bool {
        let bad: usize = self.0.iter().copied().map(Count::bad).sum();
        bad > 0 && bad == self[kind].bad()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;
    use crate::verdict::{Rules, Testimony, judge};

    #[test]
    fn each_verdict_is_counted_once_and_in_its_own_place() {
        let mut all = Counts::default();
        for (n, outcome) in builders::outcomes().iter().enumerate() {
            let mut alone = Counts::default();
            let verdict = judge(outcome, Testimony::Agrees, Rules { leaks_fail: true, ..Rules::default() });
            for _ in 0..=n {
                all.add(&verdict);
                alone.add(&verdict);
            }
            assert_eq!(all[verdict.kind()].total(), n + 1);
            assert_eq!((alone.total(), alone[verdict.kind()][verdict.effect()]), (n + 1, n + 1));
            assert_eq!(alone.effect(), verdict.effect());
            assert_eq!(alone[verdict.kind()].bad(), if verdict.passes() { 0 } else { n + 1 });
        }
        assert_eq!((all.total(), all.effect()), (28, Effect::Undecided));
        assert_eq!(Counts::default().effect(), Effect::Passes);
    }

    #[test]
    fn budgets_are_all_that_failed_if_nothing_else_did() {
        let is_only = |verdicts: &[Verdict]| {
            let mut counts = Counts::default();
            for verdict in verdicts {
                counts.add(verdict);
            }
            counts.bad_is_only(Kind::OverBudget)
        };
        assert!(is_only(&[Verdict::Passed, Verdict::OverBudget, Verdict::Leaked { fails: false }]));
        assert!(!is_only(&[Verdict::OverBudget, Verdict::Leaked { fails: true }]));
        assert!(!is_only(&[Verdict::Passed]));
    }

    #[test]
    fn leaks_that_fail_stand_apart_from_those_that_do_not() {
        let mut counts = Counts::default();
        for fails in [true, false, true] {
            counts.add(&Verdict::Leaked { fails });
        }
        let leaked = counts[Kind::Leaked];
        assert_eq!((leaked.total(), leaked.bad(), leaked[Effect::Passes]), (3, 2, 1));
        assert_eq!(counts.effect(), Effect::Fails);
        for fails in [true, true] {
            counts.retract(&Verdict::Leaked { fails });
        }
        assert_eq!((counts.total(), counts.effect()), (1, Effect::Passes));
    }
}
