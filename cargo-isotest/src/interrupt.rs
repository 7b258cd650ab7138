//! Signals that end the run: the first ends it in order, the second at once.

use crate::workers::News;
use isotest_core::sandbox::Cancel;
use procfs::process::Process;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;
use std::io;
use std::sync::mpsc::Sender;
use std::thread::Scope;

/// Signals are watched for until this is dropped, however that comes about: a thread waits for them.
#[derive(Debug)]
pub(crate) struct Watch(Handle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Watches for signals.
pub(crate) fn watch<'scope>(
    scope: &'scope Scope<'scope, '_>,
    cancel: &'scope Cancel,
    tell: Sender<News>,
) -> io::Result<Watch> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)))?;
    let handle = signals.handle();
    scope.spawn(move || {
        for signal in signals.forever() {
            if cancel.is_thrown() {
                end_by(signal);
            }
            cancel.throw();
            // A supervisor that no longer listens is about to end the run anyway.
            let _ = tell.send(News::Interrupted(signal));
        }
    });
    Ok(Watch(handle))
}

/// Whether whoever started us had this signal ignored, as nohup(1) does. Then it stays so.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign >> (signal - 1) & 1 == 1)
}

/// Ends this process by the signal, as if it had never been caught: whoever waits for it sees what happened.
pub(crate) fn end_by(signal: i32) {
    // It fails only for signals that do not end a process, and those are not caught here.
    let _ = emulate_default_handler(signal);
}
