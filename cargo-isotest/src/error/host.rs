//! Errors of the host: it cannot be read, or has run out of something.

use super::Failure;
use crate::exit::{End, Exit};
use isotest_core::step::shortage;
use std::io;

/// Error of the host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// A system call failed.
    #[error("cannot prepare sandboxes on this host")]
    System(#[source] io::Error),
    /// A thread was refused.
    #[error("this host cannot isolate tests: cannot start a thread {task}")]
    Thread {
        /// Purpose of the thread.
        task: &'static str,
        /// Error of the system.
        source: io::Error,
    },
}

impl Failure for HostError {
    fn end(&self) -> End {
        Exit::CannotIsolate.into()
    }

    fn hint(&self) -> Option<String> {
        let (Self::System(error) | Self::Thread { source: error, .. }) = self;
        let known = error.raw_os_error().and_then(shortage);
        let hint = known.unwrap_or(
            "what a host allows is read from /proc and /sys, which must be mounted and may be read",
        );
        Some(hint.into())
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::errors::each_variant;
    use nix::libc;
    use snapbox::{assert_data_eq, str};

    #[test]
    fn a_shortage_comes_with_what_is_short() {
        let hint = |errno| HostError::System(io::Error::from_raw_os_error(errno)).hint().unwrap();
        assert!(hint(libc::EMFILE).contains("ulimit -n"));
        assert!(hint(libc::ENOENT).contains("/proc"));
    }

    #[test]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let errno = io::Error::from_raw_os_error;
        let text = each_variant!(HostError {
            HostError::System(_) => [HostError::System(errno(libc::EACCES)), HostError::System(errno(libc::ENOMEM))],
            HostError::Thread { .. } =>
                [HostError::Thread { task: "for a job slot", source: errno(libc::EAGAIN) }],
        });
        assert_data_eq!(
            text,
            str![[r#"
error: cannot prepare sandboxes on this host: Permission denied (os error 13)
 hint: what a host allows is read from /proc and /sys, which must be mounted and may be read
  end: exit code 97 (CannotIsolate)
error: cannot prepare sandboxes on this host: Cannot allocate memory (os error 12)
 hint: memory is short, on the machine or in the cgroup this runs in: free some, raise that cgroup's limit, or do less at once (`-j 1`)
  end: exit code 97 (CannotIsolate)
error: this host cannot isolate tests: cannot start a thread for a job slot: Resource temporarily unavailable (os error 11)
 hint: no further process or thread may be started: raise the limit that is reached (`ulimit -u`, `pids.max` of the cgroup, `sysctl kernel.pid_max kernel.threads-max`), or do less at once (`-j 1`)
  end: exit code 97 (CannotIsolate)

"#]]
        );
    }
}
