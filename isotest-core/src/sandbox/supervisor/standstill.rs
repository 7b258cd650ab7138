//! Stops a whole run: its attempts, and its clock.

use crate::cgroup::{Cgroups, Frozen};
use crate::role;
use crate::snapshot::ProcessTable;
use crate::sys::{ByDefault, clock, pidfd, signal};
use procfs::process::Process;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Maximal number of searches for processes that were started meanwhile: each is stopped before its parent starts
/// many.
const PASSES: usize = 20;

/// Standstill of the attempts of this process and of the run's clock, until this is dropped: by the cgroup freezer of
/// version 2, and where a process is in no cgroup that can be frozen, by SIGSTOP.
#[derive(Debug)]
pub struct Standstill {
    frozen: Frozen,
    stopped: Vec<OwnedFd>,
}

impl Standstill {
    /// Stops all attempts of this process and the clock.
    ///
    /// # Errors
    /// Error of a clock that cannot be stopped, and then nothing is.
    pub fn of(cgroups: &Cgroups) -> io::Result<Self> {
        clock::stop()?;
        let mut standstill = Self { frozen: cgroups.freeze(), stopped: Vec::new() };
        standstill.stop_others();
        Ok(standstill)
    }

    fn stop_others(&mut self) {
        let mut known = BTreeSet::new();
        for _ in 0..PASSES {
            let Ok(table) = ProcessTable::read() else { return };
            let zygotes = table.children_of_this_process().into_iter().filter(|child| is_zygote(*child));
            let found: Vec<_> = zygotes
                .flat_map(|zygote| table.attempts_below(zygote))
                .filter(|pid| known.insert(*pid) && !self.frozen.holds(*pid) && !is_stopped(*pid))
                .collect();
            if found.is_empty() {
                return;
            }
            // A process that has just ended has no pidfd, and needs no signal.
            let handles = found.into_iter().filter_map(|pid| pidfd::open(pid).ok());
            self.stopped
                .extend(handles.filter(|process| pidfd::send(process.as_fd(), libc::SIGSTOP).is_ok()));
        }
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        for process in &self.stopped {
            let _ = pidfd::send(process.as_fd(), libc::SIGCONT);
        }
        self.frozen = Frozen::default();
        // The clock starts last, so that no deadline passes while processes are still stopped.
        clock::go_on();
    }
}

/// Stops this process as a signal of its terminal does by default, and returns when it goes on. Where nobody could let it go on,
/// the kernel does not stop it.
///
/// # Errors
/// When the signal cannot be sent.
pub fn stop_this_process() -> io::Result<()> {
    let by_default = ByDefault::new(libc::SIGTSTP)?;
    let raised = signal::raise(libc::SIGTSTP);
    by_default.restore()?;
    raised
}

fn is_zygote(pid: i32) -> bool {
    let words = Process::new(pid).and_then(|process| process.cmdline());
    words.is_ok_and(|words| words.first().is_some_and(|name| name == role::ZYGOTE))
}

/// Returns whether a process is stopped already; whoever stopped it is to let it go on.
fn is_stopped(pid: i32) -> bool {
    let stat = Process::new(pid).and_then(|process| process.stat());
    stat.is_ok_and(|stat| matches!(stat.state, 'T' | 't'))
}
