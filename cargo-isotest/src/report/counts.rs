//! Counts of verdicts in words, the same in every report for people; pure.

use crate::verdict::{Counts, Effect, Kind};

/// Returns the counts of tests that passed, that failed and that were not isolated. Other kinds of verdicts with the
/// same effect are named in parentheses, and included in these counts.
pub(super) fn told(counts: &Counts) -> Vec<String> {
    let passed = with(counts, Effect::Passes, Kind::Passed);
    let others = [(Effect::Fails, Kind::Failed), (Effect::Undecided, Kind::NotIsolated)];
    let others = others.into_iter().filter(|(effect, _)| counts.of_effect(*effect) > 0);
    [passed].into_iter().chain(others.map(|(effect, plain)| with(counts, effect, plain))).collect()
}

/// Returns the count of an effect under the word of a kind, and the counts of other kinds with that effect.
fn with(counts: &Counts, effect: Effect, plain: Kind) -> String {
    let others = Kind::ALL.into_iter().filter(|kind| *kind != plain);
    let among = others.map(|kind| (counts[kind][effect], kind.counted()));
    let among = not_zero(among).join(", ");
    let among = if among.is_empty() { among } else { format!(" ({among})") };
    format!("{} {}{among}", counts.of_effect(effect), plain.counted())
}

/// Returns the counts that are not zero, each with its words.
pub(super) fn not_zero(counts: impl IntoIterator<Item = (usize, &'static str)>) -> Vec<String> {
    let counts = counts.into_iter().filter(|(count, _)| 0 < *count);
    counts.map(|(count, what)| format!("{count} {what}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(verdicts: &[(Kind, Effect, usize)]) -> String {
        let mut counts = Counts::default();
        for (kind, effect, count) in verdicts {
            (0..*count).for_each(|_| counts.count(*kind, *effect));
        }
        told(&counts).join(", ")
    }

    #[test]
    fn whatever_fails_the_run_is_among_the_failed() {
        use Effect::{Fails, Passes, Undecided};
        assert_eq!(said(&[]), "0 passed");
        assert_eq!(said(&[(Kind::Passed, Passes, 2), (Kind::Failed, Fails, 1)]), "2 passed, 1 failed");
        assert_eq!(said(&[(Kind::Flaky, Fails, 1)]), "0 passed, 1 failed (1 flaky)");
        assert_eq!(said(&[(Kind::Leaked, Fails, 1)]), "0 passed, 1 failed (1 leaked)");
        let all = [
            (Kind::Passed, Passes, 3),
            (Kind::Leaked, Passes, 1),
            (Kind::Failed, Fails, 3),
            (Kind::OverBudget, Fails, 1),
            (Kind::Signaled, Fails, 2),
            (Kind::NotIsolated, Undecided, 1),
        ];
        assert_eq!(
            said(&all),
            "4 passed (1 leaked), 6 failed (2 ended by a signal, 1 over budget), 1 not isolated"
        );
    }
}
