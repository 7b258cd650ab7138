//! Set-up actions of a sandbox in the order in which they happen, and the error of one that failed.

mod hint;
mod table;

pub use hint::shortage;
pub use table::Step;

use crate::policy::Capability;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use std::{fmt, io};
use table::Counted;

impl Step {
    /// Takes the step.
    ///
    /// # Errors
    /// Error of `action`, with the step's name on it.
    pub(crate) fn run<T, E: Into<io::Error>>(
        self,
        action: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, StepError> {
        if FAILING.get() == Some(&self) {
            return Err(self.failed(None, &io::Error::from_raw_os_error(libc::ECANCELED)));
        }
        action().map_err(|error| self.failed(None, &error.into()))
    }

    /// Takes the step, or a part of it, which concerns `subject`.
    ///
    /// # Errors
    /// Error of `action`, with the step's name and the subject on it.
    pub(crate) fn on<T, E: Into<io::Error>>(
        self,
        subject: impl fmt::Display,
        action: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, StepError> {
        self.run(action).map_err(|error| StepError { subject: Some(subject.to_string()), ..error })
    }

    /// Takes the step for one entry of the plan, which is called `subject`.
    ///
    /// # Errors
    /// Error of `action`, with the step's name, the entry and the subject on it.
    pub(crate) fn at<T, E: Into<io::Error>>(
        self,
        entry: PlanEntry,
        subject: impl fmt::Display,
        action: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, StepError> {
        self.on(subject, action).map_err(|error| StepError { entry: Some(entry), ..error })
    }

    /// Returns the error that says this step failed.
    pub(crate) fn failed(self, subject: Option<String>, error: &io::Error) -> StepError {
        // An error without an errno was made by this program, about unexpected data from the kernel.
        StepError { step: self, errno: error.raw_os_error().unwrap_or(libc::EPROTO), subject, entry: None }
    }

    /// Returns the capability that is missing where the host refuses the step; `None` if it is about something else.
    pub const fn capability(self) -> Option<Capability> {
        self.facts().capability
    }

    /// Returns whether the step makes namespaces, of which each user may have only so many.
    pub fn makes_namespaces(self) -> bool {
        self.facts().counted.contains(&Counted::Namespaces)
    }

    /// Returns the attempted action, as the object of "could not".
    pub const fn action(self) -> &'static str {
        self.facts().action
    }
}

/// Step that is to fail in this process and in those it starts.
static FAILING: OnceLock<Step> = OnceLock::new();

/// Makes `step` fail from now on.
pub(crate) fn let_fail(step: Option<Step>) {
    if let Some(step) = step {
        // A process is told once; a second telling changes nothing.
        let _ = FAILING.set(step);
    }
}

/// Entry of a plan's template, by its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlanEntry {
    /// Entry of the tree that becomes `/`.
    Tree(usize),
    /// Layer that each attempt adds.
    Layer(usize),
}

/// Failure of a step, with the error of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// Step that failed.
    pub step: Step,
    /// Error number of the kernel.
    pub errno: i32,
    /// File or directory concerned, if any.
    pub subject: Option<String>,
    /// Entry of the plan concerned, if any.
    pub entry: Option<PlanEntry>,
}

impl StepError {
    /// Returns the error of an attempt whose zygote was lost, and with it every sandbox below it.
    pub(super) const fn zygote_killed() -> Self {
        Self { step: Step::Supervise, errno: libc::EOWNERDEAD, subject: None, entry: None }
    }

    /// Returns the hint for the user.
    pub fn hint(&self) -> &'static str {
        self.known_hint().unwrap_or(self.step.facts().usual)
    }

    /// Returns the hint on this error number in this step; `None` if nothing is known but where to look.
    pub fn known_hint(&self) -> Option<&'static str> {
        let facts = self.step.facts();
        (facts.known)(self.errno).or_else(|| match self.errno {
            libc::ENOSPC if facts.counted.contains(&Counted::Namespaces) => Some(hint::NAMESPACES),
            libc::ENOSPC if facts.counted.contains(&Counted::Mounts) => Some(hint::MOUNTS),
            libc::EAGAIN if !facts.counted.contains(&Counted::Processes) => None,
            errno => shortage(errno),
        })
    }

    /// Returns the cause, where the error number alone does not say it: a process that is gone, or was never started.
    const fn cause(&self) -> Option<&'static str> {
        match (self.step, self.errno) {
            (Step::Supervise, libc::EOWNERDEAD) => {
                Some("the process that makes sandboxes was killed, or failed")
            }
            (Step::Supervise, libc::ECHILD | libc::EPIPE | libc::ECONNRESET) => {
                Some("the first process of the sandbox was killed, or failed")
            }
            (Step::StartZygote, libc::ECHILD | libc::EPIPE | libc::ECONNRESET) => {
                Some("the process ended unexpectedly")
            }
            (Step::StartZygote, libc::EOPNOTSUPP) => {
                Some("`main` of this program does not begin with `isotest_core::stage::enter();`")
            }
            _ => None,
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}", self.step.action())?;
        if let Some(subject) = &self.subject {
            write!(f, " (`{subject}`)")?;
        }
        match self.cause() {
            Some(cause) => write!(f, ": {cause} [step {:?}]", self.step),
            None => write!(f, ": {} [step {:?}]", io::Error::from_raw_os_error(self.errno), self.step),
        }
    }
}

impl std::error::Error for StepError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Level, Policy};

    fn hint(step: Step, errno: i32) -> &'static str {
        StepError { step, errno, subject: None, entry: None }.hint()
    }

    /// Checks that each hint fits its step, and not another step with the same error.
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
                    let off = named.map(|capability| Policy::new(&[(capability, Level::Off)]));
                    assert!(matches!(off, Some(Ok(_))), "{word}");
                }
            }
        }
    }
}
