//! `cargo isotest budgets need`: the least memory with which a test passes.

use std::ops::ControlFlow;

/// So close to each other are the limits in the end at which a test passes and does not, if no grain is coarser, as a part of
/// the one at which it does.
const PRECISION: u64 = 64;

/// Bisects the limit of memory, from `peak`, what was used without one, down to `least`. `passes` executes the test with a limit; it
/// breaks if the search is to end. `None` if it does not pass with `most` either.
///
/// # Errors
/// What `passes` broke the search with.
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

/// In pages of 64 KiB, which every kernel can set.
const fn whole(bytes: u64) -> u64 {
    bytes.next_multiple_of(64 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

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
