//! `cargo isotest budgets need`: finds the least memory with which a test passes.

use crate::testcase::TestCase;
use crate::text::units::memory;
use std::ops::ControlFlow;

/// Precision of the search, as a divisor: it ends when the least limit that is enough exceeds the greatest that is
/// too low by at most this part, or by the coarser grain.
const PRECISION: u64 = 64;

/// Bisects the memory limit, from `peak`, the use without a limit, down to `least`. `passes` executes the test with a
/// limit, and breaks to end the search. Returns `None` if the test does not pass with `most` either.
///
/// # Errors
/// Value with which `passes` broke the search.
pub(crate) fn bisect<B>(
    peak: u64,
    (least, most): (u64, u64),
    mut passes: impl FnMut(u64) -> ControlFlow<B, bool>,
) -> Result<Option<u64>, B> {
    let mut ask = |limit| match passes(limit) {
        ControlFlow::Continue(passes) => Ok(passes),
        ControlFlow::Break(end) => Err(end),
    };
    let (mut fails, mut enough) = (0, peak.max(least));
    // The kernel charges ahead of use.
    while !ask(enough)? {
        if enough >= most {
            return Ok(None);
        }
        (fails, enough) = (enough, enough.saturating_mul(2));
    }
    while enough > least && enough - fails > (enough / PRECISION).max(least / 4) {
        let middle = whole(fails + (enough - fails) / 2).max(least);
        if middle >= enough {
            break;
        }
        if ask(middle)? {
            enough = middle;
        } else {
            fails = middle;
        }
    }
    Ok(Some(enough))
}

/// Formats whether the test passes with a limit.
pub(crate) fn tried(limit: u64, passes: bool) -> String {
    let word = if passes { "passes" } else { "does not pass" };
    format!("with {} it {word}", memory(limit))
}

/// Formats the least limit with which the test passes, and its peak without one.
pub(crate) fn found(test: &TestCase, least: u64, peak: u64) -> String {
    let (least, peak) = (memory(least), memory(peak));
    format!("{} {} needs {least}; its peak without a limit was {peak}", test.binary.id, test.name)
}

/// Rounds bytes to pages of 64 KiB, which every kernel can set as a limit.
const fn whole(bytes: u64) -> u64 {
    bytes.next_multiple_of(64 << 10)
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::builders;
    use snapbox::{assert_data_eq, str};

    const MIB: u64 = 1 << 20;

    #[test]
    fn each_limit_and_the_least_have_a_line() {
        let test = builders::test("tour::parser", "reads");
        let lines = [tried(8 * MIB, true), tried(4 * MIB, false), found(&test, 5 * MIB, 8 * MIB)];
        assert_data_eq!(
            lines.join("\n") + "\n",
            str![[r#"
with 8.0 MiB it passes
with 4.0 MiB it does not pass
tour::parser reads needs 5.0 MiB; its peak without a limit was 8.0 MiB

"#]]
        );
    }

    #[test]
    fn the_least_limit_is_found_in_few_steps() {
        for (peak, needed) in [(100 * MIB, 60 * MIB), (100 * MIB, 3 * MIB), (100 * MIB, 101 * MIB), (MIB, 10)]
        {
            let mut steps = 0;
            let found = bisect::<()>(peak, (MIB / 2, 1024 * MIB), |limit| {
                steps += 1;
                ControlFlow::Continue(limit >= needed)
            });
            let found = found.unwrap().unwrap();
            assert!(found >= needed && steps <= 12, "{found} after {steps}");
            assert!(found - needed.min(found) <= (found / 32).max(MIB / 2), "{needed}: {found}");
        }
        assert_eq!(bisect::<()>(MIB, (1, 64 * MIB), |_| ControlFlow::Continue(false)), Ok(None));
        assert_eq!(bisect(MIB, (1, 2), |_| ControlFlow::<_, bool>::Break("interrupted")), Err("interrupted"));
    }
}
