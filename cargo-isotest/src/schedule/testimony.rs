//! Testimony of the harness on its only test, beside its exit; pure.

use crate::harness::libtest::{self, Announced};
use crate::harness::result::{self, LastWords};
use crate::testcase::TestCase;
use crate::text::sanitize::word;
use crate::verdict::Testimony;
use isotest_core::inside::{OVER_BUDGET, OVER_BUDGET_WORDS};
use isotest_core::outcome::Outcome;
use isotest_core::record::Record;

/// Returns what the harness said of its only test, and remarks on the record where that is not what its exit says.
pub(super) fn testimony(test: &TestCase, captured: bool, is_wrapped: bool, record: &mut Record) -> Testimony {
    if let Some(why) = over_budget(test, record).filter(|_| captured) {
        record.remarks.push(why);
        return Testimony::OverBudget;
    }
    let passed = matches!(record.outcome, Outcome::Passed | Outcome::Leaked);
    if !passed || !captured || test.whole {
        return Testimony::Agrees;
    }
    let announced = libtest::announced(&test.binary, &record.stdout.head);
    let (testimony, remark) = match (announced, result::last_words(test, &record.stdout)) {
        (Announced::Nothing, _) => (Testimony::NoTest, "the harness exited with 0 but executed no test"),
        (_, LastWords::Failed) => {
            (Testimony::Failed, "the harness exited with 0 but said that the test failed")
        }
        // A wrapper may not have executed the test at all.
        (Announced::Unsaid, _) if test.binary.harness && is_wrapped => (
            Testimony::NoTest,
            "its `run-wrapper` exited with 0, but no harness said that it executed a test",
        ),
        // Cargo would let this pass, but the standard harness always prints a result.
        (Announced::Unsaid, _) if test.binary.harness => {
            (Testimony::Agrees, "the harness exited with 0 but did not say that it executed a test")
        }
        (Announced::Tests, LastWords::None) => (
            Testimony::Agrees,
            "the harness exited with 0 but did not say how the test ended: something ended its process, or closed its \
             output",
        ),
        (Announced::Tests | Announced::Unsaid, _) => return Testimony::Agrees,
    };
    record.remarks.push(remark.to_owned());
    testimony
}

/// Returns what a harness of `isotest_core` says of a test that used more than its own budget.
fn over_budget(test: &TestCase, record: &Record) -> Option<String> {
    let is_said = matches!(record.outcome, Outcome::Failed { code } if code == i32::from(OVER_BUDGET));
    if test.binary.harness || !is_said {
        return None;
    }
    let said = result::text(&record.stdout);
    let line = said.lines().map(str::trim).find(|line| line.starts_with(OVER_BUDGET_WORDS));
    line.map(word)
}
