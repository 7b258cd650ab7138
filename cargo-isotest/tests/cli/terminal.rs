//! A terminal, and whoever sits before it.

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// Both sides of a pseudo terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    keyboard: File,
    programs: OwnedFd,
    screen: Receiver<Vec<u8>>,
    /// What was shown and not waited for yet.
    seen: String,
}

impl Terminal {
    /// One of 24 lines and 80 columns.
    pub(crate) fn new() -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let both = openpty(Some(&size), None).unwrap();
        let keyboard = File::from(both.master);
        let mut shown = keyboard.try_clone().unwrap();
        let (tell, screen) = channel();
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
        Self { keyboard, programs: both.slave, screen, seen: String::new() }
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
        loop {
            if let Some(at) = self.seen.find(text) {
                let before = self.seen[..at].to_owned();
                self.seen.drain(..at + text.len());
                return before;
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(more) => self.seen += &String::from_utf8_lossy(&more),
                Err(error) => panic!("no {text:?} ({error}) in {:?}", self.seen),
            }
        }
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
