//! What is wanted and what the host allows, resolved into one [`Template`] for the run. Pure.

use super::rootfs::{self, Views};
use super::{Network, Template, View};
use crate::host::{Host, Ids, Kind};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What is wanted of every sandbox of a run.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The directories that matter.
    pub views: &'a Views,
    /// The network.
    pub network: Network,
    /// How many attempts at once.
    pub jobs: usize,
    /// The run's own cgroup directory of each hierarchy, and where tests look for it.
    pub cgroups: &'a [View],
}

/// The decisions of a run.
#[derive(Debug)]
pub struct Resolved {
    /// What zygotes prepare.
    pub template: Template,
    /// What a reader of the report must know.
    pub remarks: Vec<String>,
}

/// Decides what every sandbox of a run looks like.
pub fn resolve(request: &Request<'_>, host: &Host) -> Resolved {
    let rootfs = rootfs::rootfs(request.views, host, request.cgroups, request.jobs);
    let root = host.ids.uid == 0;
    // What a user with all capabilities does to a namespace leaves no trace in counters, so root's is never shared.
    let network = if root && request.network == Network::Loopback { Network::Own } else { request.network };
    let template = Template {
        uid_map: id_map(host.ids.uid, &host.ids.uid_extents, &host.ids),
        gid_map: id_map(host.ids.gid, &host.ids.gid_extents, &host.ids),
        outer_user: !root,
        network,
        net_settings: host.net_settings.clone(),
        foothold: foothold(host),
        tree: rootfs.tree,
        private: rootfs.private,
        failing: None,
    };
    Resolved { template, remarks: rootfs.remarks }
}

/// Everybody is mapped to itself: an ordinary user alone, root with every id it has.
fn id_map(own: u32, extents: &[(u32, u32)], ids: &Ids) -> String {
    if ids.uid != 0 {
        return format!("{own} {own} 1\n");
    }
    let mut map = String::new();
    for (first, length) in extents {
        // Writing to a string does not fail.
        let _ = writeln!(map, "{first} {first} {length}");
    }
    map
}

/// Any directory of the host that can be covered for a moment.
fn foothold(host: &Host) -> PathBuf {
    const CANDIDATES: [&str; 4] = ["/tmp", "/mnt", "/run", "/var"];
    let is_directory = |path: &str| {
        let kind = host.root_entries.iter().find(|entry| entry.path == std::path::Path::new(path));
        kind.is_some_and(|entry| matches!(entry.kind, Kind::Directory | Kind::EmptyDirectory { .. }))
    };
    CANDIDATES.into_iter().find(|path| is_directory(path)).unwrap_or("/proc").into()
}
