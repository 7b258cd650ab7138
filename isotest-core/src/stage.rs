//! Makes a process a zygote, a reaper, or the guard of a terminal, when the program is started again as one.

use crate::role::{self, REAPER, TERMINAL_GUARD, ZYGOTE};
use crate::sandbox::zygote;
use crate::{reaper, sys, terminal_guard};
use std::env;
use std::os::unix::net::UnixStream;

/// Becomes a zygote, a reaper or a guard, and never returns, if this process was started as one. Must be the first line of
/// `main` of every program that executes sandboxes: such a process has one thread and nothing of the program's own
/// set-up. Without it no sandbox is made.
pub fn enter() {
    let name = env::args_os().next().unwrap_or_default();
    let become_it: fn(UnixStream) -> ! = if name == ZYGOTE {
        zygote::run
    } else if name == REAPER {
        reaper::run
    } else if name == TERMINAL_GUARD {
        terminal_guard::run
    } else {
        role::enter();
        return;
    };
    // The supervisor's socket is standard input: that number is always there and never inherited by accident.
    match sys::fd::standard_input() {
        Ok(socket) => become_it(UnixStream::from(socket)),
        Err(_) => sys::clone3::exit_now(1),
    }
}
