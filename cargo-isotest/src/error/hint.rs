//! What to do about an error.

use super::Error;
use crate::remedy::Obstacle;
use crate::settings::SettingsError;
use isotest_core::policy::Capability;
use isotest_core::step::shortage;
use std::ffi::OsStr;
use std::{fmt, io};

/// What to do about programs that a root has no libraries for.
const FOR_THE_ROOT: &str = "build for what the root has, for example statically with \
     `--target x86_64-unknown-linux-musl`, or install there what is missing";

impl Error {
    /// What to do about it, if that is not plain from the error itself.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Usage(SettingsError::Filterset(error)) | Self::Filterset(error) => Some(error.hint()),
            Self::Usage(error) => Some(of_usage(error).into()),
            Self::NoDirectory(_) => Some("change to a directory that exists".into()),
            Self::Start { program, source, .. } => Some(of_start(program, source)),
            Self::Listing { hint: Some(hint), .. } => Some((*hint).into()),
            Self::Listing { binary_id, hint: None, .. } => Some(format!(
                "see what `cargo test` says of `{binary_id}` when given `-- --list --format terse`"
            )),
            Self::NoTests { ignored: 1.., .. } => {
                Some("`--run-ignored all` runs ignored tests too".into())
            }
            Self::NoTests { filtered: 1.., .. } => Some(
                "`cargo isotest list` names the tests; filters look at a test's name, and `--lib`, `--bin` and `--test` \
                 choose the test binary before it"
                    .into(),
            ),
            Self::NoTests { doctests, .. } if !doctests.is_empty() => {
                Some("`cargo test --doc` runs doctests, without a sandbox".into())
            }
            Self::SeveralTests { .. } => {
                Some("give a whole name; `-p`, `--lib` and `--test` choose among test binaries".into())
            }
            Self::CannotRun(_) => Some(FOR_THE_ROOT.into()),
            Self::CannotIsolate { obstacles, .. } => Some(go_on_without(obstacles)),
            Self::CannotLimit { .. } => Some("go on without that limit, or with another value of it".into()),
            Self::NoAttempt { .. } | Self::AttemptEnded { .. } => {
                Some("`cargo isotest ps` names those that are running".into())
            }
            Self::NotOurs { uid, .. } => Some(enter_as(*uid)),
            Self::ManyAttempts { .. } => Some("name one of them by its id".into()),
            Self::OutsideTarget { .. } => Some("name the target directory with --target-dir".into()),
            Self::NoPlace { why, .. } => place(*why).map(str::to_owned),
            Self::Sandbox { source: error, .. } | Self::Execute(error) => Some(error.hint().into()),
            Self::Host(error) | Self::Thread { source: error, .. } => Some(of_host(error).into()),
            Self::TooFewFiles { needed, .. } => Some(raise_files(*needed)),
            Self::Unwritten { .. }
            | Self::Output(_)
            | Self::Interrupted(_)
            | Self::Closure { .. }
            | Self::Root { .. }
            | Self::Tool { .. }
            | Self::Answer { .. }
            | Self::File { .. }
            | Self::UnknownPackage(_)
            | Self::Build(_)
            | Self::NoTests { .. } => None,
        }
    }
}

/// How more files may be open.
fn raise_files(needed: usize) -> String {
    format!(
        "raise the hard limit to {needed} or more where this shell gets it: `nofile` in /etc/security/limits.conf, \
         `LimitNOFILE=` of a systemd unit, `--ulimit nofile=` of a container; root may by `ulimit -Hn {needed}`"
    )
}

/// How the attempt of another user is entered.
fn enter_as(uid: u32) -> String {
    format!("enter it as that user: `sudo -u '#{uid}' cargo isotest exec --join ..`")
}

/// What to do about a command line.
const fn of_usage(error: &SettingsError) -> &'static str {
    match error {
        SettingsError::TwoLevels { .. } => {
            "a limit requires the figure that it limits, and `--network` says what becomes of `net`"
        }
        _ => "`cargo isotest --help` names all flags",
    }
}

/// What to do about a host that could not be read, or gave no thread.
fn of_host(error: &io::Error) -> &'static str {
    error
        .raw_os_error()
        .and_then(shortage)
        .unwrap_or("what a host allows is read from /proc and /sys, which must be mounted and may be read")
}

/// What to do about a tool that could not be started.
fn of_start(program: &OsStr, source: &io::Error) -> String {
    if let Some(hint) = source.raw_os_error().and_then(shortage) {
        return hint.into();
    }
    let program = program.display();
    match source.kind() {
        io::ErrorKind::NotFound => {
            "install Rust with cargo, or name cargo in the environment variable CARGO".into()
        }
        io::ErrorKind::PermissionDenied => {
            format!("look at the permissions of `{program}` and of the directories above it")
        }
        _ => format!("see whether `{program} --version` can be executed by hand"),
    }
}

/// Only what is not the ground of everything else can be done without.
fn go_on_without(obstacles: &[Obstacle]) -> String {
    let optional = |capability: Capability| capability.is_metric() || capability == Capability::CopyOnWrite;
    if !obstacles.iter().all(|obstacle| optional(obstacle.capability)) {
        return "`cargo isotest doctor` shows everything this host allows".into();
    }
    // A limit requires its figure, which can then not be only preferred.
    let without = Words(obstacles);
    format!("go on without by `--prefer {without}`, and without limits on it")
}

/// How there is one for a root.
const fn place(why: io::ErrorKind) -> Option<&'static str> {
    match why {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(
            "make room there; roots are kept below the target directory, or without a project below `$XDG_CACHE_HOME`",
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some(
            "roots are kept below the target directory, or without a project below `$XDG_CACHE_HOME`: name one that you \
             may write to",
        ),
        _ => None,
    }
}

struct Words<'a>(&'a [Obstacle]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, obstacle) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{}", obstacle.capability)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Stage;
    use nix::libc;

    #[test]
    fn a_tool_that_was_not_started_is_installed_only_if_it_is_not_there() {
        let hint = |errno| {
            let source = io::Error::from_raw_os_error(errno);
            Error::Start { program: "cargo".into(), stage: Stage::Build, source }.hint().unwrap()
        };
        assert!(hint(libc::ENOENT).contains("install Rust"));
        for (errno, says) in [
            (libc::EAGAIN, "ulimit -u"),
            (libc::EMFILE, "ulimit -n"),
            (libc::EACCES, "permissions of `cargo`"),
        ] {
            assert!(hint(errno).contains(says) && !hint(errno).contains("install"), "{}", hint(errno));
        }
        assert!(
            Error::Host(io::Error::from_raw_os_error(libc::EMFILE)).hint().unwrap().contains("ulimit -n")
        );
    }

    #[test]
    fn a_binary_that_could_not_be_executed_comes_with_what_helps() {
        let listing = |hint| Error::Listing { binary_id: "tour".into(), why: String::new(), hint }.hint();
        assert_eq!(listing(Some("chmod")).as_deref(), Some("chmod"));
        assert!(listing(None).unwrap().contains("cargo test"));
    }
}
