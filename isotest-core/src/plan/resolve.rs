//! Resolves what is wanted and what the host allows into one [`Template`] for the run. Pure.

use super::cow_exclusions;
use super::tree::{self, Root, Rootfs, Tree, Views};
use super::{Network, OverlayNotes, Template, View};
use crate::host::{Host, Ids, Kind};
use crate::metric::{METRICS, Metric};
use crate::namespace::{NAMESPACES, Namespace, Origin};
use crate::policy::{Capability, Isolation, Level, Policy, State};
use crate::usage::Source;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Request for the sandboxes of a run.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Level at which each capability is wanted.
    pub policy: &'a Policy,
    /// Root that becomes `/`.
    pub root: &'a Root,
    /// Directories that matter.
    pub views: &'a Views,
    /// Network of the attempts.
    pub network: Network,
    /// Whether the paths are noted that processes look for and that are not there.
    pub trace_missing: bool,
    /// Number of attempts at once.
    pub jobs: usize,
    /// Facts about the run's cgroups.
    pub cgroups: CgroupFacts<'a>,
}

impl Request<'_> {
    fn lacks(&self, capability: Capability) -> bool {
        self.cgroups.missing.iter().any(|(other, _)| *other == capability)
    }
}

/// Facts about the run's cgroups that the plan depends on.
#[derive(Debug, Clone, Copy, Default)]
pub struct CgroupFacts<'a> {
    /// Layout of the hierarchies: `v1`, `v2`, `hybrid` or none.
    pub layout: Option<&'static str>,
    /// Directory of the run in each hierarchy, and where tests look for it.
    pub views: &'a [View],
    /// Sources, among the kernel's current figures, that stand for a peak of which it keeps no account.
    pub sampled: &'a [Source],
    /// Capabilities that are wanted and cannot be had, and why: metrics, and namespaces that were tried.
    pub missing: &'a [(Capability, String)],
}

/// Decisions of a run.
#[derive(Debug)]
pub struct Resolved {
    /// Template that zygotes prepare.
    pub template: Template,
    /// Isolation in force.
    pub isolation: Isolation,
    /// Capabilities that are required and cannot be had, and why. With anything in it the run must not start.
    pub unmet: Vec<(Capability, String)>,
}

/// Decides what every sandbox of a run looks like.
pub fn resolve(request: &Request<'_>, host: &Host) -> Resolved {
    let is_off = |capability: &Capability| request.policy.level(*capability) == Level::Off;
    let (root, views) = seen(request, is_off(&Capability::CopyOnWrite));
    let rootfs = tree::rootfs(&root, &views, host, request.cgroups.views, request.jobs);
    let states = states(request, &rootfs);
    let unmet = states.iter().filter_map(|(capability, state)| match state {
        State::Missing(reason) if request.policy.level(*capability) == Level::Require => {
            Some((*capability, reason.clone()))
        }
        State::Missing(_) | State::InForce | State::Off => None,
    });
    let unmet = unmet.collect();
    let states = states.into_iter().map(|(capability, state)| (capability, described(capability, state)));
    let states = states.collect();
    // Whether the network namespace is shared follows from the template's network.
    let may_share = |one: &&Namespace| one.is_optional() && one.origin != Origin::Network;
    let shared = NAMESPACES.iter().filter(may_share).map(|namespace| namespace.capability);
    let template = Template {
        uid_map: id_map(host.ids.uid, &host.ids.uid_extents, &host.ids),
        gid_map: id_map(host.ids.gid, &host.ids.gid_extents, &host.ids),
        outer_user: host.ids.uid != 0,
        overlay: match host.ids {
            Ids { uid: 0, in_first_user_namespace: true, .. } => OverlayNotes::Redirects,
            Ids { uid: 0, .. } => OverlayNotes::TrustedAttributes,
            _ => OverlayNotes::UserAttributes,
        },
        network: network(request, host),
        shared: shared.filter(|one| is_off(one) || request.lacks(*one)).collect(),
        unmeasured: Capability::ALL.into_iter().filter(|one| one.is_metric() && is_off(one)).collect(),
        sampled: sampled(request),
        net_settings: host.net_settings.clone(),
        net_addresses: host.families.placeholders(),
        staging_dir: staging_dir(host),
        tree: rootfs.tree,
        private: rootfs.private,
        trace_missing: request.trace_missing,
        common: false,
        failing: None,
    };
    let mut remarks = rootfs.remarks;
    if !views.copy_on_write.is_empty() {
        remarks.extend(cow_exclusions::remarks(&host.cow_sources, &views));
    }
    remarks.extend(request.cgroups.sampled.iter().map(|source| {
        format!("this kernel keeps no such peak: `{source}` is looked at now and then, which is approximate")
    }));
    let isolation = Isolation { states, cgroup_layout: request.cgroups.layout, remarks };
    Resolved { template, isolation, unmet }
}

/// Says what stands for a figure that is missing.
fn described(capability: Capability, state: State) -> State {
    match state {
        State::Missing(reason) if capability == Capability::Memory => {
            State::Missing(format!("{reason}; memory peaks are sampled instead, and approximate"))
        }
        other => other,
    }
}

/// Returns the root and what is seen in it; with `read_only`, nothing is copy-on-write.
fn seen(request: &Request<'_>, read_only: bool) -> (Root, Views) {
    let (mut root, mut views) = (request.root.clone(), request.views.clone());
    if read_only {
        if let Root::Tree(Tree { copy_on_write, .. }) = &mut root {
            *copy_on_write = false;
        }
        // Without copy-on-write the directories are shown read-only, even below a private directory.
        views.read_only.append(&mut views.copy_on_write);
    }
    (root, views)
}

/// Returns the sources that are sampled: where the kernel keeps no account of a peak, and what stands for it without
/// a cgroup.
fn sampled(request: &Request<'_>) -> Vec<Source> {
    let is_for_init = |metric: &&Metric| {
        let is_wanted = request.policy.level(metric.capability) != Level::Off;
        request.lacks(metric.capability) || (is_wanted && metric.is_without_cgroup())
    };
    let by_init = METRICS.iter().filter(is_for_init).flat_map(|metric| metric.without);
    let by_init = by_init.map(|origin| origin.source).filter(|source| source.is_sampled());
    request.cgroups.sampled.iter().copied().chain(by_init).collect()
}

/// Decides the network of the attempts. What a user with all capabilities does to a namespace leaves no trace in
/// counters, so root's is never shared.
fn network(request: &Request<'_>, host: &Host) -> Network {
    if request.policy.level(Capability::Net) == Level::Off || request.lacks(Capability::Net) {
        return Network::Host;
    }
    let root = host.ids.uid == 0;
    if root && request.network == Network::Loopback { Network::Own } else { request.network }
}

/// Decides the state of each capability. Namespaces and root that were not found missing either are had or stop the
/// run when the first sandbox is made.
fn states(request: &Request<'_>, rootfs: &Rootfs) -> Vec<(Capability, State)> {
    let state = |capability| {
        if request.policy.level(capability) == Level::Off {
            return State::Off;
        }
        if capability == Capability::Net && request.network == Network::Host {
            return State::Off;
        }
        let missing = request.cgroups.missing.iter().find(|(other, _)| *other == capability);
        match (missing, &rootfs.not_copied) {
            (Some((_, reason)), _) => State::Missing(reason.clone()),
            (None, Some(reason)) if capability == Capability::CopyOnWrite => State::Missing(reason.clone()),
            (None, _) => State::InForce,
        }
    };
    Capability::ALL.into_iter().map(|capability| (capability, state(capability))).collect()
}

/// Writes an id map in which everybody is mapped to itself: an ordinary user alone, root with every id it has.
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

/// Finds a directory of the host that can be covered for a moment.
fn staging_dir(host: &Host) -> PathBuf {
    const CANDIDATES: [&str; 4] = ["/tmp", "/mnt", "/run", "/var"];
    let is_directory = |path: &str| {
        let kind = host.root_entries.iter().find(|entry| entry.path == Path::new(path));
        kind.is_some_and(|entry| matches!(entry.kind, Kind::Directory | Kind::EmptyDirectory { .. }))
    };
    CANDIDATES.into_iter().find(|path| is_directory(path)).unwrap_or("/proc").into()
}
