//! Part of a sandbox that can be tried without the others.

use crate::namespace::Namespace;
use crate::policy::Capability;
use nix::sched::CloneFlags;
use serde::{Deserialize, Serialize};

/// Part of a sandbox that can be tried by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Part {
    /// Namespace, and the set-up that makes it usable.
    Namespace(Capability),
    /// Directory `/proc` of a pid namespace.
    Proc,
    /// Whole tree that becomes the root.
    Tree,
    /// Copy-on-write view of a directory.
    Overlay,
}

impl Part {
    /// Returns the namespaces without which the part cannot be tried.
    pub(crate) fn namespaces(self) -> CloneFlags {
        match self {
            // The user namespace is tried when the process itself is cloned.
            Self::Namespace(Capability::User) => CloneFlags::empty(),
            Self::Namespace(capability) => {
                let flag = Namespace::for_capability(capability).map_or(0, |namespace| namespace.flag);
                CloneFlags::from_bits_retain(flag)
            }
            Self::Overlay => CloneFlags::CLONE_NEWNS,
            Self::Proc | Self::Tree => CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS,
        }
    }

    /// Returns the capabilities without which the part cannot be tried. A user namespace, where needed, is needed by
    /// all parts.
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
