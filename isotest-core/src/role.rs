//! Names under which the program is started again as another of its own processes, and whether it can be.

use std::sync::atomic::{AtomicBool, Ordering};

/// Name under which a zygote is started (`argv[0]`).
pub(crate) const ZYGOTE: &str = "isotest-zygote";
/// Name under which a reaper is started (`argv[0]`).
pub(crate) const REAPER: &str = "isotest-reaper";
/// Name under which the guard of a terminal is started (`argv[0]`).
pub(crate) const TERMINAL_GUARD: &str = "isotest-terminal";

/// Whether `main` of this program tells such a process from others.
static IS_ENTERED: AtomicBool = AtomicBool::new(false);

/// Notes that processes which are started as one of these become it.
pub(crate) fn enter() {
    IS_ENTERED.store(true, Ordering::Relaxed);
}

/// Returns whether the program can be started again; otherwise it would do once more what it does.
pub(crate) fn is_entered() -> bool {
    IS_ENTERED.load(Ordering::Relaxed)
}
