//! Table of all steps: the action of each, and the hint where it fails.

use super::hint;
use crate::policy::Capability;
use serde::{Deserialize, Serialize};

/// Kinds of objects that the kernel limits in number, and of which a step makes one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Namespaces,
    Mounts,
    Processes,
}

/// Facts on a step that are known before it is taken.
#[derive(Debug)]
pub(super) struct Facts {
    /// Attempted action, as the object of "could not".
    pub(super) action: &'static str,
    /// Capability that is missing where the host refuses the step.
    pub(super) capability: Option<Capability>,
    /// Kinds of objects of which the step makes one more.
    pub(super) counted: &'static [Counted],
    /// Hint on error numbers that mean something else in this step than in others.
    pub(super) known: fn(i32) -> Option<&'static str>,
    /// Hint how to find out more, or to do without, where nothing is known about the error number.
    pub(super) usual: &'static str,
}

impl Facts {
    const fn new(action: &'static str, usual: &'static str) -> Self {
        Self { action, capability: None, counted: &[], known: |_| None, usual }
    }

    const fn lacking(self, capability: Capability) -> Self {
        Self { capability: Some(capability), ..self }
    }

    const fn counted(self, counted: &'static [Counted]) -> Self {
        Self { counted, ..self }
    }

    const fn known(self, known: fn(i32) -> Option<&'static str>) -> Self {
        Self { known, ..self }
    }
}

/// Makes [`Step`] from the rows of the table.
macro_rules! steps {
    ($($(#[$page:meta])+ $step:ident: $facts:expr,)+) => {
        /// One set-up action.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Step {
            $($(#[$page])+ $step,)+
        }

        impl Step {
            /// Every step, in order.
            pub const ALL: [Self; [$(stringify!($step)),+].len()] = [$(Self::$step),+];

            /// Returns the row of the table.
            pub(super) const fn facts(self) -> &'static Facts {
                match self {
                    $(Self::$step => const { &$facts },)+
                }
            }
        }
    };
}

steps! {
    /// Supervisor: start the zygote.
    StartZygote: Facts::new("start the process that makes sandboxes", hint::SAME_AGAIN)
        .counted(&[Counted::Processes])
        .known(hint::of_zygote),
    /// Zygote: enter namespaces of its own.
    UnshareZygote: Facts::new("enter new namespaces", hint::HOST)
        .lacking(Capability::User)
        .counted(&[Counted::Namespaces, Counted::Processes]),
    /// Zygote: map its user into its own user namespace.
    MapZygote: Facts::new("map the user into a new user namespace", hint::HOST).lacking(Capability::User),
    /// Zygote: become the first process of its own process id namespace.
    ForkZygote: Facts::new("start the first process of a new pid namespace", hint::HOST)
        .lacking(Capability::Pid)
        .counted(&[Counted::Processes]),
    /// Zygote: cut the propagation of mounts to and from the host.
    CutPropagation: Facts::new("cut mount propagation from the host", hint::HOST).lacking(Capability::Mount),
    /// Zygote: mount the tmpfs that becomes the root.
    MountRoot: Facts::new("mount the tmpfs root", hint::HOST)
        .lacking(Capability::Mount)
        .counted(&[Counted::Mounts]),
    /// Zygote: mount a `/proc` of its own, without which attempts may not mount theirs.
    MountTemplateProc: Facts::new("mount a fresh /proc", hint::HOST)
        .lacking(Capability::Rootfs)
        .counted(&[Counted::Mounts]),
    /// Zygote: fill the tree.
    AssembleTree: Facts::new("show a part of the host in the new root", hint::HOST)
        .lacking(Capability::Rootfs)
        .counted(&[Counted::Mounts]),
    /// Zygote: make the tree its root and detach the host's.
    PivotRoot: Facts::new("change to the new root", hint::HOST)
        .lacking(Capability::Rootfs)
        .counted(&[Counted::Mounts]),
    /// Zygote: make the tree read-only.
    SealTree: Facts::new("make the new root read-only", hint::HOST).lacking(Capability::Rootfs),
    /// Zygote: make a network namespace that may be handed on.
    MakeNetwork: Facts::new("make a network namespace with a loopback interface", hint::NETWORK)
        .lacking(Capability::Net)
        .counted(&[Counted::Namespaces]),
    /// Supervisor: make the attempt's cgroup.
    CreateCgroup: Facts::new("make a cgroup for the test", hint::FIGURES).known(hint::of_new_cgroup),
    /// Zygote: mount the tmpfs of the attempt's place to write.
    MountTmpfs: Facts::new("mount the test's own tmpfs", hint::HOST)
        .lacking(Capability::Rootfs)
        .counted(&[Counted::Mounts]),
    /// Zygote: make the layers that cover the template. Init: take these layers.
    MakeLayers: Facts::new("make a private or copy-on-write directory", hint::VIEWS)
        .lacking(Capability::CopyOnWrite)
        .counted(&[Counted::Mounts]),
    /// Zygote: start init in a new pid namespace.
    CloneInit: Facts::new("start the first process of a sandbox", hint::HOST)
        .lacking(Capability::User)
        .counted(&[Counted::Namespaces, Counted::Processes]),
    /// Init: mount the attempt's `/proc`.
    MountProc: Facts::new("mount the test's own /proc", hint::HOST)
        .lacking(Capability::Rootfs)
        .counted(&[Counted::Mounts]),
    /// Init: make parts of the attempt's `/proc` read-only.
    GuardProc: Facts::new("make a part of /proc read-only", hint::HOST)
        .lacking(Capability::Rootfs)
        .counted(&[Counted::Mounts]),
    /// Init: enter its other new namespaces.
    UnshareInit: Facts::new("enter the sandbox's new namespaces", hint::HOST)
        .lacking(Capability::User)
        .counted(&[Counted::Namespaces]),
    /// Zygote: write init's `uid_map` and `gid_map`.
    MapIds: Facts::new("map user and group ids into the user namespace", hint::HOST)
        .lacking(Capability::User),
    /// Init: arrange to die with its parent.
    DieWithParent: Facts::new("arrange for the sandbox to end with this program", hint::SAME_AGAIN),
    /// Init: take the attempt's own cgroup, to be seen where cgroups are looked for.
    ShowCgroup: Facts::new("show the test its own cgroup", hint::FIGURES)
        .lacking(Capability::Rootfs)
        .counted(&[Counted::Mounts])
        .known(hint::of_cgroup),
    /// Init: attach the layers.
    AttachLayers: Facts::new("mount a private or copy-on-write directory", hint::HOST)
        .lacking(Capability::Rootfs)
        .counted(&[Counted::Mounts]),
    /// Init: take over the host's network settings.
    CopyNetSettings: Facts::new("copy a network setting of the host", hint::NETWORK)
        .lacking(Capability::Net),
    /// Init: raise the loopback interface.
    RaiseLoopback: Facts::new("bring up the loopback interface", hint::NETWORK).lacking(Capability::Net),
    /// Init: mount the attempt's pseudo terminals.
    MountDevpts: Facts::new("mount pseudo terminals", hint::HOST)
        .lacking(Capability::Rootfs)
        .counted(&[Counted::Mounts]),
    /// Guest: enter the namespaces of a sandbox that is running.
    Join: Facts::new("enter the sandbox", hint::JOINING).counted(&[Counted::Processes]).known(hint::of_join),
    /// Init: leave session and terminal. The workload is a member of this session, and leads neither it nor its process
    /// group, as it would not below `cargo test`.
    NewSession: Facts::new("leave the terminal's session", hint::SAME_AGAIN),
    /// Init: leave the session keyring of the caller, which no namespace isolates.
    NewKeyring: Facts::new("make a session keyring", hint::KEYS),
    /// Init: open the terminal of a command somebody attends to.
    OpenTerminal: Facts::new("open a pseudo terminal", hint::TERMINAL).known(hint::of_terminal),
    /// Init: start the workload's process, in the version 2 cgroup, below its parent.
    CloneWorkload: Facts::new("start the test's process in its cgroup", hint::FIGURES)
        .counted(&[Counted::Processes])
        .known(hint::of_cgroup),
    /// Workload: enter the version 1 cgroups.
    JoinCgroup: Facts::new("enter the test's cgroup", hint::FIGURES).known(hint::of_cgroup),
    /// Workload: make its cgroup the root of what it sees.
    UnshareCgroup: Facts::new("enter a new cgroup namespace", hint::CGROUP_NAMESPACE)
        .lacking(Capability::Cgroup)
        .counted(&[Counted::Namespaces]),
    /// Workload with a terminal: bring its process group to the foreground.
    TakeTerminal: Facts::new("bring its process group to the foreground", hint::SAME_AGAIN),
    /// Workload: put the standard descriptors in place and mark all others close-on-exec.
    PlaceDescriptors: Facts::new("put the standard descriptors in place", hint::SAME_AGAIN),
    /// Workload: reset signals.
    ResetSignals: Facts::new("reset signals", hint::SAME_AGAIN),
    /// Workload: change to its directory.
    ChangeDirectory: Facts::new("change to the test's directory", hint::BY_HAND).known(hint::of_directory),
    /// Workload: be asked about paths.
    TracePaths: Facts::new("trace the paths that the test looks for", hint::TRACE)
        .counted(&[Counted::Processes])
        .known(hint::of_trace),
    /// Workload: limit itself.
    LimitProcess: Facts::new("limit the test's process", hint::LIMITS).known(hint::of_limits),
    /// Workload: execute its program.
    Exec: Facts::new("execute the program", hint::BY_HAND)
        .counted(&[Counted::Processes])
        .known(hint::of_exec),
    /// Supervisor: wait for the end.
    Supervise: Facts::new("supervise the sandbox", hint::SAME_AGAIN)
        .known(hint::of_supervision),
    /// Supervisor: read the figures from the attempt's cgroup.
    ReadFigures: Facts::new("read the resource usage from the test's cgroup", hint::FIGURES).known(hint::of_cgroup),
}
