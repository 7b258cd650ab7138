//! The names under which the program is started again as another of its own processes; pure.

/// The name under which a zygote is started (`argv[0]`).
pub(crate) const ZYGOTE: &str = "isotest-zygote";
/// The name under which a reaper is started.
pub(crate) const REAPER: &str = "isotest-reaper";
/// The name under which the guard of a terminal is started.
pub(crate) const TERMINAL_GUARD: &str = "isotest-terminal";
