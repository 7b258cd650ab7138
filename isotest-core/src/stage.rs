//! Re-execution: the same program becomes a zygote when it is started as one.

use crate::sandbox::zygote;
use crate::sys;
use std::env;
use std::os::unix::net::UnixStream;

/// The name under which a zygote is started (`argv[0]`).
pub(crate) const ZYGOTE: &str = "isotest-zygote";

/// Becomes a zygote, and never returns, if this process was started as one. Must be the first line of `main` of
/// every program that executes sandboxes: a zygote has one thread and nothing of the program's own set-up.
pub fn enter() {
    let is_zygote = env::args_os().next().is_some_and(|name| name == ZYGOTE);
    if !is_zygote {
        return;
    }
    // The supervisor's socket is standard input: that number is always there and never inherited by accident.
    match sys::fd::standard_input() {
        Ok(socket) => zygote::run(UnixStream::from(socket)),
        Err(_) => sys::clone3::exit_now(1),
    }
}
