//! Attends to a command until its end: passes on signals, keys and the window's size, and stops together with it.

use super::screen::Screen;
use super::signals::{self, Received, Signals};
use crate::error::{Error, HostError};
use isotest_core::sandbox::{Attempt, Heard};
use isotest_core::sys::clock::{self, Instant};
use isotest_core::sys::{is_ready, readable, wait_for};
use nix::libc::{SIGCHLD, SIGCONT, SIGSTOP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// Interval at which we look whether we have come to the foreground: a shell does not tell a job that it was
/// continued in the background before.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Waits until the command has ended and all its terminal output was shown.
pub(super) fn until_end(attempt: &mut Attempt, signals: &Signals, is_timed: bool) -> Result<(), Error> {
    let screen = attempt.terminal().map(|inner| Screen::open(io::stdin().as_fd(), inner)).transpose()?;
    let mut watch = Watch { attempt, signals, is_timed, screen };
    while watch.step().map_err(HostError::System)? {}
    Ok(())
}

struct Watch<'a> {
    attempt: &'a mut Attempt,
    signals: &'a Signals,
    /// Whether the command has a time limit.
    is_timed: bool,
    screen: Option<Screen>,
}

/// Sources of the event that woke this process.
struct Woken {
    heard: bool,
    signaled: bool,
    keys: bool,
}

impl Watch<'_> {
    /// Waits for one event and handles it; returns false at the end.
    fn step(&mut self) -> io::Result<bool> {
        let Woken { heard, signaled, keys } = self.wait()?;
        if let Some(screen) = self.screen.as_mut().filter(|_| keys) {
            screen.pass_on();
        }
        if signaled {
            while let Some(signal) = self.signals.next()? {
                self.pass_on(signal);
            }
        }
        if self.screen.as_ref().is_some_and(Screen::is_waiting) {
            self.screen.as_mut().map_or(Ok(()), Screen::take)?;
        }
        if heard {
            match self.attempt.hear() {
                // No key sends SIGSTOP. A process that stopped with the command could not enforce the time limit.
                Heard::Stopped(SIGSTOP) if self.is_timed => {}
                Heard::Stopped(signal) => self.stop(signal)?,
                Heard::Lost => return Ok(false),
                Heard::Ended => {
                    if let Some(screen) = self.screen.take() {
                        screen.close();
                    }
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn wait(&self) -> io::Result<Woken> {
        let Some(attempt) = self.attempt.descriptor() else {
            return Ok(Woken { heard: true, signaled: false, keys: false });
        };
        let signals = self.signals.descriptor();
        let mut sources = vec![readable(&attempt), readable(&signals)];
        sources.extend(self.screen.as_ref().and_then(Screen::source));
        let is_waiting = self.screen.as_ref().is_some_and(Screen::is_waiting);
        wait_for(&mut sources, is_waiting.then(|| Instant::now() + LOOK_INTERVAL))?;
        let mut woken = sources.iter().map(is_ready);
        let mut next = || woken.next() == Some(true);
        // An end that was reported before this call has been read already, and waiting does not see it.
        Ok(Woken { heard: next() || self.attempt.has_ended(), signaled: next(), keys: next() })
    }

    fn pass_on(&mut self, signal: Received) {
        match signal.number {
            SIGCHLD | SIGURG => {}
            // The terminal driver sends these when this process uses the terminal in the background.
            SIGTTIN | SIGTTOU if signal.to_group => {}
            SIGWINCH => self.screen.as_ref().map_or((), Screen::resize),
            SIGCONT => self.attempt.signal(SIGCONT, true),
            number => self.attempt.signal(number, signal.to_group),
        }
    }

    /// Stops this process together with the stopped command, and all processes in the terminal's foreground, until it
    /// is continued. If nobody could continue it, a key's signal does not stop this process, and the command goes on,
    /// as it would without a sandbox.
    fn stop(&mut self, signal: i32) -> io::Result<()> {
        if let Some(screen) = &mut self.screen {
            screen.give_back();
        }
        // The clock stops while the command is stopped.
        clock::stop()?;
        let stopped = signals::stop(signal, self.screen.is_some());
        clock::go_on();
        stopped?;
        if let Some(screen) = &mut self.screen {
            screen.take()?;
            screen.resize();
        }
        self.attempt.signal(SIGCONT, true);
        Ok(())
    }
}
