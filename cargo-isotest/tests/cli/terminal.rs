//! A terminal, and whoever sits before it.

use indicatif::{InMemoryTerm, TermLike};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(30);

const LINES: u16 = 24;

/// Both sides of a pseudo terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    keyboard: File,
    programs: OwnedFd,
    written: Receiver<Vec<u8>>,
    /// The beginning of a character.
    begun: Vec<u8>,
    /// What was written and not waited for yet.
    seen: String,
    /// What came of it before the eyes.
    screen: InMemoryTerm,
}

impl Terminal {
    /// One of 24 lines and 80 columns.
    pub(crate) fn new() -> Self {
        Self::with_columns(80)
    }

    /// One of 24 lines.
    pub(crate) fn with_columns(columns: u16) -> Self {
        let size = Winsize { ws_row: LINES, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let both = openpty(Some(&size), None).unwrap();
        let keyboard = File::from(both.master);
        let mut shown = keyboard.try_clone().unwrap();
        let (tell, written) = channel();
        thread::spawn(move || {
            let mut text = [0; 4096];
            loop {
                match shown.read(&mut text) {
                    Ok(length) if tell.send(text[..length].to_vec()).is_ok() => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    _ => return,
                }
            }
        });
        let screen = InMemoryTerm::new(LINES, columns);
        let (begun, seen) = (Vec::new(), String::new());
        Self { keyboard, programs: both.slave, written, begun, seen, screen }
    }

    /// For the three standard descriptors of a program.
    pub(crate) fn descriptors(&self) -> [Stdio; 3] {
        [(); 3].map(|()| self.programs.try_clone().unwrap().into())
    }

    /// Types.
    pub(crate) fn keys(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    /// Waits until this is shown, and gives what was shown before it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                let before = self.seen[..at].to_owned();
                self.seen.drain(..at + text.len());
                return before;
            }
            if let Err(error) = self.read(deadline) {
                panic!("no {text:?} ({error}) in {:?}", self.seen);
            }
        }
    }

    /// Waits until what stands on the screen is like this.
    #[track_caller]
    pub(crate) fn wait_until_it_shows(&mut self, what: &str, is_shown: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_shown(&self.screen.contents()) {
            if let Err(error) = self.read(deadline) {
                panic!("no {what} ({error}) on\n{}", self.screen.contents());
            }
        }
    }

    /// What stands on the screen.
    pub(crate) fn shown(&self) -> String {
        self.screen.contents()
    }

    /// Reads what is written next, as far as its characters are whole. A bar goes on for ever.
    fn read(&mut self, deadline: Instant) -> Result<(), RecvTimeoutError> {
        let left = deadline.checked_duration_since(Instant::now()).ok_or(RecvTimeoutError::Timeout)?;
        self.begun.extend(self.written.recv_timeout(left)?);
        let whole = match str::from_utf8(&self.begun) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.begun.len(),
        };
        let text = String::from_utf8_lossy(&self.begun[..whole]).into_owned();
        self.begun.drain(..whole);
        self.screen.write_str(&text).unwrap();
        self.seen += &text;
        Ok(())
    }

    /// Everything about it that programs can change.
    pub(crate) fn settings(&self) -> Termios {
        tcgetattr(&self.programs).unwrap()
    }

    /// Whether keys are passed on as they are typed.
    pub(crate) fn is_raw(&self) -> bool {
        !self.settings().local_flags.intersects(LocalFlags::ICANON | LocalFlags::ISIG | LocalFlags::ECHO)
    }

    /// Makes the window this large.
    pub(crate) fn resize(&self, lines: u16, columns: u16) {
        let mut stty = Command::new("stty");
        stty.args(["rows", &lines.to_string(), "cols", &columns.to_string()]);
        assert!(stty.stdin(self.programs.try_clone().unwrap()).status().unwrap().success());
    }
}
