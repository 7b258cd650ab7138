//! Doubts that an attempt leaves, and their settlement by a second attempt at the same test, which is executed alone.

use crate::budget::TestBudget;
use crate::schedule::queue::{Launch, Purpose};
use crate::text::units::memory;
use crate::verdict::{Kind, Verdict};
use isotest_core::cgroup;
use isotest_core::outcome::Outcome;
use isotest_core::record::Record;

/// Number of times that a test is executed again, alone, before it is said to need more memory than in earlier runs.
const COMPARISONS: u32 = 4;

/// Attempt that has ended and was judged, and is not reported yet.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) launch: Launch,
    /// Verdict on the attempt before this one.
    pub(super) earlier: Option<Verdict>,
    pub(super) record: Record,
    pub(super) verdict: Verdict,
}

/// Attempt whose report waits for a second attempt.
#[derive(Debug)]
pub(super) struct Doubt {
    ended: Ended,
    /// Purpose of the second attempt.
    purpose: Purpose,
}

/// State of a doubt after a second attempt.
#[derive(Debug)]
pub(super) enum Answer {
    /// Doubt that is settled, with the attempt to be reported.
    Settled(Ended),
    /// Doubt that needs one more attempt.
    Open(Doubt),
    /// Doubt that is void: the second attempt is judged as if there had been no other.
    Replaced { earlier: Option<Verdict>, record: Record },
}

impl Ended {
    /// Returns the purpose of a second attempt, if one is needed.
    pub(super) fn doubt(&self, budget: &TestBudget) -> Option<Purpose> {
        let Self { launch, record, verdict, .. } = self;
        if launch.attempt.purpose == Purpose::Verdict && !verdict.passes() && kills(record) > 0 {
            Some(Purpose::Replacement)
        } else if verdict.kind() == Kind::OverBudget && budget.may_fit(record, cgroup::processors()) {
            Some(Purpose::Confirmation)
        } else if verdict.passes() && budget.growth(record).is_some_and(|growth| growth.is_grown()) {
            Some(Purpose::Comparison { left: COMPARISONS - 1 })
        } else {
            None
        }
    }

    /// Returns the attempt with the slot, the time and the figures of another, which is reported in its place, and
    /// the figures that it had.
    fn replaced_by(self, other: Self) -> (Self, Record) {
        let launch = Launch { attempt: self.launch.attempt, ..other.launch };
        (Self { launch, earlier: self.earlier, ..other }, self.record)
    }

    /// Returns the attempt as the one with the least peak of several.
    fn least_of(self, attempts: u32, budget: &TestBudget) -> Self {
        let verdict = self.verdict.clone().beside_earlier(budget.growth(&self.record).as_ref());
        let remark = format!("the least of {attempts} attempts, of which all but the first were alone");
        Self { verdict, ..self }.with_remark(remark)
    }

    fn with_remark(mut self, remark: impl Into<String>) -> Self {
        self.record.remarks.push(remark.into());
        self
    }
}

impl Doubt {
    pub(super) fn new(ended: Ended, purpose: Purpose) -> Self {
        Self { ended, purpose }
    }

    /// Returns what the test comes to by a second attempt, which is judged but not held to its budget, and the record
    /// of the attempt that is not reported.
    pub(super) fn answered(self, second: Ended, budget: &TestBudget) -> (Answer, Record) {
        match second.launch.attempt.purpose {
            Purpose::Comparison { left } => self.compared(second, left, budget),
            Purpose::Verdict | Purpose::Replacement | Purpose::Confirmation => self.confirmed(second, budget),
        }
    }

    /// Returns what the test comes to by a second attempt where the first was killed because the machine ran short of
    /// memory, and the record of the attempt that is not reported.
    pub(super) fn replaced(self, mut second: Record) -> (Answer, Record) {
        let first = self.ended;
        if matches!(second.outcome, Outcome::NotIsolated(_)) {
            let remark = "the machine was short of memory, but the second try could not be isolated";
            return (Answer::Settled(first.with_remark(remark)), second);
        }
        second.remarks.push(format!(
            "executed again, alone: the machine ran short of memory, and the kernel had killed {} of its processes",
            kills(&first.record)
        ));
        (Answer::Replaced { earlier: first.earlier, record: second }, first.record)
    }

    /// Settles the doubt by a second attempt, which had the kernel's limit at the memory budget of the test.
    fn confirmed(self, mut second: Ended, budget: &TestBudget) -> (Answer, Record) {
        let first = Ended { verdict: Verdict::OverBudget, ..self.ended };
        let explains_nothing = if matches!(second.verdict, Verdict::NotIsolated(_)) {
            Some("page cache may explain it, but the second try could not be isolated")
        } else if !second.verdict.passes() && !matches!(second.verdict, Verdict::Leaked { .. }) {
            Some(
                "page cache does not explain it: executed again, alone and with its limit at the memory budget, the test did \
                 not pass",
            )
        } else {
            None
        };
        if let Some(remark) = explains_nothing {
            return (Answer::Settled(first.with_remark(remark)), second.record);
        }
        let peak = first.record.usage.memory_peak.map_or(0, |peak| peak.value.get());
        let dropped = peak.saturating_sub(budget.memory().unwrap_or(peak));
        second.verdict = second.verdict.held_to(budget, &budget.checks(&second.record));
        if second.verdict.kind() != Kind::OverBudget {
            second.record.remarks.push(format!(
                "fits, {} of page cache dropped: its peak was {}, and it passed again, alone and with its limit at the \
                 memory budget",
                memory(dropped),
                memory(peak)
            ));
        }
        let (ended, superseded) = first.replaced_by(second);
        (Answer::Settled(ended), superseded)
    }

    /// Compares attempts at a test that seemed to need more memory than in earlier runs. Of all attempts, the one
    /// with the least peak counts.
    fn compared(self, mut next: Ended, left: u32, budget: &TestBudget) -> (Answer, Record) {
        let known = self.ended;
        let peak = |ended: &Ended| ended.record.usage.memory_peak.map_or(u64::MAX, |peak| peak.value.get());
        next.verdict = next.verdict.held_to(budget, &budget.checks(&next.record));
        if !next.verdict.passes() {
            let remark = "it seems to need more memory than in earlier runs, but when it was executed again, alone, it did not pass";
            return (Answer::Settled(known.with_remark(remark)), next.record);
        }
        let first = peak(&known);
        let is_less = peak(&next) < first;
        let (known, superseded) = if is_less { known.replaced_by(next) } else { (known, next.record) };
        if is_less && budget.growth(&known.record).is_none_or(|growth| !growth.is_grown()) {
            let remark = format!(
                "executed again, alone, since its memory peak was {}: it needs no more than in earlier runs",
                memory(first)
            );
            return (Answer::Settled(known.with_remark(remark)), superseded);
        }
        let answer = match left.checked_sub(1) {
            Some(left) => Answer::Open(Self { ended: known, purpose: Purpose::Comparison { left } }),
            None => Answer::Settled(known.least_of(COMPARISONS + 1, budget)),
        };
        (answer, superseded)
    }

    /// Settles a comparison by the attempts that there were, since there will be no other.
    pub(super) fn compared_enough(self, budget: &TestBudget) -> Ended {
        match self.purpose {
            Purpose::Comparison { left } => self.ended.least_of(COMPARISONS - left, budget),
            Purpose::Verdict | Purpose::Replacement | Purpose::Confirmation => self.ended,
        }
    }

    /// Returns the purpose of the next attempt.
    pub(super) const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Settles the doubt about a test that will not be executed again, since the run has ended early.
    pub(super) fn given_up(self) -> Ended {
        let remark = match self.purpose {
            Purpose::Replacement => {
                "the machine was short of memory, and the run ended before the test was executed again"
            }
            Purpose::Comparison { .. } => {
                "it seems to need more memory than in earlier runs, but the run ended before it was executed again, alone"
            }
            Purpose::Verdict | Purpose::Confirmation => {
                "page cache may explain it, but the run ended before that was tried"
            }
        };
        self.ended.with_remark(remark)
    }
}

/// Returns how many processes of an attempt the kernel killed for want of memory although the attempt had not reached
/// its limit.
fn kills(record: &Record) -> u64 {
    record.usage.oom.filter(|oom| !oom.value.own_limit).map_or(0, |oom| oom.value.kills)
}
