//! What somebody who attends to an attempt may do: wait for news together with other things, send signals, and use its
//! terminal.

use super::attempt::Attempt;
use super::channel::{self, Command, Report};
use super::prepared::Sandbox;
use super::step::{Step, StepError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// News of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It has ended.
    Ended,
    /// Its sandbox does not answer. What is left of it ends with its slot.
    Lost,
    /// This signal stopped it; it goes on after SIGCONT.
    Stopped(i32),
}

impl Attempt {
    /// Readable when [`Attempt::hear`] has something to say; `None` if there never was a sandbox.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.sandbox.as_ref().map(|sandbox| sandbox.control.as_fd())
    }

    /// Waits for news.
    pub fn hear(&mut self) -> Heard {
        while !self.has_ended() {
            match self.take_report() {
                Ok(Some(signal)) => return Heard::Stopped(signal),
                Ok(None) => {}
                Err(error) => {
                    self.lose(&error);
                    return Heard::Lost;
                }
            }
        }
        Heard::Ended
    }

    /// The outer side of its terminal, if it has one.
    pub fn terminal(&self) -> Option<BorrowedFd<'_>> {
        self.terminal.as_ref().map(AsFd::as_fd)
    }

    /// Sends a signal to the workload's process, or to all of its process group.
    pub fn signal(&mut self, signal: i32, group: bool) {
        if let Some(sandbox) = &mut self.sandbox {
            // An init that has just gone is noticed by whoever hears of it.
            let _ = channel::send(&mut sandbox.control, &Command::Signal { signal, group }, &[]);
        }
    }
}

/// Waits until the terminal of a sandbox is open, if it is to have one.
pub(super) fn terminal(sandbox: &mut Sandbox) -> Result<Option<OwnedFd>, StepError> {
    if !sandbox.kind.attended.is_some_and(crate::plan::Attended::has_terminal) {
        return Ok(None);
    }
    let report = Step::Supervise.run(|| channel::receive::<Report>(&mut sandbox.control))?;
    match report {
        Some((Report::Terminal, descriptors)) => Ok(descriptors.into_iter().next()),
        Some((Report::Failed(error), _)) => Err(error),
        None | Some(_) => Err(Step::Supervise.failed(None, &io::Error::from_raw_os_error(libc::ECHILD))),
    }
}
