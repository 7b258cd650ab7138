//! Signals that end the run: the first ends it in order, the second at once. And the key that stops the run for a
//! while, and the signal by which somebody asks how it stands.

use crate::error::{Error, HostError};
use crate::registry::Registry;
use crate::schedule::keyboard::Keyboard;
use crate::schedule::slots::{News, Told};
use crate::threads;
use isotest_core::cgroup::Cgroups;
use isotest_core::sandbox::{Cancel, Standstill, stop_this_process};
use isotest_core::sys::ByDefault;
use nix::unistd::getppid;
use procfs::process::Process;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1};
use signal_hook::flag::{self, register_conditional_default, register_conditional_shutdown};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::{emulate_default_handler, exit};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::Duration;

/// Time that the screen may take to be made ready for others. Whoever writes to a reader that has stopped waits for
/// ever.
const SCREEN_GRACE: Duration = Duration::from_secs(2);

/// Effects of signals on this process. Once a signal has been watched for, it would be swallowed whenever nobody
/// watches: its default does not come back by itself.
#[derive(Debug)]
pub(crate) struct Interrupts {
    signals: Vec<i32>,
    /// Whether signals end the process at once.
    at_once: Arc<AtomicBool>,
    /// Default effect of the key that stops the run, while nobody watches for it any more.
    key: Mutex<Option<ByDefault>>,
}

/// Watch for signals until this is dropped, however that comes about: a thread waits for them.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    handle: Handle,
    interrupts: &'a Interrupts,
    has_key: bool,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        // Set first, so that no signal arrives in between.
        self.interrupts.at_once.store(true, Ordering::SeqCst);
        if self.has_key {
            // Registering this signal cannot fail.
            *self.interrupts.key() = ByDefault::new(SIGTSTP).ok();
        }
        self.handle.close();
    }
}

impl Interrupts {
    /// Takes signals over, before anything that takes long. They end the process at once, until they are watched for.
    pub(crate) fn take() -> io::Result<Self> {
        let signals: Vec<_> =
            [SIGINT, SIGTERM, SIGHUP, SIGQUIT].into_iter().filter(|it| !is_ignored(*it)).collect();
        let at_once = Arc::new(AtomicBool::new(true));
        for signal in &signals {
            let condition = Arc::clone(&at_once);
            match status(*signal) {
                Some(status) => register_conditional_shutdown(*signal, i32::from(status), condition)?,
                None => register_conditional_default(*signal, condition)?,
            };
        }
        if !is_ignored(SIGUSR1) {
            // Before the first test, SIGUSR1 has nothing to report, and must not end the process.
            flag::register(SIGUSR1, Arc::default())?;
        }
        Ok(Self { signals, at_once, key: Mutex::default() })
    }

    fn key(&self) -> MutexGuard<'_, Option<ByDefault>> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches for signals: they end the run in order, stop it for a while, or ask how it stands.
    ///
    /// # Errors
    /// When there is no descriptor or no thread for it. Signals then end the process at once, as before.
    pub(crate) fn watch<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        cancel: &'scope Cancel,
        subject: Subject<'scope>,
        tell: Sender<Told>,
    ) -> Result<Watch<'scope>, Error> {
        let others = [SIGTSTP, SIGUSR1].into_iter().filter(|it| !is_ignored(*it)).collect::<Vec<_>>();
        let mut signals = Signals::new(self.signals.iter().chain(&others)).map_err(HostError::System)?;
        self.key().take().map_or(Ok(()), ByDefault::restore).map_err(HostError::System)?;
        let has_key = others.contains(&SIGTSTP);
        let watch = Watch { handle: signals.handle(), interrupts: self, has_key };
        self.at_once.store(false, Ordering::SeqCst);
        let wait = move || {
            for signal in signals.forever() {
                match signal {
                    SIGTSTP => {
                        subject.stop(&tell);
                        continue;
                    }
                    SIGUSR1 => {
                        // A supervisor that no longer listens is about to end the run.
                        let _ = tell.send(News::Asked(subject.registry.live()).into());
                        continue;
                    }
                    _ => {}
                }
                if cancel.is_thrown() {
                    subject.give_back();
                    end(signal);
                }
                // Told before the tests hear of it, so that the reason is known. A supervisor that no longer listens is
                // about to end the run anyway.
                let _ = tell.send(News::Interrupted(signal).into());
                cancel.throw_by(signal);
            }
        };
        let started = threads::builder().spawn_scoped(scope, wait);
        started.map_err(|source| HostError::Thread { task: "that watches for signals", source })?;
        Ok(watch)
    }
}

/// Parts of a run that signals are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'run> {
    /// Cgroups of the attempts.
    pub(crate) cgroups: &'run Cgroups,
    /// Registry of the attempts.
    pub(crate) registry: &'run Registry,
    /// Keyboard that has the terminal, if there is one.
    pub(crate) keyboard: Option<&'run Keyboard>,
}

impl Subject<'_> {
    /// Gives the terminal back as it was.
    fn give_back(self) {
        if let Some(keyboard) = self.keyboard {
            keyboard.give_back();
        }
    }

    /// Stops the run with all its attempts and clocks, until somebody lets it go on.
    fn stop(self, tell: &Sender<Told>) {
        let (told, heard, _go_on) = Told::stopping();
        // If the supervisor does not answer in time, the progress bar stays on the screen.
        let _ = tell.send(told);
        let _ = heard.recv_timeout(SCREEN_GRACE);
        self.give_back();
        // If the run's clock cannot be stopped, this process stops all the same.
        let standstill = Standstill::of(self.cgroups);
        // Raising this signal cannot fail.
        let _ = stop_this_process();
        drop(standstill);
        if let Some(keyboard) = self.keyboard {
            keyboard.let_go();
        }
    }
}

/// Returns whether whoever started us had this signal ignored, as nohup(1) does. Then it stays so.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign >> (signal - 1) & 1 == 1)
}

/// Ends this process by the signal, as if it had never been caught: whoever waits for it sees what happened.
pub(crate) fn end_by(signal: i32) {
    // It fails only for signals that do not end a process, and those are not caught here.
    let _ = emulate_default_handler(signal);
}

/// Ends this process because of a signal that ended the run.
pub(crate) fn end(signal: i32) {
    match status(signal) {
        Some(status) => exit(i32::from(status)),
        None => end_by(signal),
    }
}

/// Returns the exit status by which a run ends that was ended by this signal, as a shell would say it; `None` if it
/// ends by the signal itself. A service manager takes the end by one of these signals for success
/// (systemd.service(5), "SuccessExitStatus="), which a run that was not finished is not. A shell, however, must see
/// that it was a key, or it goes on with its next command.
pub(crate) fn status(signal: i32) -> Option<u8> {
    let is_key = signal == SIGINT && !is_service();
    if is_key { None } else { u8::try_from(signal).ok().and_then(|number| number.checked_add(128)) }
}

/// Returns whether a service manager waits for this process.
fn is_service() -> bool {
    let parent = Process::new(getppid().as_raw()).and_then(|process| process.stat());
    parent.is_ok_and(|stat| stat.comm == "systemd")
}
