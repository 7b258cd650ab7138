//! Names under which the program is started again as another of its own processes; pure.

/// Name under which a zygote is started (`argv[0]`).
pub(crate) const ZYGOTE: &str = "isotest-zygote";
/// Name under which a reaper is started (`argv[0]`).
pub(crate) const REAPER: &str = "isotest-reaper";
/// Name under which the guard of a terminal is started (`argv[0]`).
pub(crate) const TERMINAL_GUARD: &str = "isotest-terminal";
