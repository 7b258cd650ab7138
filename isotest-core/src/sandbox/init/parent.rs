//! Parent of the workload. Below `cargo test` a test is one of many in a session, a member of a process group that
//! somebody else leads, and its parent is an ordinary process. Init can be none of that to it: it is process 1, which a
//! test that asks for its parent takes for the end of that, and its group is one to which a signal cannot be sent. So
//! between the two there is a process that does nothing. Its memory is init's, it is outside the attempt's cgroup, and
//! it leads the workload's group without being in it. It ends when the workload has, which it leaves to init to be
//! reaped; if a workload ends it before, nothing else changes.

use crate::sys::clone3::SingleThreaded;
use crate::sys::signal;
use crate::sys::spawn::{spawn_minder, spawn_minder_apart};
use crate::sys::wait::{Used, reap_minder};
use nix::fcntl::OFlag;
use nix::sys::prctl::set_name;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Pid, getpgid, getpid, pipe2, read, setpgid};
use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Origin of the memory of a workload's parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// Memory of the caller, who stands still until the workload has been executed.
    Shared,
    /// Copy of the caller's memory: the workload may wait for the caller.
    Copied,
}

/// Parent of a workload.
#[derive(Debug)]
pub(super) struct Parent {
    pid: Pid,
    /// Pipe that carries the signals by which the workload was stopped.
    stops: OwnedFd,
    /// Writing end of that pipe, which is the parent's own where descriptors are shared.
    _told: OwnedFd,
}

impl Parent {
    /// Starts a parent, and has it start the workload, in a version 2 cgroup if one is given. The caller leads its
    /// session.
    pub(super) fn start(
        proof: &SingleThreaded,
        memory: Memory,
        cgroup: Option<BorrowedFd<'_>>,
        workload: impl FnOnce() -> Infallible,
    ) -> io::Result<(Self, Pid)> {
        let (stops, told) = pipe2(OFlag::O_CLOEXEC)?;
        let (own, callers) = (Pid::from_raw(0), getpid());
        let before = || -> io::Result<()> {
            // Signals of the workload to its parent, other than SIGKILL, have no effect.
            SigSet::all().thread_set_mask()?;
            set_name(c"isotest-parent")?;
            Ok(setpgid(own, own)?)
        };
        let after = || {
            // Cannot fail; if it did, the process would harmlessly stay in the workload's group.
            let _ = setpgid(own, callers);
        };
        let (around, told_to) = ((before, after), told.as_fd());
        let (pid, workload) = match memory {
            Memory::Shared => spawn_minder(proof, cgroup, told_to, around, workload)?,
            Memory::Copied => spawn_minder_apart(proof, cgroup, told_to, around, workload)?,
        };
        Ok((Self { pid, stops, _told: told }, workload))
    }

    /// Returns the parent's process id, which is that of the workload's group, too.
    pub(super) const fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the descriptor that is readable when the workload was stopped.
    pub(super) fn stops(&self) -> BorrowedFd<'_> {
        self.stops.as_fd()
    }

    /// Reads the next signal that stopped the workload.
    pub(super) fn next_stop(&self) -> io::Result<i32> {
        let mut signal = [0; 4];
        read(&self.stops, &mut signal)?;
        Ok(i32::from_ne_bytes(signal))
    }

    /// Lets the parent go on, in case the workload has stopped it: nobody else would hear of the workload's end.
    pub(super) fn go_on(&self) {
        // Fails if the process has ended.
        let _ = kill(self.pid, Signal::SIGCONT);
    }

    /// Sends a signal to the workload, or to the group it was started in and the one it is in now.
    pub(super) fn signal(&self, workload: Pid, signal: i32, group: bool) {
        // Fails if the process has just ended.
        if !group {
            let _ = signal::send(workload.as_raw(), signal);
            return;
        }
        let _ = signal::send(-self.pid.as_raw(), signal);
        if let Ok(now) = getpgid(Some(workload))
            && now != self.pid
            && now.as_raw() > 1
        {
            let _ = signal::send(-now.as_raw(), signal);
        }
    }

    /// Ends the parent, if it has not ended, after which the workload is the caller's child. Returns the resources
    /// that the parent has used, which are no part of the workload's.
    pub(super) fn end(&self) -> io::Result<Used> {
        kill(self.pid, Signal::SIGKILL)?;
        reap_minder(self.pid)
    }
}
