//! `clone3(2)`, used to start another program in a cgroup.

use super::clone3::{SingleThreaded, arguments};
use nix::unistd::Pid;
use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;

/// Starts a process that does `work` until it executes another program or ends; with `cgroup` (an open cgroup v2
/// directory) it is born inside it. Meanwhile the caller stands still and the two share their memory, as after
/// vfork(2): what would be thrown away at once is not copied.
///
/// # Errors
/// Those of clone3(2).
#[cfg(target_arch = "x86_64")]
pub(crate) fn spawn<Work: FnOnce() -> Infallible>(
    _proof: &SingleThreaded,
    cgroup: Option<BorrowedFd<'_>>,
    work: Work,
) -> io::Result<Pid> {
    let arguments = arguments(libc::CLONE_VM | libc::CLONE_VFORK, cgroup);
    let mut work = Some(work);
    let returned: i64;
    // SAFETY: `arguments` is a valid clone_args of the size given. The child calls `enter` on this very stack, below
    // all that stands on it (without `nostack` there is no red zone), and never returns, so the caller finds its
    // frames as they were. CLONE_VFORK holds the caller until then and it has no other thread, so nothing the child
    // does to their memory is a race. `work` outlives that time.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov rdi, {work}",
            "call {enter}",
            "2:",
            inlateout("rax") libc::SYS_clone3 => returned,
            in("rdi") &raw const arguments,
            in("rsi") size_of::<libc::clone_args>(),
            out("rcx") _,
            out("r11") _,
            work = in(reg) &raw mut work,
            enter = in(reg) enter::<Work> as extern "C" fn(&mut Option<Work>) -> !,
        );
    }
    match i32::try_from(returned) {
        Ok(pid @ 1..) => Ok(Pid::from_raw(pid)),
        Ok(error) => Err(io::Error::from_raw_os_error(-error)),
        Err(_) => Err(io::Error::from_raw_os_error(libc::EOVERFLOW)),
    }
}

#[cfg(target_arch = "x86_64")]
extern "C" fn enter<Work: FnOnce() -> Infallible>(work: &mut Option<Work>) -> ! {
    if let Some(work) = work.take() {
        match work() {}
    }
    super::clone3::exit_now(1)
}

/// The same with copied memory, for processors whose calling conventions are not written down here.
///
/// # Errors
/// Those of clone3(2).
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn spawn<Work: FnOnce() -> Infallible>(
    proof: &SingleThreaded,
    cgroup: Option<BorrowedFd<'_>>,
    work: Work,
) -> io::Result<Pid> {
    use super::clone3::{Side, fork};
    match fork(proof, &arguments(0, cgroup))? {
        Side::Child => match work() {},
        Side::Parent(pid) => Ok(pid),
    }
}
