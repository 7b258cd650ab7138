//! Derives what a thread waits for from its system call, as far as that tells; pure.

use super::{SystemCall, WaitsFor};
use procfs::process::Syscall;

/// Index of the argument of futex(2) that holds the kind of the operation.
const FUTEX_OPERATION: usize = 1;
/// Bit of a futex(2) operation on a futex that is private to a process.
const FUTEX_PRIVATE: u64 = 128;

/// Names of the calls that can wait for long.
const NAMES: &[(libc::c_long, &str)] = &[
    (libc::SYS_read, "read"),
    (libc::SYS_readv, "readv"),
    (libc::SYS_pread64, "pread64"),
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_recvfrom, "recvfrom"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_sendmsg, "sendmsg"),
    (libc::SYS_accept, "accept"),
    (libc::SYS_accept4, "accept4"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_ppoll, "ppoll"),
    (libc::SYS_pselect6, "pselect6"),
    (libc::SYS_epoll_pwait, "epoll_pwait"),
    (libc::SYS_epoll_pwait2, "epoll_pwait2"),
    (libc::SYS_futex, "futex"),
    (libc::SYS_wait4, "wait4"),
    (libc::SYS_waitid, "waitid"),
    (libc::SYS_nanosleep, "nanosleep"),
    (libc::SYS_clock_nanosleep, "clock_nanosleep"),
    (libc::SYS_rt_sigsuspend, "rt_sigsuspend"),
    (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
    (libc::SYS_flock, "flock"),
    (libc::SYS_fcntl, "fcntl"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_execve, "execve"),
    (libc::SYS_msgrcv, "msgrcv"),
    (libc::SYS_msgsnd, "msgsnd"),
    (libc::SYS_semop, "semop"),
    (libc::SYS_semtimedop, "semtimedop"),
    (libc::SYS_mq_timedreceive, "mq_timedreceive"),
    (libc::SYS_mq_timedsend, "mq_timedsend"),
    (libc::SYS_io_uring_enter, "io_uring_enter"),
    (libc::SYS_restart_syscall, "restart_syscall"),
];

/// Names of the calls that can wait for long and that only older architectures have.
#[cfg(target_arch = "x86_64")]
const OLD_NAMES: &[(libc::c_long, &str)] = &[
    (libc::SYS_poll, "poll"),
    (libc::SYS_select, "select"),
    (libc::SYS_epoll_wait, "epoll_wait"),
    (libc::SYS_pause, "pause"),
    (libc::SYS_open, "open"),
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_NAMES: &[(libc::c_long, &str)] = &[];

/// Returns the call in which a thread is; `None` for one that computes.
pub(super) fn system_call(seen: Syscall) -> Option<SystemCall> {
    match seen {
        Syscall::Blocked { syscall_number, argument_registers, .. } if syscall_number >= 0 => {
            let mut names = NAMES.iter().chain(OLD_NAMES);
            let name = names
                .find(|(number, _)| i128::from(*number) == i128::from(syscall_number))
                .map(|(_, name)| *name);
            Some(SystemCall { number: syscall_number, name, arguments: argument_registers })
        }
        _ => None,
    }
}

/// Returns the thing that a call waits for; `None` where that does not follow from it.
pub(super) fn waits_for(call: &SystemCall) -> Option<WaitsFor> {
    let [first, ..] = call.arguments;
    Some(match call.name? {
        "read" | "readv" | "pread64" | "write" | "writev" | "recvfrom" | "recvmsg" | "sendto" | "sendmsg"
        | "accept" | "accept4" | "connect" | "flock" | "fcntl" | "fsync" | "fdatasync" | "epoll_wait"
        | "epoll_pwait" | "epoll_pwait2" | "io_uring_enter" => {
            WaitsFor::Descriptors { descriptors: vec![as_int(first)] }
        }
        "poll" | "ppoll" | "select" | "pselect6" => WaitsFor::Descriptors { descriptors: Vec::new() },
        "futex" => WaitsFor::Futex { address: first, ends: thread_awaited(call.arguments) },
        "wait4" => WaitsFor::Child { pid: Some(as_int(first)).filter(|pid| *pid > 0) },
        "waitid" => {
            let [_, id, ..] = call.arguments;
            WaitsFor::Child { pid: (first == u64::from(libc::P_PID)).then_some(as_int(id)) }
        }
        "nanosleep" | "clock_nanosleep" => WaitsFor::Time,
        "pause" | "rt_sigsuspend" | "rt_sigtimedwait" => WaitsFor::Signal,
        _ => return None,
    })
}

/// Returns the address and length of the array of descriptors that poll(2) and ppoll(2) are given.
pub(super) fn polled(call: &SystemCall) -> Option<(u64, usize)> {
    let [address, count, ..] = call.arguments;
    matches!(call.name, Some("poll" | "ppoll"))
        .then(|| (address, usize::try_from(count).unwrap_or(usize::MAX)))
}

/// Returns the descriptors in an array of `struct pollfd` (poll(2)), but negative ones, which the kernel ignores.
pub(super) fn descriptors_in(array: &[u8]) -> Vec<i32> {
    let (all, _) = array.as_chunks::<8>();
    all.iter().map(|[a, b, c, d, ..]| i32::from_ne_bytes([*a, *b, *c, *d])).filter(|fd| *fd >= 0).collect()
}

/// Returns the id of the thread whose end a futex call waits for. The kernel itself wakes who waits for that, at a
/// futex that is not private, and the word there holds the thread's id (set_tid_address(2)).
fn thread_awaited(arguments: [u64; 6]) -> Option<i32> {
    let [_, _, value, ..] = arguments;
    let is_private = arguments[FUTEX_OPERATION] & FUTEX_PRIVATE != 0;
    Some(as_int(value)).filter(|tid| !is_private && *tid > 0)
}

/// Returns the lower half of a register, as the kernel takes an `int`.
#[expect(clippy::cast_possible_truncation, reason = "that is what the kernel does with it")]
const fn as_int(register: u64) -> i32 {
    (register as u32).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_call(number: libc::c_long, arguments: [u64; 6]) -> Option<WaitsFor> {
        let seen = Syscall::Blocked {
            syscall_number: number,
            argument_registers: arguments,
            stack_pointer: 0,
            program_counter: 0,
        };
        waits_for(&system_call(seen)?)
    }

    #[test]
    fn a_system_call_tells_what_is_waited_for() {
        let descriptor = |fd| Some(WaitsFor::Descriptors { descriptors: vec![fd] });
        assert_eq!(from_call(libc::SYS_read, [3, 0, 0, 0, 0, 0]), descriptor(3));
        assert_eq!(from_call(libc::SYS_accept4, [0xffff_ffff_0000_0007, 0, 0, 0, 0, 0]), descriptor(7));
        assert_eq!(
            from_call(libc::SYS_wait4, [0xffff_ffff, 0, 0, 0, 0, 0]),
            Some(WaitsFor::Child { pid: None })
        );
        assert_eq!(from_call(libc::SYS_wait4, [12, 0, 0, 0, 0, 0]), Some(WaitsFor::Child { pid: Some(12) }));
        assert_eq!(from_call(libc::SYS_waitid, [1, 12, 0, 0, 0, 0]), Some(WaitsFor::Child { pid: Some(12) }));
        assert_eq!(from_call(libc::SYS_clock_nanosleep, [0; 6]), Some(WaitsFor::Time));
        assert_eq!(from_call(libc::SYS_getpid, [0; 6]), None);
    }

    #[test]
    fn a_lock_is_not_the_end_of_a_thread() {
        let futex = |operation, value| from_call(libc::SYS_futex, [0x10, operation, value, 0, 0, 0]);
        let waits = |ends| Some(WaitsFor::Futex { address: 0x10, ends });
        assert_eq!(futex(0x89, 2), waits(None), "private: a lock of the standard library");
        assert_eq!(futex(0x109, 3), waits(Some(3)), "as pthread_join waits");
        assert_eq!(futex(0x109, 0xffff_ffff), waits(None));
    }

    #[test]
    fn a_thread_that_computes_is_in_no_call() {
        assert_eq!(system_call(Syscall::Running), None);
        assert_eq!(from_call(-1, [3, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn polled_descriptors_stand_in_memory() {
        let array = [[5, 0, 0, 0, 1, 0, 0, 0], [0xff; 8], [7, 0, 0, 0, 4, 0, 0, 0]].concat();
        assert_eq!(
            descriptors_in(&array),
            if cfg!(target_endian = "little") { [5, 7] } else { [5 << 24, 7 << 24] }
        );
        let call = system_call(Syscall::Blocked {
            syscall_number: libc::SYS_ppoll,
            argument_registers: [64, 2, 0, 0, 0, 0],
            stack_pointer: 0,
            program_counter: 0,
        });
        assert_eq!(call.as_ref().and_then(polled), Some((64, 2)));
    }
}
