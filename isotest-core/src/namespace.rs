//! Kinds of namespaces a sandbox is made of, a row each. Pure.

use crate::policy::Capability;

/// Kind of namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace {
    /// Capability that the namespace is.
    pub capability: Capability,
    /// Flag of the namespace in clone(2), unshare(2) and setns(2).
    pub flag: libc::c_int,
    /// Name of the namespace's file below `/proc/PID/ns`.
    pub file: &'static str,
    /// Option of unshare(1) for the namespace.
    pub option: &'static str,
    /// Name of the sysctl(8) setting that says how many of these namespaces each user may have.
    pub limit: &'static str,
    /// Origin of an attempt's own namespace of this kind.
    pub origin: Origin,
}

/// Origin of an attempt's own namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Birth of init in a new namespace, which its user namespace does not own.
    WithInit,
    /// Entry of init into a new namespace once it has mounted what nobody inside may take off.
    ByInit,
    /// Decision of the network whether init enters a new namespace, or one that the zygote has, or none.
    Network,
    /// Entry of the workload into a new namespace before it executes its program.
    WithWorkload,
}

/// Rows of all kinds, in the order in which they are reported.
pub const NAMESPACES: [Namespace; 7] = [
    Namespace {
        capability: Capability::User,
        flag: libc::CLONE_NEWUSER,
        file: "user",
        option: "--user",
        limit: "user.max_user_namespaces",
        origin: Origin::ByInit,
    },
    Namespace {
        capability: Capability::Pid,
        flag: libc::CLONE_NEWPID,
        file: "pid",
        option: "--pid",
        limit: "user.max_pid_namespaces",
        origin: Origin::WithInit,
    },
    Namespace {
        capability: Capability::Mount,
        flag: libc::CLONE_NEWNS,
        file: "mnt",
        option: "--mount",
        limit: "user.max_mnt_namespaces",
        origin: Origin::ByInit,
    },
    Namespace {
        capability: Capability::Net,
        flag: libc::CLONE_NEWNET,
        file: "net",
        option: "--net",
        limit: "user.max_net_namespaces",
        origin: Origin::Network,
    },
    Namespace {
        capability: Capability::Ipc,
        flag: libc::CLONE_NEWIPC,
        file: "ipc",
        option: "--ipc",
        limit: "user.max_ipc_namespaces",
        origin: Origin::ByInit,
    },
    Namespace {
        capability: Capability::Uts,
        flag: libc::CLONE_NEWUTS,
        file: "uts",
        option: "--uts",
        limit: "user.max_uts_namespaces",
        origin: Origin::ByInit,
    },
    Namespace {
        capability: Capability::Cgroup,
        flag: libc::CLONE_NEWCGROUP,
        file: "cgroup",
        option: "--cgroup",
        limit: "user.max_cgroup_namespaces",
        origin: Origin::WithWorkload,
    },
];

impl Namespace {
    /// Returns the kind that `capability` is; `None` if it is no namespace.
    pub fn for_capability(capability: Capability) -> Option<&'static Self> {
        NAMESPACES.iter().find(|namespace| namespace.capability == capability)
    }

    /// Returns whether attempts may do without a namespace of this kind of their own.
    pub const fn is_optional(&self) -> bool {
        !self.capability.is_foundation()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn each_row_is_one_the_kernel_knows() {
        let mut flags = 0;
        for namespace in &NAMESPACES {
            assert_eq!(Namespace::for_capability(namespace.capability), Some(namespace));
            assert_eq!(flags & namespace.flag, 0, "{namespace:?}");
            flags |= namespace.flag;
            let link = fs::read_link(format!("/proc/self/ns/{}", namespace.file)).unwrap();
            assert!(link.to_string_lossy().starts_with(&format!("{}:[", namespace.file)), "{link:?}");
            let limit = namespace.limit.replace('.', "/");
            assert!(fs::exists(format!("/proc/sys/{limit}")).unwrap(), "{limit}");
        }
        assert_eq!(Namespace::for_capability(Capability::Rootfs), None);
    }

    #[test]
    fn only_what_nothing_stands_on_is_optional() {
        let optional: Vec<_> = NAMESPACES.iter().filter(|one| one.is_optional()).collect();
        let words: Vec<_> = optional.into_iter().map(|one| one.capability.as_str()).collect();
        assert_eq!(words, ["net", "ipc", "uts", "cgroup"]);
    }
}
