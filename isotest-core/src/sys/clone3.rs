//! Forks into new namespaces with `clone3(2)`.

use nix::unistd::Pid;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Proof that this process has one thread, so that its copies may run ordinary Rust: no lock of another thread
/// can be held for ever in the copy.
#[derive(Debug)]
pub(crate) struct SingleThreaded(PhantomData<*const ()>);

impl SingleThreaded {
    /// Verifies by `/proc/self/task` that this process has one thread.
    ///
    /// # Errors
    /// `EBUSY` if the process has a second thread.
    pub(crate) fn verify() -> io::Result<Self> {
        let threads = std::fs::read_dir("/proc/self/task")?.count();
        if threads == 1 { Ok(Self(PhantomData)) } else { Err(io::Error::from_raw_os_error(libc::EBUSY)) }
    }
}

/// Side of a fork on which a call has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Calling process, with the new process's id.
    Parent(Pid),
    /// New process.
    Child,
}

/// Forks with clone3(2): the namespaces in `flags` are new.
///
/// # Errors
/// Errors of clone3(2).
pub(crate) fn clone3(proof: &SingleThreaded, flags: i32) -> io::Result<Side> {
    fork(proof, &arguments(flags, None))
}

pub(super) fn fork(_proof: &SingleThreaded, arguments: &libc::clone_args) -> io::Result<Side> {
    // SAFETY: `arguments` is a valid clone_args of the size given. Without CLONE_VM and without a stack the child
    // continues on a copy of this stack, as after fork(2); the proof says that no other thread existed whose locks
    // the copy could inherit.
    let returned = unsafe {
        libc::syscall(libc::SYS_clone3, std::ptr::from_ref(arguments), size_of::<libc::clone_args>())
    };
    match super::checked(returned)? {
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX)))),
    }
}

/// Makes the arguments of clone3(2). With `cgroup` (an open cgroup v2 directory) the child is born inside it.
pub(super) fn arguments(flags: i32, cgroup: Option<BorrowedFd<'_>>) -> libc::clone_args {
    let into_cgroup = if cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 };
    libc::clone_args {
        flags: u64::from(flags.cast_unsigned()) | into_cgroup,
        pidfd: 0,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: u64::from(libc::SIGCHLD.cast_unsigned()),
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: cgroup.map_or(0, |fd| u64::from(fd.as_raw_fd().cast_unsigned())),
    }
}

/// Flag `CLONE_INTO_CGROUP`: with glibc, that of `libc` is a `c_int`, which it does not fit, and therefore 0; with
/// musl it has none.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Ends this process at once, with `_exit(2)`: without the exit handlers of the process it was copied from.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit demands nothing of its caller.
    unsafe { libc::_exit(code) }
}
