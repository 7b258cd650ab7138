//! What to do about a step that failed, in words for the user; pure.

const PROCESSES: &str = "no further process or thread may be started: raise the limit that is reached \
    (`ulimit -u`, `pids.max` of the cgroup, `sysctl kernel.pid_max kernel.threads-max`), or do less at \
    once (`-j 1`)";
pub(super) const KEYS: &str = "the kernel counts the keys of each user (`/proc/key-users`): raise `sysctl kernel.keys.maxkeys`, or do less \
    at once (`-j 1`)";
const MEMORY: &str = "memory is short, on the machine or in the cgroup this runs in: free some, raise \
    that cgroup's limit, or do less at once (`-j 1`)";
const FILES: &str =
    "a process may not open so many files: raise the limit (`ulimit -n`), or do less at once (`-j 1`)";
const ALL_FILES: &str =
    "the whole machine has too many files open: close some, or raise `sysctl fs.file-max`";
pub(super) const NAMESPACES: &str = "there may not be so many namespaces (`sysctl user` shows the limits), nor more \
    than 32 user or pid namespaces within one another: raise the limit, do less at once (`-j 1`), or start \
    this further outside";
pub(super) const MOUNTS: &str = "there may not be so many mounts (`sysctl fs.mount-max`), or the sandbox's own \
    memory for files is full: raise the limit, or leave each test more of that memory by doing less at \
    once (`-j 1`)";
const CGROUPS: &str = "there may not be so many cgroups: the kernel has room for 65535 with memory \
    figures, removed ones included as long as memory is charged to them, and `cgroup.max.descendants` and \
    `cgroup.max.depth` of those above this one may allow less";
const REFUSED_LIMIT: &str = "the kernel does not take the value of a limit: choose another for \
    `--memory-limit`, `--swap-limit`, `--pids-limit`, `--cpu-limit`, `--cpu-weight` or `--io-limit`, \
    whichever was given";
const SMALL_LIMIT: &str = "the kernel needs more memory for this cgroup than its limit allows: choose a larger \
    `--memory-limit`; if there is none, somebody else has turned a controller on or off in the run's cgroup";
const MEDDLED: &str = "somebody else has removed the run's cgroup, or turned a controller on or off, \
    while the run went on; a cgroup of your own that nobody else manages helps: \
    `systemd-run --user --scope -p Delegate=yes`";
const HIDDEN_PROGRAM: &str = "the file or the interpreter it names is not there inside the sandbox; \
    `--bind PATH` shows a further path";
const HIDDEN_DIRECTORY: &str =
    "the directory is not there inside the sandbox; `--bind PATH` shows a further path";

pub(super) const HOST: &str = "`cargo isotest doctor` tries what this host allows, and says what helps";
pub(super) const NETWORK: &str = "`cargo isotest doctor` tries what this host allows, and says what helps; \
    `--network host` does without a network of the test's own";
pub(super) const CGROUP_NAMESPACE: &str = "`cargo isotest doctor` tries what this host allows, and says what helps; \
    `--off cgroup` does without a cgroup namespace";
pub(super) const VIEWS: &str = "`cargo isotest doctor` tries what this host allows, and says what helps; \
    `--off copy-on-write` does without views of directories that take writes and throw them away";
pub(super) const FIGURES: &str = "`cargo isotest doctor` tries what this host allows, and says what helps; \
    `--off memory,cpu,pids,io,pressure` does without cgroups";
pub(super) const SAME_AGAIN: &str = "`cargo isotest doctor` takes the same steps with a program of its own; if all \
    is well there, a security policy for this one (seccomp, AppArmor, SELinux) is in the way, or a bug of \
    ours, which please report";
pub(super) const JOINING: &str =
    "`cargo isotest ps` shows what is running; without `--join` there is a sandbox of its own";
pub(super) const TERMINAL: &str = "in a pipeline, as with `| cat` behind it, no terminal is opened";
pub(super) const TRACE: &str = "leave out `--trace-missing`";
pub(super) const LIMITS: &str = "leave out `--rlimit` and `--cpus`, whichever was given";
pub(super) const BY_HAND: &str =
    "`cargo isotest shell` opens a shell in such a sandbox, where it can be tried by hand";

/// What to do where a process cannot be started for want of something; `None` if this error is about something else.
pub const fn shortage(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EAGAIN => Some(PROCESSES),
        libc::ENOMEM => Some(MEMORY),
        libc::EMFILE => Some(FILES),
        libc::ENFILE => Some(ALL_FILES),
        _ => None,
    }
}

/// What went wrong with a new cgroup.
pub(super) const fn of_new_cgroup(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EAGAIN | libc::ENOSPC => Some(CGROUPS),
        libc::EINVAL | libc::ERANGE => Some(REFUSED_LIMIT),
        // Version 1 refuses a limit below what is charged already.
        libc::EBUSY => Some(SMALL_LIMIT),
        _ => of_cgroup(errno),
    }
}

/// What went wrong with a cgroup that is there already.
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
            "the file, or the interpreter it names, may not be executed: look at the permissions of it \
             and of the directories above it, and whether it is mounted `noexec`"
        }
        libc::ENOEXEC => {
            "it is no program for this machine, nor a script that names its interpreter after `#!`"
        }
        libc::ETXTBSY => "somebody is writing to the file: call again when that is done",
        libc::E2BIG => {
            "arguments and environment are too long together: shorten them, or raise what bounds them, \
             `ulimit -s` or a `--memory-limit` that they do not fit into"
        }
        libc::ENOMEM => {
            "memory is short, on the machine or under a limit of the test's own (`--memory-limit`, \
             `--rlimit as`)"
        }
        _ => return None,
    })
}

pub(super) const fn of_directory(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENOENT => Some(HIDDEN_DIRECTORY),
        libc::EACCES => {
            Some("this user may not enter it: look at the permissions of it and of those above it")
        }
        libc::ENOTDIR => Some("it is no directory"),
        _ => None,
    }
}

pub(super) const fn of_zygote(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENOENT => {
            Some("`/proc` must be mounted, and the loader this program was linked to must be there")
        }
        libc::EACCES | libc::EPERM => Some(
            "this program may not execute itself: look whether its file is mounted `noexec`, or a policy \
             forbids it",
        ),
        libc::ECHILD | libc::EPIPE | libc::ECONNRESET => Some(
            "`dmesg` tells if the kernel killed that process for want of memory; below valgrind or an \
             emulator it is not this program, and cannot work",
        ),
        _ => None,
    }
}

pub(super) const fn of_supervision(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EOWNERDEAD => Some(
            "another one serves what follows; `dmesg` tells if it was the kernel for want of memory, and \
             doing less at once (`-j 1`) needs less; else somebody has sent it a signal, or it is a bug of \
             ours, which please report",
        ),
        libc::ECHILD | libc::EPIPE | libc::ECONNRESET => Some(
            "`dmesg` tells if it was the kernel for want of memory, and doing less at once (`-j 1`) needs \
             less; else somebody has sent it a signal, or it is a bug of ours, which please report",
        ),
        libc::ETIMEDOUT => Some(
            "process 1 of the sandbox does not answer: it is stopped, or the machine is overloaded; doing \
             less at once (`-j 1`) loads it less",
        ),
        _ => None,
    }
}

pub(super) const fn of_limits(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EPERM | libc::EINVAL => Some(
            "`--rlimit` may not go over the hard limit of whoever calls (`ulimit -aH`), and `--cpus` must \
             name one of the processors it may use (`taskset -p $$`)",
        ),
        _ => None,
    }
}

pub(super) const fn of_terminal(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENOSPC => {
            Some("the machine has too many pseudo terminals: close some, or raise `sysctl kernel.pty.max`")
        }
        _ => None,
    }
}

pub(super) const fn of_trace(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EBUSY => Some("this is traced already, and cannot be twice: leave out `--trace-missing`"),
        libc::ENOSYS | libc::EINVAL | libc::EPERM | libc::EACCES => Some(
            "tracing takes Linux 5.5 or newer, and that no filter of system calls forbids it: leave out \
             `--trace-missing`",
        ),
        _ => None,
    }
}

pub(super) const fn of_join(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ESRCH => Some("`cargo isotest ps` names those that are running"),
        libc::EACCES | libc::EPERM => Some(
            "only the user whose test it is may enter, and a container, a security policy or \
             `sysctl kernel.yama.ptrace_scope` may forbid it; `cargo isotest exec` has a sandbox of its own",
        ),
        _ => None,
    }
}
