//! Hints on a step that failed, in words for the user; pure.

const PROCESSES: &str = "a limit on processes and threads is reached: raise it (`ulimit -u`, `pids.max` of the cgroup, \
    `sysctl kernel.pid_max kernel.threads-max`), or run fewer tests at once (`-j 1`)";
pub(super) const KEYS: &str = "a limit on keys of a user is reached (`/proc/key-users`): raise `sysctl kernel.keys.maxkeys`, or run fewer tests \
    at once (`-j 1`)";
const MEMORY: &str = "memory is short, on this machine or in the cgroup of this process: free memory, raise the \
    limit of that cgroup, or run fewer tests at once (`-j 1`)";
const FILES: &str = "the limit of open files of a process is reached: raise it (`ulimit -n`), or run fewer tests at once (`-j 1`)";
const ALL_FILES: &str =
    "the limit of open files of this machine is reached: close some, or raise `sysctl fs.file-max`";
pub(super) const NAMESPACES: &str = "a limit on namespaces is reached (`sysctl user` shows the limits), or 32 user or pid \
    namespaces are nested already: raise the limit, run fewer tests at once (`-j 1`), or start outside of a \
    nested namespace";
pub(super) const MOUNTS: &str = "the limit on mounts is reached (`sysctl fs.mount-max`), or the tmpfs of the sandbox is full: raise \
    the limit, or run fewer tests at once (`-j 1`), which leaves each test more of that memory";
const CGROUPS: &str = "a limit on cgroups is reached: the kernel has room for 65535 with memory accounting, including \
    removed ones to which memory is still charged, and `cgroup.max.descendants` and `cgroup.max.depth` of a \
    parent cgroup may allow fewer";
const REFUSED_LIMIT: &str = "the kernel rejects the value of a limit: choose another for \
    `--memory-limit`, `--swap-limit`, `--pids-limit`, `--cpu-limit`, `--cpu-weight` or `--io-limit`, \
    whichever was given";
const SMALL_LIMIT: &str = "the kernel needs more memory for this cgroup than its limit allows: choose a larger \
    `--memory-limit`; if none was given, another process enabled or disabled a controller in the cgroup of the run";
const MEDDLED: &str = "another process removed the cgroup of the run, or turned a controller on or off in it, \
    during the run; start the run in a delegated cgroup, which nothing else manages: \
    `systemd-run --user --scope -p Delegate=yes`";
const HIDDEN_PROGRAM: &str = "the file, or the interpreter it names, does not exist inside the sandbox; \
    `--bind PATH` shows a path of the host there";
const HIDDEN_DIRECTORY: &str =
    "the directory does not exist inside the sandbox; `--bind PATH` shows a path of the host there";

pub(super) const HOST: &str = "`cargo isotest doctor` checks what this host allows, and names remedies";
pub(super) const NETWORK: &str = "`cargo isotest doctor` checks what this host allows, and names remedies; \
    `--network host` shares the network of the host";
pub(super) const CGROUP_NAMESPACE: &str = "`cargo isotest doctor` checks what this host allows, and names remedies; \
    `--off cgroup` runs tests without a cgroup namespace";
pub(super) const VIEWS: &str = "`cargo isotest doctor` checks what this host allows, and names remedies; \
    `--off copy-on-write` runs tests without copy-on-write directories";
pub(super) const FIGURES: &str = "`cargo isotest doctor` checks what this host allows, and names remedies; \
    `--off memory,cpu,pids,io,pressure` runs tests without cgroups";
pub(super) const SAME_AGAIN: &str = "run `cargo isotest doctor`, which takes the same steps; if it succeeds, a security policy \
    (seccomp, AppArmor, SELinux) blocks this program, or this is a bug: please report it";
pub(super) const JOINING: &str =
    "`cargo isotest ps` lists the attempts that are running; without `--join`, a new sandbox is made";
pub(super) const TERMINAL: &str = "in a pipeline, such as with `| cat` appended, no terminal is opened";
pub(super) const TRACE: &str = "leave out `--trace-missing`";
pub(super) const LIMITS: &str = "leave out `--rlimit` and `--cpus`, whichever was given";
pub(super) const BY_HAND: &str =
    "`cargo isotest shell` opens a shell in such a sandbox, to try the command by hand";

/// Returns the hint where a process cannot be started for want of something; `None` if the error is about something
/// else.
pub const fn shortage(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EAGAIN => Some(PROCESSES),
        libc::ENOMEM => Some(MEMORY),
        libc::EMFILE => Some(FILES),
        libc::ENFILE => Some(ALL_FILES),
        _ => None,
    }
}

/// Returns the hint on an error with a new cgroup.
pub(super) const fn of_new_cgroup(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EAGAIN | libc::ENOSPC => Some(CGROUPS),
        libc::EINVAL | libc::ERANGE => Some(REFUSED_LIMIT),
        // Version 1 refuses a limit below what is charged already.
        libc::EBUSY => Some(SMALL_LIMIT),
        _ => of_cgroup(errno),
    }
}

/// Returns the hint on an error with a cgroup that is there already.
pub(super) const fn of_cgroup(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EACCES | libc::EPERM | libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP | libc::EBUSY => {
            Some(MEDDLED)
        }
        _ => None,
    }
}

pub(super) const fn of_exec(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENOENT => HIDDEN_PROGRAM,
        libc::EACCES => {
            "this user may not execute the file, or the interpreter it names: check the permissions of it and of \
             the directories above it, and whether it is mounted `noexec`"
        }
        libc::ENOEXEC => {
            "the file is neither an executable for this architecture nor a script that begins with `#!` and its interpreter"
        }
        libc::ETXTBSY => "a process has the file open for writing: try again when it is closed",
        libc::E2BIG => {
            "arguments and environment are too long together: shorten them, or raise `ulimit -s`, or the \
             `--memory-limit` if one is set"
        }
        libc::ENOMEM => {
            "memory is short, on this machine or within a limit of the test (`--memory-limit`, \
             `--rlimit as`)"
        }
        _ => return None,
    })
}

pub(super) const fn of_directory(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENOENT => Some(HIDDEN_DIRECTORY),
        libc::EACCES => {
            Some("this user may not enter the directory: check the permissions of it and of those above it")
        }
        libc::ENOTDIR => Some("the path is not a directory"),
        _ => None,
    }
}

pub(super) const fn of_zygote(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENOENT => Some("`/proc` must be mounted, and the dynamic loader of this program must exist"),
        libc::EACCES | libc::EPERM => Some(
            "this program may not execute itself: check whether its file is mounted `noexec`, or a security policy \
             forbids it",
        ),
        libc::ECHILD | libc::EPIPE | libc::ECONNRESET => Some(
            "`dmesg` shows whether the kernel killed that process because memory was short; below valgrind or an \
             emulator, this program cannot start itself again",
        ),
        _ => None,
    }
}

pub(super) const fn of_supervision(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EOWNERDEAD => Some(
            "another process serves the next tests; `dmesg` shows whether the kernel killed it because memory \
             was short, and fewer tests at once (`-j 1`) need less; otherwise another process sent it a signal, or \
             this is a bug: please report it",
        ),
        libc::ECHILD | libc::EPIPE | libc::ECONNRESET => Some(
            "`dmesg` shows whether the kernel killed it because memory was short, and fewer tests at once \
             (`-j 1`) need less; otherwise another process sent it a signal, or this is a bug: please report it",
        ),
        libc::ETIMEDOUT => Some(
            "the first process of the sandbox does not answer: it is stopped, or the machine is overloaded; run \
             fewer tests at once (`-j 1`)",
        ),
        _ => None,
    }
}

pub(super) const fn of_limits(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EPERM | libc::EINVAL => Some(
            "`--rlimit` may not exceed the hard limits of this shell (`ulimit -aH`), and `--cpus` must name a CPU \
             that it may use (`taskset -p $$`)",
        ),
        _ => None,
    }
}

pub(super) const fn of_terminal(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENOSPC => {
            Some("the limit of pseudo terminals is reached: close some, or raise `sysctl kernel.pty.max`")
        }
        _ => None,
    }
}

pub(super) const fn of_trace(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EBUSY => {
            Some("the process is traced already, by one tracer at most: leave out `--trace-missing`")
        }
        libc::ENOSYS | libc::EINVAL | libc::EPERM | libc::EACCES => Some(
            "tracing needs Linux 5.5 or newer, and no seccomp filter that forbids it: leave out \
             `--trace-missing`",
        ),
        _ => None,
    }
}

pub(super) const fn of_join(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ESRCH => Some("`cargo isotest ps` lists the attempts that are running"),
        libc::EACCES | libc::EPERM => Some(
            "only the user that runs the test may join it, and a container, a security policy or \
             `sysctl kernel.yama.ptrace_scope` may forbid that, too; without `--join`, a new sandbox is made",
        ),
        _ => None,
    }
}
