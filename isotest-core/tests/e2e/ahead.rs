//! Sandboxes that are made ahead: as many as there are attempts that will need them, and no more.

use crate::endings::unique_pause;
use crate::observed::eventually;
use crate::promise::{Kept, Promise};
use crate::sandboxed::Suite;
use isotest_core::sandbox::Cancel;
use isotest_core::snapshot::ProcessTable;
use std::thread::sleep;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] =
    &[Promise::new("no_sandbox_is_made_for_an_attempt_that_does_not_follow", only_for_those_that_follow)];

/// Time in which a zygote makes many sandboxes.
const LONG: Duration = Duration::from_millis(300);

fn only_for_those_that_follow(suite: &Suite) -> Kept {
    let wish = suite.wish();
    let template = suite.template(&wish);
    let plan = wish.plan(&["sleep", &unique_pause()]);
    for (following, made) in [(0, 0), (1, 1), (usize::MAX, 2)] {
        let mut slot = suite.slot(&template)?;
        let mut attempt = slot.launch_before(&plan, following);
        let sandboxes = || inits_below(slot.zygote());
        assert!(
            eventually(Duration::from_secs(20), || sandboxes() == 1 + made),
            "{following}: {}",
            sandboxes()
        );
        sleep(LONG);
        assert_eq!(sandboxes(), 1 + made, "{following}");
        attempt.signal(libc::SIGKILL, false);
        assert!(slot.wait(&mut attempt, &Cancel::new()?));
        // With it goes its cgroup, which others would find.
        attempt.finish();
    }
    Ok(())
}

/// Number of inits whose zygote was started as this process.
fn inits_below(zygote: i32) -> usize {
    let descendants = ProcessTable::read().map(|table| table.descendants(zygote)).unwrap_or_default();
    let of = |parent: i32| descendants.iter().filter(move |(_, of)| *of == parent).map(|(pid, _)| *pid);
    of(zygote).map(|served| of(served).count()).sum()
}
