//! Error type of sandboxes: the host lacks a requirement, or a step of making or using a sandbox failed.

use crate::error::Failure;
use crate::exit::{End, Exit};
use crate::remedy::{Obstacle, Remedy};
use isotest_core::plan::Template;
use isotest_core::policy::Capability;
use isotest_core::step::StepError;
use std::fmt;
use std::sync::Arc;

/// Error of a sandbox.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    /// A required capability is unavailable.
    #[error("this host cannot isolate as required: {}", Missing(.obstacles))]
    CannotIsolate {
        /// Capabilities, each with its reason.
        obstacles: Vec<Obstacle>,
        /// Remedies.
        remedies: Vec<Remedy>,
    },
    /// A limit cannot be enforced.
    #[error("this host cannot limit as required: {}", unlimited(.unmet))]
    CannotLimit {
        /// Limits, each with its reason.
        unmet: Vec<(String, String)>,
        /// Remedies.
        remedies: Vec<Remedy>,
    },
    /// The limit of open files leaves no room for one sandbox.
    #[error(
        "this host cannot isolate tests: one sandbox needs {needed} open files, and the hard limit is {allowed}"
    )]
    TooFewFiles {
        /// Number of open files needed.
        needed: usize,
        /// Hard limit.
        allowed: usize,
        /// Number of private parts of the root, if these need too many.
        parts: usize,
    },
    /// A step of making a sandbox failed.
    #[error("this host cannot isolate tests")]
    Setup {
        /// Template of the sandbox, unless another process made it.
        template: Option<Arc<Template>>,
        /// Failed step.
        source: StepError,
    },
    /// A command was not executed, or its sandbox was lost.
    #[error("{0}")]
    Execute(StepError),
}

/// Number of private parts above which a root is no usual one of a machine.
const MANY_PARTS: usize = 100;

impl Failure for SandboxError {
    fn end(&self) -> End {
        match self {
            Self::CannotIsolate { .. }
            | Self::CannotLimit { .. }
            | Self::TooFewFiles { .. }
            | Self::Setup { .. } => Exit::CannotIsolate.into(),
            Self::Execute(error) => Exit::of_command(error).into(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::CannotIsolate { obstacles, .. } => go_on_without(obstacles),
            Self::CannotLimit { .. } => "leave that limit out, or choose another value".into(),
            Self::TooFewFiles { needed, parts, .. } if *parts > MANY_PARTS => format!(
                "have fewer directories at the top of the root, where {parts} are, each with files open; or {}",
                raise_files(*needed)
            ),
            Self::TooFewFiles { needed, .. } => raise_files(*needed),
            Self::Setup { source: error, .. } | Self::Execute(error) => error.hint().into(),
        })
    }

    fn remedies(&self) -> &[Remedy] {
        match self {
            Self::CannotIsolate { remedies, .. } | Self::CannotLimit { remedies, .. } => remedies,
            Self::TooFewFiles { .. } | Self::Setup { .. } | Self::Execute(_) => &[],
        }
    }
}

/// Returns each limit with the reason why it cannot be enforced.
fn unlimited(unmet: &[(String, String)]) -> String {
    unmet.iter().map(|(limit, reason)| format!("no `{limit}` ({reason})")).collect::<Vec<_>>().join("; ")
}

/// Returns the hint for obstacles. Only metrics and copy-on-write views are optional.
fn go_on_without(obstacles: &[Obstacle]) -> String {
    let optional = |capability: Capability| capability.is_metric() || capability == Capability::CopyOnWrite;
    if !obstacles.iter().all(|obstacle| optional(obstacle.capability)) {
        return "`cargo isotest doctor` checks what this host allows".into();
    }
    // A limit requires its figure, which can then not be only preferred.
    let without: Vec<_> = obstacles.iter().map(|obstacle| obstacle.capability.as_str()).collect();
    format!("`--prefer {}` runs tests without, once limits that need it are left out", without.join(","))
}

/// Returns the hint for a limit of open files that is too low.
fn raise_files(needed: usize) -> String {
    format!(
        "raise the hard limit to {needed} or more where this shell gets it: `nofile` in /etc/security/limits.conf, \
         `LimitNOFILE=` of a systemd unit, `--ulimit nofile=` of a container; root may by `ulimit -Hn {needed}`"
    )
}

struct Missing<'a>(&'a [Obstacle]);

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Obstacle { capability, reason, .. }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}no `{capability}` ({reason})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{each_variant, is_as_kept};
    use isotest_core::host::Refusal;
    use isotest_core::step::Step;
    use nix::libc;

    #[test]
    fn what_is_missing_is_named_with_its_reason_and_a_way_out() {
        let lacking = |missing: &[(Capability, &str)]| {
            let obstacles = missing.iter().map(|(capability, why)| (*capability, (*why).to_owned()).into());
            SandboxError::CannotIsolate { obstacles: obstacles.collect(), remedies: Vec::new() }
        };
        let error = lacking(&[(Capability::User, "refused"), (Capability::Net, "full")]);
        assert_eq!(
            error.to_string(),
            "this host cannot isolate as required: no `user` (refused); no `net` (full)"
        );
        assert!(error.hint().unwrap().contains("cargo isotest doctor"));
        let hint = lacking(&[(Capability::Memory, "no cgroup"), (Capability::Io, "none")]).hint().unwrap();
        assert_eq!(hint, "`--prefer memory,io` runs tests without, once limits that need it are left out");
    }

    #[test]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let failed =
            |step, errno| StepError { step, errno, subject: Some("/t/tour".to_owned()), entry: None };
        let lacking = |capability, step| SandboxError::CannotIsolate {
            obstacles: vec![Refusal { capability, error: failed(step, libc::EPERM) }.into()],
            remedies: vec![Remedy {
                serves: vec![capability],
                why: "a security policy forbids it".to_owned(),
                commands: vec!["sudo sysctl -w kernel.unprivileged_userns_clone=1".to_owned()],
            }],
        };
        let text = each_variant!(SandboxError {
            SandboxError::CannotIsolate { .. } => [
                lacking(Capability::User, Step::UnshareZygote),
                lacking(Capability::Memory, Step::CreateCgroup),
            ],
            SandboxError::CannotLimit { .. } => [SandboxError::CannotLimit {
                unmet: vec![("io".to_owned(), "no io controller".to_owned())],
                remedies: Vec::new(),
            }],
            SandboxError::TooFewFiles { .. } => [SandboxError::TooFewFiles { needed: 120, allowed: 64, parts: 0 }],
            SandboxError::Setup { .. } => [SandboxError::Setup { template: None, source: failed(Step::MountProc, libc::EPERM) }],
            SandboxError::Execute(_) => [
                SandboxError::Execute(failed(Step::Exec, libc::ENOENT)),
                SandboxError::Execute(failed(Step::Exec, libc::EACCES)),
                SandboxError::Execute(failed(Step::Supervise, libc::ECHILD)),
            ],
        });
        is_as_kept("sandboxes", text);
    }
}
