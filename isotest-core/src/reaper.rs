//! Executes a command of which nothing outlives this process, however that ends: what the command starts becomes,
//! when it is orphaned, a child of a small process that kills it all once we are gone.
//!
//! The process is no leader of a group: keys of the terminal reach the command as if we had started it ourselves.

use crate::messages;
use crate::role;
use crate::sys::clone3::exit_now;
use crate::sys::wait::{Wait, any_child};
use crate::sys::{is_ready, readable, signal, wait_for};
use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use procfs::process::all_processes;
use serde::{Deserialize, Serialize};
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// Message from the reaper to the process that started it.
#[derive(Debug, Serialize, Deserialize)]
enum News {
    /// Start of the command, or the number of the error for which it could not be started. It is said once, and
    /// first.
    Started(Result<(), i32>),
    /// End of the command, with its status as wait(2) gives it.
    Ended(i32),
}

/// Running command, and its reaper.
#[derive(Debug)]
pub struct Reaped {
    reaper: Child,
    news: UnixStream,
}

/// Makes a command to be given arguments, environment, directory and outputs, and then to [`Reaped::start`]. It has
/// no input.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(role::REAPER).arg(program);
    command
}

impl Reaped {
    /// Starts a command made by [`command`].
    ///
    /// # Errors
    /// Reason why the command, or its reaper, could not be started.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let (mut news, theirs) = UnixStream::pair()?;
        let reaper = command.stdin(OwnedFd::from(theirs)).spawn()?;
        // `command` holds a copy of the reaper's end of the socket, by whose closing the reaper's death is noticed.
        drop(command);
        match messages::receive(&mut news)? {
            Some((News::Started(Ok(())), _)) => Ok(Self { reaper, news }),
            Some((News::Started(Err(errno)), _)) => Err(io::Error::from_raw_os_error(errno)),
            Some((News::Ended(_), _)) | None => Err(Errno::ECHILD.into()),
        }
    }

    /// Returns the output of the command, if it was to be a pipe.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.reaper.stdout.take()
    }

    /// Waits for the end of the command. What it left running goes on, as it does without a reaper.
    ///
    /// # Errors
    /// When the socket by which the end is told fails.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        let news = messages::receive(&mut self.news)?;
        let reaper = self.reaper.wait()?;
        match news {
            Some((News::Ended(status), _)) => Ok(ExitStatus::from_raw(status)),
            Some((News::Started(_), _)) | None => Ok(reaper),
        }
    }

    /// Kills the command and all that it started, and waits for their end.
    ///
    /// # Errors
    /// When the reaper cannot be waited for.
    pub fn kill(mut self) -> io::Result<()> {
        // The reaper takes the closing of this end for our death, and kills the command.
        drop(self.news);
        self.reaper.wait().map(drop)
    }
}

/// Descriptor that can be read once the command has ended.
impl AsFd for Reaped {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }
}

/// Runs as the reaper: what it is to execute stands in its own arguments.
pub(crate) fn run(mut news: UnixStream) -> ! {
    let reaped = reap(&mut news, env::args_os().skip(1));
    exit_now(i32::from(reaped.is_err()))
}

fn reap(news: &mut UnixStream, mut words: impl Iterator<Item = OsString>) -> io::Result<()> {
    set_child_subreaper(true)?;
    let mut command = Command::new(words.next().unwrap_or_default());
    let mut child = match command.args(words).stdin(Stdio::null()).spawn() {
        Ok(child) => child,
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
            return messages::send(news, &News::Started(Err(errno)), &[]);
        }
    };
    // Blocked only now, since a mask is inherited: keys that end or stop the others must spare this process, which is
    // to kill them.
    SigSet::all().thread_block()?;
    let children = SignalFd::with_flags(
        &SigSet::from_iter([Signal::SIGCHLD]),
        SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
    )?;
    // If the starter is gone, sending fails; the loop below notices its end.
    let _ = messages::send(news, &News::Started(Ok(())), &[]);
    loop {
        // First look without a signal: a child may have ended before SIGCHLD was blocked, and then no signal comes.
        if let Some(status) = child.try_wait()? {
            return messages::send(news, &News::Ended(status.into_raw()), &[]);
        }
        if is_gone(news, &children)? {
            break;
        }
    }
    let _ = child.kill();
    kill_all()
}

/// Waits until a child may have ended, or our starter has: it says nothing, so that there is nothing to read but its end.
fn is_gone(news: &UnixStream, children: &SignalFd) -> io::Result<bool> {
    let mut sources = [readable(news), readable(children)];
    wait_for(&mut sources, None)?;
    while children.read_signal()?.is_some() {}
    Ok(is_ready(&sources[0]))
}

/// Kills the children until there are none: when one ends, the children that it had become ours.
fn kill_all() -> io::Result<()> {
    let own = i32::try_from(std::process::id()).map_err(io::Error::other)?;
    loop {
        let processes = all_processes().map_err(io::Error::other)?.flatten();
        for child in processes.filter(|process| process.stat().is_ok_and(|stat| stat.ppid == own)) {
            // An ended child is not reaped yet, so that its id is still its own. A child of another user cannot be
            // killed, and is waited for.
            let _ = signal::send(child.pid, libc::SIGKILL);
        }
        let mut flags = 0;
        loop {
            match any_child(flags)? {
                Wait::NoChildren => return Ok(()),
                Wait::Nothing => break,
                Wait::Changed(..) => flags = libc::WNOHANG,
            }
        }
    }
}
