//! Keys that are typed while tests run: `t` asks how the run stands. They arrive one by one and are not shown;
//! whatever ends or stops the run, the terminal is as it was.

use crate::error::HostError;
use crate::registry::Registry;
use crate::schedule::slots::{News, Told};
use crate::threads;
use isotest_core::sys::clock::Instant;
use isotest_core::sys::{is_ready, readable, wait_for};
use isotest_core::terminal_guard::Guard;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, read, tcgetpgrp};
use std::io::{self, IsTerminal, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::Duration;

/// Interval at which it is checked whether the terminal is ours, of which nothing tells.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Terminal that is our standard input.
#[derive(Debug)]
pub(crate) struct Keyboard {
    terminal: OwnedFd,
    mode: Mutex<Mode>,
}

/// Mode of a keyboard: whose settings its terminal has.
#[derive(Debug)]
enum Mode {
    /// Settings of the caller, until we are in the foreground.
    Free,
    /// Settings of ours. The caller's are restored by us, or, if we are killed, by a guard.
    Taken(Termios, Option<Guard>),
    /// Settings of the caller, until the terminal is let go.
    Held,
}

/// Listener to keys, until this is dropped.
#[derive(Debug)]
pub(crate) struct Listening<'a> {
    keyboard: &'a Keyboard,
    /// Pipe whose other end wakes the thread that listens when this one is dropped.
    _wake: PipeWriter,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.keyboard.give_back();
    }
}

impl Keyboard {
    /// Opens the terminal of standard input; `None` if standard input is none.
    pub(crate) fn open() -> Option<Self> {
        let stdin = io::stdin();
        let terminal = stdin.is_terminal().then(|| stdin.as_fd().try_clone_to_owned().ok())??;
        Some(Self { terminal, mode: Mutex::new(Mode::Free) })
    }

    /// Listens to keys while we are in the foreground of the terminal.
    ///
    /// # Errors
    /// When there is no descriptor or no thread for it.
    pub(crate) fn listen<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        registry: &'scope Registry,
        tell: Sender<Told>,
    ) -> Result<Listening<'scope>, HostError> {
        let (woken, wake) = io::pipe().map_err(HostError::System)?;
        let listening = Listening { keyboard: self, _wake: wake };
        let ask = move || {
            // A supervisor that no longer listens is about to end the run.
            let _ = tell.send(News::Asked(registry.live()).into());
        };
        let started = threads::builder().spawn_scoped(scope, move || {
            // Without the terminal there are no keys.
            let _ = self.follow(&woken, ask);
        });
        started.map_err(|source| HostError::Thread { task: "that listens to keys", source })?;
        Ok(listening)
    }

    fn follow(&self, woken: &PipeReader, ask: impl Fn()) -> io::Result<()> {
        // A process that reads in the background, or changes the terminal from there, is not to be stopped.
        SigSet::from_iter([Signal::SIGTTIN, Signal::SIGTTOU]).thread_block()?;
        loop {
            let is_ours = self.take()?;
            let mut sources = vec![readable(woken)];
            sources.extend(is_ours.then(|| readable(&self.terminal)));
            wait_for(&mut sources, Some(Instant::now() + LOOK_INTERVAL))?;
            let mut ready = sources.iter().map(is_ready);
            if ready.next() == Some(true) {
                return Ok(());
            }
            if ready.next() != Some(true) {
                continue;
            }
            let Some(keys) = self.typed()? else { return Ok(()) };
            if keys.contains(&b't') {
                ask();
            }
        }
    }

    /// Reads the keys that were typed, `None` at the end of the terminal. What is typed once the terminal was given
    /// back belongs to whoever reads from it next.
    fn typed(&self) -> io::Result<Option<Vec<u8>>> {
        let mode = self.mode();
        let mut source = [readable(&self.terminal)];
        if !matches!(*mode, Mode::Taken(..)) || !self.is_foreground() {
            return Ok(Some(Vec::new()));
        }
        // Another process of the foreground may have read them meanwhile.
        wait_for(&mut source, Some(Instant::now()))?;
        if !source.iter().any(is_ready) {
            return Ok(Some(Vec::new()));
        }
        let mut keys = [0; 64];
        let length = read(&self.terminal, &mut keys)?;
        Ok((length > 0).then(|| keys.iter().take(length).copied().collect()))
    }

    fn mode(&self) -> MutexGuard<'_, Mode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_foreground(&self) -> bool {
        tcgetpgrp(&self.terminal).is_ok_and(|group| group == getpgrp())
    }

    /// Takes the terminal over, if that may be. Returns whether it is ours.
    fn take(&self) -> io::Result<bool> {
        let mut mode = self.mode();
        if matches!(*mode, Mode::Free) && self.is_foreground() {
            let before = tcgetattr(&self.terminal)?;
            let ours = by_key(&before);
            // Without a guard a run that is killed leaves the terminal as it is now, which the shell may mend.
            let guard = Guard::start(self.terminal.as_fd(), &before, &ours).ok();
            tcsetattr(&self.terminal, SetArg::TCSANOW, &ours)?;
            *mode = Mode::Taken(before, guard);
        }
        Ok(matches!(*mode, Mode::Taken(..)))
    }

    /// Gives the terminal back as it was, until it is [let go](Self::let_go).
    pub(crate) fn give_back(&self) {
        let mut mode = self.mode();
        if let Mode::Taken(before, guard) = std::mem::replace(&mut *mode, Mode::Held)
            && self.is_foreground()
        {
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &before);
            drop(guard);
        }
    }

    /// Lets the terminal be taken over again.
    pub(crate) fn let_go(&self) {
        let mut mode = self.mode();
        if matches!(*mode, Mode::Held) {
            *mode = Mode::Free;
        }
    }
}

/// Returns the settings of a terminal by which each key arrives at once and is not shown. Keys that send a signal
/// still do.
fn by_key(before: &Termios) -> Termios {
    let mut settings = before.clone();
    settings.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
    settings.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
    settings.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
    settings
}
