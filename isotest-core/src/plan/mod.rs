//! What will be done, as data: [`resolve()`] decides it from what is wanted and what the host allows,
//! and [`crate::sandbox`] obeys it.

mod cow_exclusions;
mod resolve;
mod tree;

pub use resolve::{CgroupFacts, Request, Resolved, resolve};
pub use tree::{Minimal, Root, Tree, Views};

use crate::host::{HostEntry, Kind};
use crate::limits::Limits;
use crate::namespace::{Namespace, Origin};
use crate::policy::Capability;
use crate::step::{PlanEntry, Step, StepError};
use crate::usage::Source;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is executed inside a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// The file to execute: absolute, or a bare name that is looked for in `PATH`.
    #[serde(with = "crate::wire::path")]
    pub program: PathBuf,
    /// Its arguments, without its own name.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory, absolute.
    #[serde(with = "crate::wire::path")]
    pub directory: PathBuf,
}

/// The network of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// A loopback interface that works and nothing else; a namespace nobody has used may be handed on.
    Loopback,
    /// The same, but fresh and owned by the attempt's own user namespace.
    Own,
    /// Fresh, and not even the loopback interface is up.
    Down,
    /// The host's.
    Host,
}

/// What may be done through a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Reading and executing.
    ReadOnly,
    /// Everything; writes reach the host.
    ReadWrite,
    /// Reading and writing a device node.
    Device,
}

/// Room for a tmpfs that holds names only, in bytes.
pub(crate) const NAMES_BYTES: u64 = 1 << 20;

/// One entry of the tree that becomes `/` of every attempt. Paths are absolute, as seen inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// An empty directory.
    Directory {
        /// Where.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A symbolic link.
    Symlink {
        /// Where.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
        /// What it says.
        #[serde(with = "crate::wire::path")]
        target: PathBuf,
    },
    /// An empty file.
    File {
        /// Where.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
    },
    /// A file as it was on the host when the zygote was started.
    Copy {
        /// The host's path.
        #[serde(with = "crate::wire::path")]
        from: PathBuf,
        /// Where.
        #[serde(with = "crate::wire::path")]
        to: PathBuf,
    },
    /// A file or directory of the host.
    Bind {
        /// The host's path.
        #[serde(with = "crate::wire::path")]
        from: PathBuf,
        /// Where.
        #[serde(with = "crate::wire::path")]
        to: PathBuf,
        /// What may be done with it.
        access: Access,
        /// Whether the mounts below come along.
        recursive: bool,
    },
    /// A sysfs of the zygote's own network namespace; the host's where that is refused. Read-only.
    Sysfs {
        /// Where.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
    },
    /// A read-only proc of the zygote's own, which nobody sees. In a mount namespace without one that nothing covers the
    /// kernel refuses every other, and by a read-only one it grants read-only ones.
    Proc {
        /// Where.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
    },
    /// A tmpfs of its own, writable while the tree is assembled.
    Tmpfs {
        /// Where.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
        /// The most it can hold.
        bytes: u64,
    },
}

impl Entry {
    /// Where it stands.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory { path, .. }
            | Self::Symlink { path, .. }
            | Self::File { path }
            | Self::Copy { to: path, .. }
            | Self::Bind { to: path, .. }
            | Self::Sysfs { path }
            | Self::Proc { path }
            | Self::Tmpfs { path, .. } => path,
        }
    }
}

impl From<&HostEntry> for Entry {
    /// What stands on the host as attempts see it.
    fn from(entry: &HostEntry) -> Self {
        let path = entry.path.clone();
        match &entry.kind {
            Kind::Symlink { target } => Self::Symlink { path, target: target.clone() },
            Kind::EmptyDirectory { mode } => Self::Directory { path, mode: *mode },
            Kind::Directory | Kind::File | Kind::Socket => {
                Self::Bind { from: path.clone(), to: path, access: Access::ReadOnly, recursive: true }
            }
        }
    }
}

/// What overlays note in their upper layers about what was changed (overlayfs, "Permission model", "Redirects").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OverlayNotes {
    /// In `user.*` attributes, which every user namespace may write: no renamed directories, no common origin of hard links.
    UserAttributes,
    /// In `trusted.*` attributes as far as they can be written, which root of a later user namespace cannot.
    TrustedAttributes,
    /// Where a renamed directory comes from, too. That is for root of the machine's first user namespace.
    Redirects,
}

/// What a zygote prepares once, and every attempt it starts shares read-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The text of `uid_map` for every attempt.
    pub uid_map: String,
    /// The text of `gid_map` for every attempt.
    pub gid_map: String,
    /// Whether the zygote needs a user namespace of its own to be allowed to do its work.
    pub outer_user: bool,
    /// What the overlays of copy-on-write directories note in their upper layers.
    pub overlay: OverlayNotes,
    /// The network of the attempts.
    pub network: Network,
    /// Namespaces that attempts share with the host, since they were switched off.
    pub shared: Vec<Capability>,
    /// Figures that were switched off.
    pub unmeasured: Vec<Capability>,
    /// Peaks that are looked at now and then, since the kernel keeps no account of them.
    pub sampled: Vec<Source>,
    /// `net.*` settings of the host that new network namespaces take over: path below `/proc/sys/net`, value.
    pub net_settings: Vec<(String, String)>,
    /// Addresses of new loopback interfaces besides 127.0.0.1 and ::1. They lead nowhere; resolvers that ask for addresses of
    /// configured families only (`AI_ADDRCONFIG` of getaddrinfo(3)) take an interface without them for unconfigured.
    pub net_addresses: Vec<IpAddr>,
    /// A directory of the host, never looked into, on which the zygote mounts its first tmpfs.
    #[serde(with = "crate::wire::path")]
    pub staging_dir: PathBuf,
    /// The tree, parents before children.
    pub tree: Vec<Entry>,
    /// What every attempt adds for itself.
    pub private: Private,
    /// Whether the paths are noted that processes look for and that are not there.
    pub trace_missing: bool,
    /// Whether all attempts of a zygote have namespaces and a place to write in common. Processes, mounts and cgroups are each
    /// attempt's own all the same.
    pub common: bool,
    /// A step that reports a failure instead of being taken, so that tests see what each failure leads to.
    pub failing: Option<Step>,
}

impl Template {
    /// The same for attempts that have namespaces and a place to write in common.
    #[must_use]
    pub fn in_common(&self) -> Self {
        Self { common: true, ..self.clone() }
    }

    /// How many descriptors those who make sandboxes have open at most for the private parts of the root: one for each part in each
    /// place to write, and one for its mount.
    pub const fn descriptors(&self) -> usize {
        (self.private.scratch.len() + 1) * self.private.layers.len()
    }

    /// Whether the init of every attempt enters a new namespace of this kind.
    pub(crate) fn is_entered_by_init(&self, namespace: &Namespace) -> bool {
        match namespace.origin {
            Origin::ByInit => !self.shared.contains(&namespace.capability),
            Origin::Network => matches!(self.network, Network::Own | Network::Down),
            Origin::WithInit | Origin::WithWorkload => false,
        }
    }

    /// The directory of which a copy-on-write view was refused, if that is what `error`, of a sandbox made by this
    /// template, says.
    pub fn refused_view(&self, error: &StepError) -> Option<&Path> {
        let (Step::MakeLayers, Some(PlanEntry::Layer(n))) = (error.step, error.entry) else { return None };
        let layer = self.private.layers.get(n)?;
        matches!(layer.content, Content::CopyOnWrite { .. }).then_some(layer.path.as_path())
    }
}

/// Something of the template's hidden directory that every attempt sees at another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Where in the hidden directory.
    #[serde(with = "crate::wire::path")]
    pub from: PathBuf,
    /// Where it is seen.
    #[serde(with = "crate::wire::path")]
    pub path: PathBuf,
}

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Where it is.
    #[serde(with = "crate::wire::path")]
    pub path: PathBuf,
    /// What it says.
    #[serde(with = "crate::wire::path")]
    pub target: PathBuf,
}

/// What a [`Layer`] consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A directory of the attempt's own tmpfs.
    Private {
        /// Its permissions.
        mode: u32,
        /// What is in it from the beginning.
        links: Vec<Link>,
    },
    /// A copy-on-write view of a directory in the hidden directory.
    CopyOnWrite {
        /// The lower layer.
        #[serde(with = "crate::wire::path")]
        from: PathBuf,
    },
    /// A mount in the hidden directory, as it is.
    Again {
        /// That mount.
        #[serde(with = "crate::wire::path")]
        from: PathBuf,
    },
}

/// Something init mounts over the template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Where.
    #[serde(with = "crate::wire::path")]
    pub path: PathBuf,
    /// What.
    pub content: Content,
}

/// What tells files of evidence from others: those by which tools tell of failures, and which the supervisor is handed before
/// they are thrown away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The directory in which they are, at whatever depth.
    #[serde(with = "crate::wire::path")]
    pub below: PathBuf,
    /// The name of a directory between that and the file; empty if it does not matter.
    pub within: String,
    /// How their names begin.
    pub begins: String,
    /// How their names end.
    pub ends: String,
    /// Whether those of workloads that pass are evidence, too.
    pub even_passed: bool,
}

impl Mark {
    /// Whether a file, by its path as seen inside, is evidence of a workload that did or did not pass.
    pub fn is_of(&self, path: &Path, passed: bool) -> bool {
        let Ok(way) = path.strip_prefix(&self.below) else { return false };
        let Some(name) = way.file_name().map(OsStr::as_bytes) else { return false };
        let is_within = || way.parent().is_some_and(|way| way.iter().any(|part| part == &*self.within));
        (self.even_passed || !passed)
            && name.starts_with(self.begins.as_bytes())
            && name.ends_with(self.ends.as_bytes())
            && (self.within.is_empty() || is_within())
    }
}

/// What init mounts for one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Private {
    /// The size of the attempt's tmpfs in bytes.
    pub tmpfs_bytes: u64,
    /// A mount of the template with all that attempts take from it. It is beside the tree: no path leads there.
    #[serde(with = "crate::wire::path")]
    pub hidden_dir: PathBuf,
    /// Empty directories of the template in each of which a zygote may keep a place to write for one attempt.
    #[serde(with = "crate::wire::paths")]
    pub scratch: Vec<PathBuf>,
    /// What covers the template, outermost first.
    pub layers: Vec<Layer>,
    /// The run's cgroup directory of each hierarchy; the attempt sees its own directory of it.
    pub cgroups: Vec<View>,
    /// Parts of `/proc` that are made read-only, since only a user id guards them. With any of them, so is all else at its top
    /// that may be written.
    pub guarded_proc: Vec<String>,
    /// The most changed paths that are listed by name.
    pub changed_paths_most: usize,
    /// Which of the changed files are handed to the supervisor.
    pub evidence: Vec<Mark>,
    /// The most of them.
    pub evidence_most: usize,
    /// The most that they hold together, in bytes.
    pub evidence_bytes_most: u64,
}

/// The workload is a command somebody attends to: it takes signals, and that it stops is told instead of being its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interactive {
    /// Which of the standard descriptors are a terminal of the sandbox instead of the supervisor's own. It begins as
    /// the supervisor's terminal is.
    pub terminal: [bool; 3],
}

impl Interactive {
    /// Whether there is a terminal.
    pub fn has_terminal(self) -> bool {
        self.terminal.contains(&true)
    }
}

/// The end of a workload's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeout {
    /// After this time its process group is told to end, by SIGTERM.
    pub after: Duration,
    /// So much later everything is killed that is left of it.
    pub grace: Duration,
}

impl Timeout {
    /// The usual grace.
    pub const GRACE: Duration = Duration::from_secs(2);

    /// After this time, with the usual grace.
    pub const fn new(after: Duration) -> Self {
        Self { after, grace: Self::GRACE }
    }
}

/// One attempt: what is executed, and within which bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxPlan {
    /// What is executed.
    pub workload: Workload,
    /// When it is told to end, and killed.
    pub timeout: Option<Timeout>,
    /// Its limits.
    pub limits: Limits,
    /// Whether it gets a cgroup of its own. What only prepares a run (listing tests) is not measured, and what it
    /// reads is charged to the supervisor.
    pub measured: bool,
    /// Whether the three standard descriptors are the supervisor's own.
    pub inherit_stdio: bool,
    /// For a command somebody attends to. It needs `inherit_stdio`.
    pub interactive: Option<Interactive>,
    /// How many bytes of each stream's beginning and of its end are kept.
    pub output_bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_known_by_its_name_and_its_directories() {
        let mark = |within: &str, begins: &str, ends: &str| Mark {
            below: "/w".into(),
            within: within.to_owned(),
            begins: begins.to_owned(),
            ends: ends.to_owned(),
            even_passed: false,
        };
        for (mark, path, is_of) in [
            (mark("", "", ".snap.new"), "/w/tests/snapshots/a.snap.new", true),
            (mark("", "", ".snap.new"), "/w/a.snap", false),
            (mark("", "", ".snap.new"), "/elsewhere/a.snap.new", false),
            (mark("", ".", ".pending-snap"), "/w/.a.rs.pending-snap", true),
            (mark("", ".", ".pending-snap"), "/w/a.rs.pending-snap", false),
            (mark("wip", "", ".stderr"), "/w/b/wip/a.stderr", true),
            (mark("wip", "", ".stderr"), "/w/b/a.stderr", false),
            (mark("wip", "", ".stderr"), "/w/wip", false),
            (mark("", "", ""), "/w", false),
        ] {
            assert_eq!(mark.is_of(Path::new(path), false), is_of, "{mark:?} {path}");
            assert!(!mark.is_of(Path::new(path), true), "one that passed has none");
            let always = Mark { even_passed: true, ..mark };
            assert_eq!(always.is_of(Path::new(path), true), is_of);
        }
    }
}
