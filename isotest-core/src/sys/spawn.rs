//! Starts another program in a cgroup with `clone3(2)`, below a process that minds it.

use super::clock::Instant;
use super::clone3::{Side, SingleThreaded, arguments, exit_now, fork};
use super::poll::{readable, wait_for};
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe2, read, write};
use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;
#[cfg(target_arch = "x86_64")]
use std::{
    cell::UnsafeCell,
    os::fd::AsRawFd,
    sync::atomic::{AtomicI32, Ordering},
};

/// Starts a process that does `work` until it executes another program or ends. Meanwhile the caller stands still and
/// the two share their memory, as after vfork(2): what would be thrown away at once is not copied.
#[cfg(target_arch = "x86_64")]
fn vfork<Work: FnOnce() -> Infallible>(arguments: &libc::clone_args, work: Work) -> io::Result<Pid> {
    let mut work = Some(work);
    let returned: i64;
    // SAFETY: `arguments` is a valid clone_args of the size given, which shares memory and holds the caller. The child
    // calls `enter` on this very stack, below all that stands on it (without `nostack` there is no red zone), and never
    // returns, so the caller finds its frames as they were. CLONE_VFORK holds the caller until then and it has no other
    // thread, so nothing the child does to their memory is a race. `work` outlives that time.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov rdi, {work}",
            "call {enter}",
            "2:",
            inlateout("rax") libc::SYS_clone3 => returned,
            in("rdi") std::ptr::from_ref(arguments),
            in("rsi") size_of::<libc::clone_args>(),
            out("rcx") _,
            out("r11") _,
            work = in(reg) &raw mut work,
            enter = in(reg) enter::<Work> as extern "C" fn(&mut Option<Work>) -> !,
        );
    }
    started(returned)
}

/// Interprets what the kernel itself returns from a clone3(2).
#[cfg(target_arch = "x86_64")]
fn started(returned: i64) -> io::Result<Pid> {
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
    exit_now(1)
}

/// Memory that a minder and its caller share. It is leaked, since the kernel writes to it until the minder ends.
#[cfg(target_arch = "x86_64")]
#[derive(Debug)]
#[repr(C)]
struct Minded {
    /// Room for a `siginfo_t`, of which `si_status` is at 24.
    info: UnsafeCell<[u64; 16]>,
    /// Word that is zero once the minder is done with the caller's memory, or has ended.
    minder_in_memory: AtomicI32,
    /// Process id of the child, once it has been started.
    child: AtomicI32,
    /// Word that is zero once the child has executed another program, or has ended.
    child_in_memory: AtomicI32,
    /// Number of the error for which there is no child.
    error: AtomicI32,
    /// Descriptor to which the child's stops are written.
    news: i32,
    /// Time that the caller waits before it lets the minder go on, which the child or somebody else may have stopped.
    patience: libc::timespec,
}

/// Time that the caller waits before it lets the minder go on.
const PATIENCE: Duration = Duration::from_millis(10);

/// Starts a minder: a process that starts a child that does `work` until it executes another program, with `cgroup`
/// (an open version 2 directory) born inside it, does something itself `before` and `after` that, and then waits for
/// the child's end, after which it ends without having reaped it. To `news` it writes by which signals the child was
/// stopped. Its own end is no SIGCHLD, and only [`reap_minder`](super::wait::reap_minder) sees it. The caller stands
/// still until minder and child are done with its memory, which they share; it also shares descriptors with the
/// minder, so that none stays open that it has closed. Returns the minder and its child.
///
/// # Errors
/// Errors of clone3(2) and of `before`.
#[cfg(target_arch = "x86_64")]
pub(crate) fn spawn_minder<Work: FnOnce() -> Infallible>(
    _proof: &SingleThreaded,
    cgroup: Option<BorrowedFd<'_>>,
    news: BorrowedFd<'_>,
    (before, after): (impl FnOnce() -> io::Result<()>, impl FnOnce()),
    work: Work,
) -> io::Result<(Pid, Pid)> {
    let minded: &Minded = Box::leak(Box::new(Minded {
        info: UnsafeCell::new([0; 16]),
        minder_in_memory: AtomicI32::new(1),
        child: AtomicI32::new(0),
        child_in_memory: AtomicI32::new(1),
        error: AtomicI32::new(libc::ECHILD),
        news: news.as_raw_fd(),
        patience: libc::timespec { tv_sec: 0, tv_nsec: i64::from(PATIENCE.subsec_nanos()) },
    }));
    let shared = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_FS | libc::CLONE_SIGHAND;
    let arguments = libc::clone_args {
        exit_signal: 0,
        child_tid: minded.minder_in_memory.as_ptr().addr() as u64,
        ..arguments(shared | libc::CLONE_CHILD_CLEARTID, None)
    };
    let mut body = Some(|| {
        let born = before().and_then(|()| spawn_told(cgroup, minded, work));
        if let Err(error) = born {
            minded.error.store(error.raw_os_error().unwrap_or(libc::EPROTO), Ordering::Relaxed);
        }
        after();
        minded
    });
    let pid = run_minder(&arguments, &mut body, minded)?;
    match minded.child.load(Ordering::Relaxed) {
        0 => Err(io::Error::from_raw_os_error(minded.error.load(Ordering::Relaxed))),
        child => Ok((pid, Pid::from_raw(child))),
    }
}

/// Starts a minder with clone3(2), and waits with futex(2) until it and its child are done with this memory.
#[cfg(target_arch = "x86_64")]
#[expect(clippy::too_many_lines, reason = "a block of assembly cannot be divided")]
fn run_minder<Body: FnOnce() -> &'static Minded>(
    arguments: &libc::clone_args,
    body: &mut Option<Body>,
    minded: &Minded,
) -> io::Result<Pid> {
    let returned: i64;
    // SAFETY: `arguments` is a valid clone_args of the size given. The minder calls `mind_after` on this very stack,
    // below all that stands on it, and never returns. The caller leaves the block only when the minder, who says so or
    // has been ended, and the child, if there is one, of whom the kernel says so, touch no memory any more but `info`,
    // which is nobody else's; it has no other thread, so nothing they do to their memory is a race. `body` outlives
    // that time, `minded` all of them.
    unsafe {
        std::arch::asm!(
            "syscall",
            "mov {returned}, rax",
            "test rax, rax",
            "js 6f",
            "jnz 3f",
            "mov rdi, {body}",
            "call {mind_after}",
            // Until the minder is done. The stack is its own meanwhile.
            "3:",
            "mov edx, [{minded} + {minder}]",
            "test edx, edx",
            "jz 4f",
            "mov eax, {futex}",
            "lea rdi, [{minded} + {minder}]",
            "xor esi, esi",
            "lea r10, [{minded} + {patience}]",
            "syscall",
            "cmp eax, -{timed_out}",
            "jne 3b",
            "mov eax, {kill}",
            "mov rdi, {returned}",
            "mov esi, {go_on}",
            "syscall",
            "jmp 3b",
            // If there is a child, until that is done.
            "4:",
            "cmp dword ptr [{minded} + {child}], 0",
            "je 6f",
            "5:",
            "mov edx, [{minded} + {in_memory}]",
            "test edx, edx",
            "jz 6f",
            "mov eax, {futex}",
            "lea rdi, [{minded} + {in_memory}]",
            "xor esi, esi",
            "xor r10d, r10d",
            "syscall",
            "jmp 5b",
            "6:",
            inlateout("rax") libc::SYS_clone3 => _,
            inlateout("rdi") std::ptr::from_ref(arguments) => _,
            inlateout("rsi") size_of::<libc::clone_args>() => _,
            out("rdx") _, out("r10") _, out("rcx") _, out("r11") _,
            returned = out(reg) returned,
            body = in(reg) std::ptr::from_mut(body),
            minded = in(reg) std::ptr::from_ref(minded),
            minder = const std::mem::offset_of!(Minded, minder_in_memory),
            child = const std::mem::offset_of!(Minded, child),
            in_memory = const std::mem::offset_of!(Minded, child_in_memory),
            patience = const std::mem::offset_of!(Minded, patience),
            futex = const libc::SYS_futex,
            timed_out = const libc::ETIMEDOUT,
            kill = const libc::SYS_kill,
            go_on = const libc::SIGCONT,
            mind_after = sym mind_after::<Body>,
        );
    }
    started(returned)
}

#[cfg(target_arch = "x86_64")]
extern "C" fn mind_after<Body: FnOnce() -> &'static Minded>(body: &mut Option<Body>) -> ! {
    let Some(body) = body.take() else { exit_now(1) };
    let minded = body();
    let news = minded.news;
    // SAFETY: what follows touches no memory but `minded`, whose atomics are shared and whose `info`, which is large
    // enough for what waitid(2) fills in, is nobody else's; no stack, and nothing that belongs to the thread whose
    // memory this is.
    unsafe {
        std::arch::asm!(
            // The caller may go on.
            "mov dword ptr [r13 + {minder}], 0",
            "mov eax, {futex}",
            "lea rdi, [r13 + {minder}]",
            "mov esi, 1",
            "mov edx, 1",
            "syscall",
            "3:",
            "mov eax, {waitid}",
            "mov edi, {of_pid}",
            "mov esi, [r13 + {child}]",
            "mov rdx, r13",
            "mov r10d, {stopped}",
            "xor r8d, r8d",
            "syscall",
            "cmp eax, -{interrupted}",
            "je 3b",
            "test eax, eax",
            "jnz 4f",
            "mov eax, {write}",
            "mov edi, r12d",
            "lea rsi, [r13 + 24]",
            "mov edx, 4",
            "syscall",
            "jmp 3b",
            // There is none, or no more, that could stop.
            "4:",
            "xor edi, edi",
            "mov eax, {exit}",
            "syscall",
            "ud2",
            in("r12") i64::from(news),
            in("r13") std::ptr::from_ref(minded),
            minder = const std::mem::offset_of!(Minded, minder_in_memory),
            futex = const libc::SYS_futex,
            write = const libc::SYS_write,
            waitid = const libc::SYS_waitid,
            of_pid = const libc::P_PID,
            child = const std::mem::offset_of!(Minded, child),
            stopped = const libc::WSTOPPED,
            interrupted = const libc::EINTR,
            exit = const libc::SYS_exit_group,
            options(noreturn),
        );
    }
}

/// Calls [`vfork`] so that `told` tells of the child. CLONE_VFORK holds the minder, unless it is ended meanwhile.
#[cfg(target_arch = "x86_64")]
fn spawn_told<Work: FnOnce() -> Infallible>(
    cgroup: Option<BorrowedFd<'_>>,
    told: &Minded,
    work: Work,
) -> io::Result<()> {
    let ids = libc::CLONE_PARENT_SETTID | libc::CLONE_CHILD_CLEARTID;
    let arguments = libc::clone_args {
        parent_tid: told.child.as_ptr().addr() as u64,
        child_tid: told.child_in_memory.as_ptr().addr() as u64,
        ..arguments(libc::CLONE_VM | libc::CLONE_VFORK | ids, cgroup)
    };
    vfork(&arguments, work).map(drop)
}

/// Starts a minder with copied memory, for processors whose calling conventions are not written down here.
///
/// # Errors
/// Errors of clone3(2) and of `before`.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn spawn_minder<Work: FnOnce() -> Infallible>(
    proof: &SingleThreaded,
    cgroup: Option<BorrowedFd<'_>>,
    news: BorrowedFd<'_>,
    (before, after): (impl FnOnce() -> io::Result<()>, impl FnOnce()),
    work: Work,
) -> io::Result<(Pid, Pid)> {
    spawn_minder_apart(proof, cgroup, news, (before, after), work)
}

/// Starts a minder with copied memory, for a caller who has to do something for the child to go on.
///
/// # Errors
/// Errors of clone3(2) and of `before`; `ECHILD` if the minder was ended at once.
#[expect(unreachable_code, reason = "a match without arms is how the child's branch gets its type")]
pub(crate) fn spawn_minder_apart<Work: FnOnce() -> Infallible>(
    proof: &SingleThreaded,
    cgroup: Option<BorrowedFd<'_>>,
    news: BorrowedFd<'_>,
    (before, after): (impl FnOnce() -> io::Result<()>, impl FnOnce()),
    work: Work,
) -> io::Result<(Pid, Pid)> {
    let (first, born) = pipe2(OFlag::O_CLOEXEC)?;
    match fork(proof, &libc::clone_args { exit_signal: 0, ..arguments(0, None) })? {
        Side::Child => {
            let start = before().and_then(|()| fork(proof, &arguments(0, cgroup)));
            let child = match start {
                Ok(Side::Child) => match work() {},
                Ok(Side::Parent(child)) => child.as_raw(),
                Err(error) => -error.raw_os_error().unwrap_or(libc::EPROTO),
            };
            after();
            let mut told = write(&born, &child.to_ne_bytes()).is_ok();
            drop((first, born));
            while told {
                let stop = super::wait::stop_of_child(child);
                told = stop.is_some_and(|signal| write(news, &signal.to_ne_bytes()).is_ok());
            }
            exit_now(0)
        }
        Side::Parent(minder) => {
            drop(born);
            let mut number = [0; 4];
            let mut told = [readable(&first)];
            // The minder may have been stopped by the child, or by somebody else.
            while wait_for(&mut told, Some(Instant::now() + PATIENCE))? == 0 {
                kill(minder, Signal::SIGCONT)?;
            }
            match (read(&first, &mut number)?, i32::from_ne_bytes(number)) {
                (4, child @ 1..) => Ok((minder, Pid::from_raw(child))),
                (4, error) => Err(io::Error::from_raw_os_error(-error)),
                _ => Err(io::Error::from_raw_os_error(libc::ECHILD)),
            }
        }
    }
}
