//! What the harness says of its only test, beside its exit; pure.

use crate::harness::libtest::{self, Announced};
use crate::harness::result::{self, LastWords};
use crate::testcase::TestCase;
use crate::verdict::Testimony;
use isotest_core::outcome::Outcome;
use isotest_core::record::Record;

/// What the harness said of its only test, with a remark on the record where that is not what its exit says.
pub(super) fn testimony(test: &TestCase, captured: bool, is_wrapped: bool, record: &mut Record) -> Testimony {
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
        // It cannot be known of the wrapper that it executed anything.
        (Announced::Unsaid, _) if test.binary.harness && is_wrapped => (
            Testimony::NoTest,
            "its `run-wrapper` exited with 0, but no harness said that it executed a test",
        ),
        // Cargo would let both pass, too; but the standard harness always says it.
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
