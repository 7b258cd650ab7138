//! Puts the settings of a terminal back when the process that changed them is killed: a small process waits for its
//! end.

use crate::messages;
use crate::role;
use crate::sys::clone3::exit_now;
use nix::sys::signal::SigSet;
use nix::sys::termios::{
    ControlFlags, InputFlags, LocalFlags, OutputFlags, SetArg, Termios, tcgetattr, tcsetattr,
};
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Settings of a terminal that programs change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    input: libc::tcflag_t,
    output: libc::tcflag_t,
    control: libc::tcflag_t,
    local: libc::tcflag_t,
    characters: Vec<libc::cc_t>,
}

impl Settings {
    fn of(terminal: &Termios) -> Self {
        Self {
            input: terminal.input_flags.bits(),
            output: terminal.output_flags.bits(),
            control: terminal.control_flags.bits(),
            local: terminal.local_flags.bits(),
            characters: terminal.control_chars.to_vec(),
        }
    }

    fn apply(&self, terminal: &mut Termios) {
        terminal.input_flags = InputFlags::from_bits_retain(self.input);
        terminal.output_flags = OutputFlags::from_bits_retain(self.output);
        terminal.control_flags = ControlFlags::from_bits_retain(self.control);
        terminal.local_flags = LocalFlags::from_bits_retain(self.local);
        for (to, from) in terminal.control_chars.iter_mut().zip(&self.characters) {
            *to = *from;
        }
    }
}

/// Order to the guard: the settings to be put back, and those that they replace.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    before: Settings,
    ours: Settings,
}

/// Guard that puts a terminal's settings back if this process ends without having done so. One that is dropped does
/// nothing more.
#[derive(Debug)]
pub struct Guard {
    process: Child,
    line: UnixStream,
}

impl Guard {
    /// Guards a terminal that has the settings `ours` from now on in place of those `before`.
    ///
    /// # Errors
    /// Reason why the process that waits could not be started.
    pub fn start(terminal: BorrowedFd<'_>, before: &Termios, ours: &Termios) -> io::Result<Self> {
        let (mut line, theirs) = UnixStream::pair()?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0(role::TERMINAL_GUARD).stdin(OwnedFd::from(theirs));
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        // `command` holds a copy of the guard's end of the socket, which only the guard may have.
        drop(command);
        let order = Order { before: Settings::of(before), ours: Settings::of(ours) };
        messages::send(&mut line, &order, &[terminal])?;
        Ok(Self { process, line })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Ends the guard before this process does, so that nobody sees it in a list of processes.
        let _ = self.line.shutdown(Shutdown::Both);
        let _ = self.process.wait();
    }
}

/// Runs as the guard: waits for the end of the process that started it, then gives the terminal its settings back.
pub(crate) fn run(mut line: UnixStream) -> ! {
    exit_now(i32::from(guard(&mut line).is_err()))
}

fn guard(line: &mut UnixStream) -> io::Result<()> {
    // Keys that end other processes must spare the guard, and it may change the terminal from the background.
    SigSet::all().thread_block()?;
    let Some((Order { before, ours }, descriptors)) = messages::receive(line)? else { return Ok(()) };
    let terminal = descriptors.first().ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
    // Blocks until the other end is closed: nothing is ever sent.
    let _ = line.read(&mut [0])?;
    let mut now = tcgetattr(terminal.as_fd())?;
    // Settings that another process has changed since are left alone.
    if Settings::of(&now) == ours {
        before.apply(&mut now);
        tcsetattr(terminal.as_fd(), SetArg::TCSANOW, &now)?;
    }
    Ok(())
}
