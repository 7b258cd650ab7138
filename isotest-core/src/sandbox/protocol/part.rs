//! One part of a sandbox that can be tried without the others.

use crate::namespace::Namespace;
use crate::policy::Capability;
use nix::sched::CloneFlags;
use serde::{Deserialize, Serialize};

/// Something that can be tried by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Part {
    /// A namespace, and what makes it usable.
    Namespace(Capability),
    /// A `/proc` of a pid namespace.
    Proc,
    /// The whole tree that becomes the root.
    Tree,
    /// A copy-on-write view of a directory.
    Overlay,
}

impl Part {
    /// The namespaces without which it cannot be tried.
    pub(crate) fn namespaces(self) -> CloneFlags {
        match self {
            // The user namespace is tried by a process that is born in it.
            Self::Namespace(Capability::User) => CloneFlags::empty(),
            Self::Namespace(capability) => {
                let flag = Namespace::for_capability(capability).map_or(0, |namespace| namespace.flag);
                CloneFlags::from_bits_retain(flag)
            }
            Self::Overlay => CloneFlags::CLONE_NEWNS,
            Self::Proc | Self::Tree => CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS,
        }
    }

    /// The capabilities without which it cannot be tried; a user namespace, where it is needed, is needed by all.
    pub(crate) const fn stands_on(self) -> &'static [Capability] {
        match self {
            Self::Namespace(_) => &[],
            Self::Proc | Self::Tree => &[Capability::Pid, Capability::Mount],
            Self::Overlay => &[Capability::Mount],
        }
    }

    pub(crate) fn subject(self) -> &'static str {
        match self {
            Self::Namespace(capability) => capability.as_str(),
            Self::Proc | Self::Tree => "pid mount",
            Self::Overlay => "mount",
        }
    }
}
