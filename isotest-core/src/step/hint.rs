//! What to do about a step that failed, in words for whoever has called; pure.

use super::{Step, StepError};

const PROCESSES: &str = "no further process or thread may be started: raise the limit that is reached \
    (`ulimit -u`, `pids.max` of the cgroup, `sysctl kernel.pid_max kernel.threads-max`), or do less at \
    once (`-j 1`)";
const KEYS: &str = "the kernel counts the keys of each user (`/proc/key-users`): raise `sysctl kernel.keys.maxkeys`, or do less \
    at once (`-j 1`)";
const MEMORY: &str = "memory is short, on the machine or in the cgroup this runs in: free some, raise \
    that cgroup's limit, or do less at once (`-j 1`)";
const FILES: &str =
    "a process may not open so many files: raise the limit (`ulimit -n`), or do less at once (`-j 1`)";
const ALL_FILES: &str =
    "the whole machine has too many files open: close some, or raise `sysctl fs.file-max`";
const NAMESPACES: &str = "there may not be so many namespaces (`sysctl user` shows the limits), nor more \
    than 32 user or pid namespaces within one another: raise the limit, do less at once (`-j 1`), or start \
    this further outside";
const MOUNTS: &str = "there may not be so many mounts (`sysctl fs.mount-max`), or the sandbox's own \
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

const HOST: &str = "`cargo isotest doctor` tries what this host allows, and says what helps";
const NETWORK: &str = "`cargo isotest doctor` tries what this host allows, and says what helps; \
    `--network host` does without a network of the test's own";
const CGROUP_NAMESPACE: &str = "`cargo isotest doctor` tries what this host allows, and says what helps; \
    `--off cgroup` does without a cgroup namespace";
const VIEWS: &str = "`cargo isotest doctor` tries what this host allows, and says what helps; \
    `--off copy-on-write` does without views of directories that take writes and throw them away";
const FIGURES: &str = "`cargo isotest doctor` tries what this host allows, and says what helps; \
    `--off memory,cpu,pids,io,pressure` does without cgroups";
const SAME_AGAIN: &str = "`cargo isotest doctor` takes the same steps with a program of its own; if all \
    is well there, a security policy for this one (seccomp, AppArmor, SELinux) is in the way, or a bug of \
    ours, which please report";

impl StepError {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        self.known_hint().unwrap_or_else(|| usual(self.step))
    }

    /// What the user can do about just this, where more is known than whom to ask.
    pub fn known_hint(&self) -> Option<&'static str> {
        let known = match self.step {
            Step::Exec => of_exec(self.errno),
            Step::ChangeDirectory => of_directory(self.errno),
            Step::StartZygote => of_zygote(self.errno),
            Step::Supervise => of_supervision(self.errno),
            Step::LimitProcess => of_limits(self.errno),
            Step::OpenTerminal => of_terminal(self.errno),
            Step::TracePaths => of_trace(self.errno),
            Step::Join => of_join(self.errno),
            step if touches_cgroup(step) => of_cgroup(step, self.errno),
            step if step.makes_namespaces() && self.errno == libc::ENOSPC => Some(NAMESPACES),
            step if mounts(step) && self.errno == libc::ENOSPC => Some(MOUNTS),
            _ => None,
        };
        known.or_else(|| {
            shortage(self.errno).filter(|_| self.errno != libc::EAGAIN || starts_process(self.step))
        })
    }
}

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

const fn starts_process(step: Step) -> bool {
    matches!(
        step,
        Step::StartZygote
            | Step::UnshareZygote
            | Step::ForkZygote
            | Step::CloneInit
            | Step::CloneWorkload
            | Step::Join
            | Step::TracePaths
            | Step::Exec
    )
}

const fn mounts(step: Step) -> bool {
    matches!(
        step,
        Step::MountRoot
            | Step::MountTemplateProc
            | Step::AssembleTree
            | Step::PivotRoot
            | Step::MountTmpfs
            | Step::MakeLayers
            | Step::ShowCgroup
            | Step::AttachLayers
            | Step::MountProc
            | Step::GuardProc
            | Step::UnshareInit
            | Step::MountDevpts
    )
}

const fn touches_cgroup(step: Step) -> bool {
    matches!(
        step,
        Step::CreateCgroup | Step::ShowCgroup | Step::JoinCgroup | Step::CloneWorkload | Step::ReadFigures
    )
}

const fn of_cgroup(step: Step, errno: i32) -> Option<&'static str> {
    match (step, errno) {
        (Step::CreateCgroup, libc::EAGAIN | libc::ENOSPC) => Some(CGROUPS),
        (Step::CreateCgroup, libc::EINVAL | libc::ERANGE) => Some(REFUSED_LIMIT),
        // Version 1 refuses a limit below what is charged already.
        (Step::CreateCgroup, libc::EBUSY) => Some(SMALL_LIMIT),
        (Step::ShowCgroup, libc::ENOSPC) => Some(MOUNTS),
        (_, libc::EACCES | libc::EPERM | libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP | libc::EBUSY) => {
            Some(MEDDLED)
        }
        _ => None,
    }
}

const fn of_exec(errno: i32) -> Option<&'static str> {
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

const fn of_directory(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENOENT => Some(HIDDEN_DIRECTORY),
        libc::EACCES => {
            Some("this user may not enter it: look at the permissions of it and of those above it")
        }
        libc::ENOTDIR => Some("it is no directory"),
        _ => None,
    }
}

const fn of_zygote(errno: i32) -> Option<&'static str> {
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

const fn of_supervision(errno: i32) -> Option<&'static str> {
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

const fn of_limits(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EPERM | libc::EINVAL => Some(
            "`--rlimit` may not go over the hard limit of whoever calls (`ulimit -aH`), and `--cpus` must \
             name one of the processors it may use (`taskset -p $$`)",
        ),
        _ => None,
    }
}

const fn of_terminal(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENOSPC => {
            Some("the machine has too many pseudo terminals: close some, or raise `sysctl kernel.pty.max`")
        }
        _ => None,
    }
}

const fn of_trace(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EBUSY => Some("this is traced already, and cannot be twice: leave out `--trace-missing`"),
        libc::ENOSYS | libc::EINVAL | libc::EPERM | libc::EACCES => Some(
            "tracing takes Linux 5.5 or newer, and that no filter of system calls forbids it: leave out \
             `--trace-missing`",
        ),
        _ => None,
    }
}

const fn of_join(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ESRCH => Some("`cargo isotest ps` names those that are running"),
        libc::EACCES | libc::EPERM => Some(
            "only the user whose test it is may enter, and a container, a security policy or \
             `sysctl kernel.yama.ptrace_scope` may forbid it; `cargo isotest exec` has a sandbox of its own",
        ),
        _ => None,
    }
}

/// What helps to find out more, or to do without.
const fn usual(step: Step) -> &'static str {
    match step {
        Step::UnshareZygote
        | Step::MapZygote
        | Step::ForkZygote
        | Step::CutPropagation
        | Step::MountRoot
        | Step::MountTemplateProc
        | Step::AssembleTree
        | Step::PivotRoot
        | Step::SealTree
        | Step::MountTmpfs
        | Step::CloneInit
        | Step::UnshareInit
        | Step::MapIds
        | Step::AttachLayers
        | Step::MountProc
        | Step::GuardProc
        | Step::MountDevpts => HOST,
        Step::MakeNetwork | Step::CopyNetSettings | Step::RaiseLoopback => NETWORK,
        Step::UnshareCgroup => CGROUP_NAMESPACE,
        Step::MakeLayers => VIEWS,
        Step::CreateCgroup
        | Step::ShowCgroup
        | Step::JoinCgroup
        | Step::CloneWorkload
        | Step::ReadFigures => FIGURES,
        Step::Join => {
            "`cargo isotest ps` shows what is running; without `--join` there is a sandbox of its own"
        }
        Step::NewKeyring => KEYS,
        Step::OpenTerminal => "in a pipeline, as with `| cat` behind it, no terminal is opened",
        Step::TracePaths => "leave out `--trace-missing`",
        Step::LimitProcess => "leave out `--rlimit` and `--cpus`, whichever was given",
        Step::ChangeDirectory | Step::Exec => {
            "`cargo isotest shell` opens a shell in such a sandbox, where it can be tried by hand"
        }
        Step::StartZygote
        | Step::DieWithParent
        | Step::NewSession
        | Step::TakeTerminal
        | Step::PlaceDescriptors
        | Step::ResetSignals
        | Step::Supervise => SAME_AGAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Capability, Level, Policy};

    fn hint(step: Step, errno: i32) -> &'static str {
        StepError { step, errno, subject: None }.hint()
    }

    /// What fits the step, and what would be wrong there.
    #[test]
    fn the_same_error_has_another_cause_in_another_step() {
        for (step, errno, says) in [
            (Step::StartZygote, libc::EAGAIN, "ulimit -u"),
            (Step::CloneInit, libc::EAGAIN, "ulimit -u"),
            (Step::CreateCgroup, libc::EAGAIN, "cgroup.max.descendants"),
            (Step::CloneInit, libc::ENOSPC, "sysctl user"),
            (Step::MakeNetwork, libc::ENOSPC, "sysctl user"),
            (Step::MountTmpfs, libc::ENOSPC, "fs.mount-max"),
            (Step::MakeLayers, libc::ENOSPC, "more of that memory"),
            (Step::CreateCgroup, libc::ENOSPC, "65535"),
            (Step::CreateCgroup, libc::EBUSY, "larger `--memory-limit`"),
            (Step::OpenTerminal, libc::ENOSPC, "kernel.pty.max"),
            (Step::CloneWorkload, libc::EBUSY, "turned a controller"),
            (Step::CloneWorkload, libc::ENOMEM, "memory is short"),
            (Step::Exec, libc::EACCES, "noexec"),
            (Step::MakeLayers, libc::EBUSY, "--off copy-on-write"),
            (Step::MountProc, libc::EPERM, "cargo isotest doctor"),
            (Step::LimitProcess, libc::EPERM, "ulimit -aH"),
            (Step::Join, libc::EPERM, "only the user"),
        ] {
            assert!(hint(step, errno).contains(says), "{step:?} {errno}: {}", hint(step, errno));
        }
        assert!(!hint(Step::MountProc, libc::EAGAIN).contains("ulimit -u"), "it starts no process");
    }

    #[test]
    fn a_shortage_is_known_wherever_it_is_met() {
        for step in Step::ALL {
            for (errno, says) in [
                (libc::EMFILE, "ulimit -n"),
                (libc::ENFILE, "fs.file-max"),
                (libc::ENOMEM, "memory is short"),
            ] {
                assert!(hint(step, errno).contains(says), "{step:?} {errno}: {}", hint(step, errno));
            }
        }
    }

    #[test]
    fn only_what_can_be_done_without_is_advised_to_be() {
        for step in Step::ALL {
            for errno in [0, libc::EPERM, libc::ENOSPC, libc::EBUSY, libc::EINVAL, libc::ECANCELED] {
                let words =
                    hint(step, errno).split_once("--off ").and_then(|(_, rest)| rest.split('`').next());
                for word in words.into_iter().flat_map(|words| words.split(',')) {
                    let named = Capability::ALL.into_iter().find(|capability| capability.as_str() == word);
                    let off = named.map(|capability| Policy::of(&[(capability, Level::Off)]));
                    assert!(matches!(off, Some(Ok(_))), "{word}");
                }
            }
        }
    }
}
