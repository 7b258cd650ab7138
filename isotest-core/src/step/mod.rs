//! The set-up actions of a sandbox in the order in which they happen, and how one of them failed.

mod hint;

pub use hint::shortage;

use crate::policy::Capability;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use std::{fmt, io};

/// One set-up action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Supervisor: start the zygote.
    StartZygote,
    /// Zygote: enter namespaces of its own.
    UnshareZygote,
    /// Zygote: map its user into its own user namespace.
    MapZygote,
    /// Zygote: become the first process of its own process id namespace.
    ForkZygote,
    /// Zygote: cut the propagation of mounts to and from the host.
    CutPropagation,
    /// Zygote: mount the tmpfs that becomes the root.
    MountRoot,
    /// Zygote: mount a `/proc` of its own, without which attempts may not mount theirs.
    MountTemplateProc,
    /// Zygote: fill the tree.
    AssembleTree,
    /// Zygote: make the tree its root and detach the host's.
    PivotRoot,
    /// Zygote: make the tree read-only.
    SealTree,
    /// Zygote: make a network namespace that may be handed on.
    MakeNetwork,
    /// Supervisor: make the attempt's cgroup.
    CreateCgroup,
    /// Zygote: mount the tmpfs of the attempt's place to write.
    MountTmpfs,
    /// Zygote: make the layers that cover the template. Init: take them.
    MakeLayers,
    /// Zygote: start init in a new pid namespace.
    CloneInit,
    /// Init: mount the attempt's `/proc`.
    MountProc,
    /// Init: make parts of it read-only.
    GuardProc,
    /// Init: enter its other new namespaces.
    UnshareInit,
    /// Zygote: write init's `uid_map` and `gid_map`.
    MapIds,
    /// Init: arrange to die with its parent.
    DieWithParent,
    /// Init: take the attempt's own cgroup, to be seen where cgroups are looked for.
    ShowCgroup,
    /// Init: attach them.
    AttachLayers,
    /// Init: take over the host's network settings.
    CopyNetSettings,
    /// Init: raise the loopback interface.
    RaiseLoopback,
    /// Init: mount the attempt's pseudo terminals.
    MountDevpts,
    /// Guest: enter the namespaces of a sandbox that is running.
    Join,
    /// Init: leave session and terminal. The workload is a member of this session, and leads neither it nor its process
    /// group, as it would not below `cargo test`.
    NewSession,
    /// Init: leave the session keyring of the caller, which no namespace isolates.
    NewKeyring,
    /// Init: open the terminal of a command somebody attends to.
    OpenTerminal,
    /// Init: start the workload's process, in the version 2 cgroup, below its parent.
    CloneWorkload,
    /// Workload: enter the version 1 cgroups.
    JoinCgroup,
    /// Workload: make its cgroup the root of what it sees.
    UnshareCgroup,
    /// Workload with a terminal: bring its process group to the foreground.
    TakeTerminal,
    /// Workload: put the standard descriptors in place and mark all others close-on-exec.
    PlaceDescriptors,
    /// Workload: reset signals.
    ResetSignals,
    /// Workload: change to its directory.
    ChangeDirectory,
    /// Workload: be asked about paths.
    TracePaths,
    /// Workload: limit itself.
    LimitProcess,
    /// Workload: execute its program.
    Exec,
    /// Supervisor: wait for the end.
    Supervise,
    /// Supervisor: read the figures from the attempt's cgroup.
    ReadFigures,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 41] = [
        Self::StartZygote,
        Self::UnshareZygote,
        Self::MapZygote,
        Self::ForkZygote,
        Self::CutPropagation,
        Self::MountRoot,
        Self::MountTemplateProc,
        Self::AssembleTree,
        Self::PivotRoot,
        Self::SealTree,
        Self::MakeNetwork,
        Self::CreateCgroup,
        Self::MountTmpfs,
        Self::MakeLayers,
        Self::CloneInit,
        Self::MountProc,
        Self::GuardProc,
        Self::UnshareInit,
        Self::MapIds,
        Self::DieWithParent,
        Self::ShowCgroup,
        Self::AttachLayers,
        Self::CopyNetSettings,
        Self::RaiseLoopback,
        Self::MountDevpts,
        Self::Join,
        Self::NewSession,
        Self::NewKeyring,
        Self::OpenTerminal,
        Self::CloneWorkload,
        Self::JoinCgroup,
        Self::UnshareCgroup,
        Self::TakeTerminal,
        Self::PlaceDescriptors,
        Self::ResetSignals,
        Self::ChangeDirectory,
        Self::TracePaths,
        Self::LimitProcess,
        Self::Exec,
        Self::Supervise,
        Self::ReadFigures,
    ];

    /// Takes the step.
    ///
    /// # Errors
    /// What `action` returned, with the step's name on it.
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
    /// What `action` returned, with the step's name and the subject on it.
    pub(crate) fn on<T, E: Into<io::Error>>(
        self,
        subject: impl fmt::Display,
        action: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, StepError> {
        self.run(action).map_err(|error| StepError { subject: Some(subject.to_string()), ..error })
    }

    /// The error that says this step failed.
    pub(crate) fn failed(self, subject: Option<String>, error: &io::Error) -> StepError {
        // An error without a number is one of our own making about what the kernel gave us.
        StepError { step: self, errno: error.raw_os_error().unwrap_or(libc::EPROTO), subject }
    }

    /// What cannot be had where the host refuses the step; `None` if it is about something else.
    pub const fn capability(self) -> Option<Capability> {
        Some(match self {
            Self::UnshareZygote | Self::MapZygote | Self::CloneInit | Self::UnshareInit | Self::MapIds => {
                Capability::User
            }
            Self::ForkZygote => Capability::Pid,
            Self::CutPropagation | Self::MountRoot => Capability::Mount,
            Self::MakeNetwork | Self::CopyNetSettings | Self::RaiseLoopback => Capability::Net,
            Self::UnshareCgroup => Capability::Cgroup,
            Self::MakeLayers => Capability::CopyOnWrite,
            Self::MountTemplateProc
            | Self::AssembleTree
            | Self::PivotRoot
            | Self::SealTree
            | Self::MountTmpfs
            | Self::ShowCgroup
            | Self::AttachLayers
            | Self::MountProc
            | Self::GuardProc
            | Self::MountDevpts => Capability::Rootfs,
            Self::StartZygote
            | Self::CreateCgroup
            | Self::DieWithParent
            | Self::CloneWorkload
            | Self::JoinCgroup
            | Self::Join
            | Self::NewSession
            | Self::NewKeyring
            | Self::OpenTerminal
            | Self::TakeTerminal
            | Self::PlaceDescriptors
            | Self::ResetSignals
            | Self::ChangeDirectory
            | Self::TracePaths
            | Self::LimitProcess
            | Self::Exec
            | Self::Supervise
            | Self::ReadFigures => return None,
        })
    }

    /// Whether the kernel counts namespaces in it, of which each user may have so many.
    pub const fn makes_namespaces(self) -> bool {
        matches!(
            self,
            Self::UnshareZygote
                | Self::CloneInit
                | Self::UnshareInit
                | Self::MakeNetwork
                | Self::UnshareCgroup
        )
    }

    /// What was attempted, as the object of "could not".
    pub const fn action(self) -> &'static str {
        match self {
            Self::StartZygote => "start the process that makes sandboxes",
            Self::UnshareZygote => "enter new namespaces",
            Self::MapZygote => "map the user into a new user namespace",
            Self::ForkZygote => "start the first process of a new pid namespace",
            Self::CutPropagation => "cut mount propagation from the host",
            Self::MountRoot => "mount the tmpfs root",
            Self::MountTemplateProc => "mount a fresh /proc",
            Self::AssembleTree => "show a part of the host in the new root",
            Self::PivotRoot => "change to the new root",
            Self::SealTree => "make the new root read-only",
            Self::MakeNetwork => "make a network namespace with a loopback interface",
            Self::CreateCgroup => "make a cgroup for the test",
            Self::CloneInit => "start the first process of a sandbox",
            Self::UnshareInit => "enter the sandbox's new namespaces",
            Self::MapIds => "map user and group ids into the user namespace",
            Self::DieWithParent => "tie the sandbox's life to the runner's",
            Self::MountTmpfs => "mount the test's own tmpfs",
            Self::MakeLayers => "make a private or copy-on-write directory",
            Self::ShowCgroup => "show the test its own cgroup",
            Self::AttachLayers => "mount a private or copy-on-write directory",
            Self::CopyNetSettings => "take over a network setting of the host",
            Self::RaiseLoopback => "raise the loopback interface",
            Self::MountProc => "mount the test's own /proc",
            Self::GuardProc => "make a part of /proc read-only",
            Self::MountDevpts => "mount pseudo terminals",
            Self::Join => "enter the sandbox",
            Self::NewSession => "leave the terminal's session",
            Self::NewKeyring => "make a session keyring",
            Self::OpenTerminal => "open a pseudo terminal",
            Self::CloneWorkload => "start the test's process in its cgroup",
            Self::JoinCgroup => "enter the test's cgroup",
            Self::UnshareCgroup => "enter a new cgroup namespace",
            Self::TakeTerminal => "bring its process group to the foreground",
            Self::PlaceDescriptors => "put the standard descriptors in place",
            Self::ResetSignals => "reset signals",
            Self::ChangeDirectory => "change to the test's directory",
            Self::TracePaths => "trace the paths that are looked for",
            Self::LimitProcess => "limit the test's process",
            Self::Exec => "execute the program",
            Self::Supervise => "keep sight of the sandbox until its end",
            Self::ReadFigures => "read what the test used from its cgroup",
        }
    }
}

/// The step that is to fail in this process and in those it starts.
static FAILING: OnceLock<Step> = OnceLock::new();

/// Makes `step` fail from now on.
pub(crate) fn let_fail(step: Option<Step>) {
    if let Some(step) = step {
        // A process is told once; a second telling changes nothing.
        let _ = FAILING.set(step);
    }
}

/// A step failed, and what the kernel said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// The step.
    pub step: Step,
    /// The error number.
    pub errno: i32,
    /// The file or directory concerned, if any.
    pub subject: Option<String>,
}

impl StepError {
    /// That the zygote was lost, and with it every sandbox below it.
    pub(super) const fn zygote_killed() -> Self {
        Self { step: Step::Supervise, errno: libc::EOWNERDEAD, subject: None }
    }

    /// Which process is gone, where the error number only says that nobody is at the other end.
    const fn loss(&self) -> Option<&'static str> {
        match (self.step, self.errno) {
            (Step::Supervise, libc::EOWNERDEAD) => {
                Some("the process that makes sandboxes has been killed, or has failed")
            }
            (Step::Supervise, libc::ECHILD | libc::EPIPE | libc::ECONNRESET) => {
                Some("its first process has been killed, or has failed")
            }
            (Step::StartZygote, libc::ECHILD | libc::EPIPE | libc::ECONNRESET) => {
                Some("it has ended all of a sudden")
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
        match self.loss() {
            Some(loss) => write!(f, ": {loss} [step {:?}]", self.step),
            None => write!(f, ": {} [step {:?}]", io::Error::from_raw_os_error(self.errno), self.step),
        }
    }
}

impl std::error::Error for StepError {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::value::{Error, StrDeserializer};

    /// Whoever names a step that does not exist is told of all that do.
    #[test]
    fn every_step_is_among_all_in_order() {
        let error = Step::deserialize(StrDeserializer::<Error>::new("none")).unwrap_err().to_string();
        let (_, existing) = error.split_once("one of ").unwrap();
        assert_eq!(existing, Step::ALL.map(|step| format!("`{step:?}`")).join(", "));
    }
}
