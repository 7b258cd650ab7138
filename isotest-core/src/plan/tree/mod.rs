//! Tree that becomes `/` of an attempt: of the host's entries, or of another root's. Pure.

mod host_root;
mod mount_walk;
mod other_root;
mod slash_run;

pub use host_root::Views;
pub use other_root::{Minimal, Root, Tree};

use super::View;
use crate::host::Host;
pub(super) use host_root::Rootfs;

/// Decides the tree of `root` for `jobs` attempts at once.
pub(super) fn rootfs(root: &Root, views: &Views, host: &Host, cgroups: &[View], jobs: usize) -> Rootfs {
    match root {
        Root::Host => host_root::rootfs(views, host, cgroups, jobs),
        other => other_root::rootfs(other, views, host, cgroups, jobs),
    }
}
