//! Error type of the host: it cannot be read, or has run out of a resource.

use super::Failure;
use crate::exit::{End, Exit};
use isotest_core::step::shortage;
use std::io;
use std::path::PathBuf;

/// Error of the host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// A system call failed.
    #[error("cannot prepare sandboxes on this host")]
    System(#[source] io::Error),
    /// The directory for the output of setup scripts cannot be created.
    #[error("cannot make a directory for what setup scripts leave")]
    SetupPlace {
        /// Error of the system.
        source: io::Error,
    },
    /// A directory below the target directory that tests are to write themselves cannot be created.
    #[error("cannot make the directory `{}`, which tests are to write themselves", path.display())]
    KeptDirectory {
        /// Path of the directory.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The kernel refused a thread.
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
        let error = match self {
            Self::System(error) | Self::Thread { source: error, .. } => error,
            Self::SetupPlace { .. } => {
                return Some("set `TMPDIR` to a directory for temporary files that can be written".into());
            }
            Self::KeptDirectory { .. } => return Some("make it yourself, or leave its `--keep` out".into()),
        };
        let known = error.raw_os_error().and_then(shortage);
        let hint = known
            .unwrap_or("check that /proc and /sys are mounted and readable: they tell what this host allows");
        Some(hint.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{each_variant, is_as_kept};
    use nix::libc;

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
            HostError::SetupPlace { .. } => [HostError::SetupPlace { source: errno(libc::EROFS) }],
            HostError::KeptDirectory { .. } => [HostError::KeptDirectory {
                path: "/w/target/tmp".into(),
                source: errno(libc::ENOTDIR),
            }],
            HostError::Thread { .. } =>
                [HostError::Thread { task: "for a job slot", source: errno(libc::EAGAIN) }],
        });
        is_as_kept("host", text);
    }
}
