//! Plan of what will be done, as data: [`resolve()`] decides it from what is wanted and what the host allows, and
//! [`crate::sandbox`] obeys it.

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

/// Program that is executed inside a sandbox, and its surroundings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// File to execute: absolute, or a bare name that is looked for in `PATH`.
    #[serde(with = "crate::wire::path")]
    pub program: PathBuf,
    /// Arguments of the program, without its own name.
    pub arguments: Vec<OsString>,
    /// Whole environment of the program.
    pub environment: Vec<(OsString, OsString)>,
    /// Working directory of the program, absolute.
    #[serde(with = "crate::wire::path")]
    pub directory: PathBuf,
}

/// Network of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Loopback interface that works and nothing else; a namespace nobody has used may be handed on.
    Loopback,
    /// Loopback interface in a fresh namespace that the attempt's own user namespace owns.
    Own,
    /// Fresh namespace in which not even the loopback interface is up.
    Down,
    /// Network of the host.
    Host,
}

/// Operations that a mount allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Reading and executing.
    ReadOnly,
    /// Reading, executing and writing; writes reach the host.
    ReadWrite,
    /// Reading and writing a device node.
    Device,
}

/// Room for a tmpfs that holds names only, in bytes.
pub(crate) const NAMES_BYTES: u64 = 1 << 20;

/// Entry of the tree that becomes `/` of every attempt. Paths are absolute, as seen inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// Empty directory.
    Directory {
        /// Path of the directory.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
        /// Permissions of the directory.
        mode: u32,
    },
    /// Symbolic link.
    Symlink {
        /// Path of the link.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
        /// Path that the link contains.
        #[serde(with = "crate::wire::path")]
        target: PathBuf,
    },
    /// Empty file.
    File {
        /// Path of the file.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
    },
    /// File as it was on the host when the zygote was started.
    Copy {
        /// Path of the file on the host.
        #[serde(with = "crate::wire::path")]
        from: PathBuf,
        /// Path of the copy.
        #[serde(with = "crate::wire::path")]
        to: PathBuf,
    },
    /// File or directory of the host.
    Bind {
        /// Path of the file or directory on the host.
        #[serde(with = "crate::wire::path")]
        from: PathBuf,
        /// Path at which it is mounted.
        #[serde(with = "crate::wire::path")]
        to: PathBuf,
        /// Operations that the mount allows.
        access: Access,
        /// Whether the mounts below it come along.
        recursive: bool,
    },
    /// Mount of sysfs of the zygote's own network namespace; the host's where that is refused. Read-only.
    Sysfs {
        /// Path at which it is mounted.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
    },
    /// Mount of a read-only proc of the zygote's own, which nobody sees. In a mount namespace without one that
    /// nothing covers the kernel refuses every other, and by a read-only one it grants read-only ones.
    Proc {
        /// Path at which it is mounted.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
    },
    /// Mount of a new tmpfs, writable while the tree is assembled.
    Tmpfs {
        /// Path at which it is mounted.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
        /// Size of the tmpfs, in bytes.
        bytes: u64,
    },
}

impl Entry {
    /// Returns the path at which the entry is seen.
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
    /// Makes the entry that shows what stands on the host.
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

/// Attributes in which overlays note in their upper layers what was changed (overlayfs, "Permission model",
/// "Redirects").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OverlayNotes {
    /// Attributes `user.*`, which every user namespace may write: no renamed directories, no common origin of hard
    /// links.
    UserAttributes,
    /// Attributes `trusted.*` as far as they can be written, which root of a later user namespace cannot.
    TrustedAttributes,
    /// Attributes `trusted.*`, and in them where a renamed directory comes from, too. That is for root of the
    /// machine's first user namespace.
    Redirects,
}

/// Plan of what a zygote prepares once, and every attempt it starts shares read-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Text of `uid_map` for every attempt.
    pub uid_map: String,
    /// Text of `gid_map` for every attempt.
    pub gid_map: String,
    /// Whether the zygote needs a user namespace of its own to be allowed to do its work.
    pub outer_user: bool,
    /// Attributes in which the overlays of copy-on-write directories note what was changed.
    pub overlay: OverlayNotes,
    /// Network of the attempts.
    pub network: Network,
    /// Namespaces that attempts share with the host, since they were switched off.
    pub shared: Vec<Capability>,
    /// Figures that were switched off.
    pub unmeasured: Vec<Capability>,
    /// Peaks that are looked at now and then, since the kernel keeps no account of them.
    pub sampled: Vec<Source>,
    /// Settings `net.*` of the host that new network namespaces take over: path below `/proc/sys/net`, value.
    pub net_settings: Vec<(String, String)>,
    /// Addresses of new loopback interfaces besides 127.0.0.1 and ::1. They lead nowhere; resolvers that ask for addresses of
    /// configured families only (`AI_ADDRCONFIG` of getaddrinfo(3)) take an interface without them for unconfigured.
    pub net_addresses: Vec<IpAddr>,
    /// Directory of the host, never looked into, on which the zygote mounts its first tmpfs.
    #[serde(with = "crate::wire::path")]
    pub staging_dir: PathBuf,
    /// Entries of the tree, parents before children.
    pub tree: Vec<Entry>,
    /// Mounts that every attempt adds for itself.
    pub private: Private,
    /// Whether the paths are noted that processes look for and that are not there.
    pub trace_missing: bool,
    /// Whether attempts of a zygote have namespaces and a place to write in common. Processes, mounts and cgroups are
    /// each attempt's own all the same.
    pub common: bool,
    /// Step that reports a failure instead of being taken, so that tests see what each failure leads to.
    pub failing: Option<Step>,
}

impl Template {
    /// Returns the same template for attempts that have namespaces and a place to write in common.
    #[must_use]
    pub fn in_common(&self) -> Self {
        Self { common: true, ..self.clone() }
    }

    /// Computes the greatest number of descriptors that those who make sandboxes have open for the private parts of
    /// the root: one for each part in each place to write, and one for its mount.
    pub const fn descriptors(&self) -> usize {
        (self.private.scratch.len() + 1) * self.private.layers.len()
    }

    /// Returns whether the init of every attempt enters a new namespace of this kind.
    pub(crate) fn is_entered_by_init(&self, namespace: &Namespace) -> bool {
        match namespace.origin {
            Origin::ByInit => !self.shared.contains(&namespace.capability),
            Origin::Network => matches!(self.network, Network::Own | Network::Down),
            Origin::WithInit | Origin::WithWorkload => false,
        }
    }

    /// Returns the directory of which a copy-on-write view was refused, if that is what `error`, of a sandbox made by
    /// this template, says.
    pub fn refused_view(&self, error: &StepError) -> Option<&Path> {
        let (Step::MakeLayers, Some(PlanEntry::Layer(n))) = (error.step, error.entry) else { return None };
        let layer = self.private.layers.get(n)?;
        matches!(layer.content, Content::CopyOnWrite { .. }).then_some(layer.path.as_path())
    }
}

/// View of something in the template's hidden directory that every attempt sees at another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Path in the hidden directory.
    #[serde(with = "crate::wire::path")]
    pub from: PathBuf,
    /// Path at which it is seen.
    #[serde(with = "crate::wire::path")]
    pub path: PathBuf,
}

/// Symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Path of the link.
    #[serde(with = "crate::wire::path")]
    pub path: PathBuf,
    /// Path that the link contains.
    #[serde(with = "crate::wire::path")]
    pub target: PathBuf,
}

/// Content of a [`Layer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Directory of the attempt's own tmpfs.
    Private {
        /// Permissions of the directory.
        mode: u32,
        /// Links that are in the directory from the beginning.
        links: Vec<Link>,
    },
    /// View of a directory in the hidden directory, copy-on-write.
    CopyOnWrite {
        /// Path of the lower layer.
        #[serde(with = "crate::wire::path")]
        from: PathBuf,
    },
    /// Mount in the hidden directory, as it is.
    Again {
        /// Path of the mount in the hidden directory.
        #[serde(with = "crate::wire::path")]
        from: PathBuf,
    },
}

/// Layer that init mounts over the template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Path at which the layer is mounted.
    #[serde(with = "crate::wire::path")]
    pub path: PathBuf,
    /// Content of the layer.
    pub content: Content,
}

/// Mark that tells files of evidence from others: those by which tools tell of failures, and which the supervisor is
/// handed before they are thrown away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Directory in which the files are, at whatever depth.
    #[serde(with = "crate::wire::path")]
    pub below: PathBuf,
    /// Name of a directory between `below` and the file; empty if it does not matter.
    pub within: String,
    /// Prefix of the names of the files.
    pub begins: String,
    /// Suffix of the names of the files.
    pub ends: String,
    /// Whether files of workloads that pass are evidence, too.
    pub even_passed: bool,
}

impl Mark {
    /// Returns whether a file, by its path as seen inside, is evidence of a workload that did or did not pass.
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

/// Mounts that init makes for one attempt, and what it looks for at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Private {
    /// Size of the attempt's tmpfs in bytes.
    pub tmpfs_bytes: u64,
    /// Mount of the template with all that attempts take from it. It is beside the tree: no path leads there.
    #[serde(with = "crate::wire::path")]
    pub hidden_dir: PathBuf,
    /// Paths of empty directories of the template in each of which a zygote may keep a place to write for one
    /// attempt.
    #[serde(with = "crate::wire::paths")]
    pub scratch: Vec<PathBuf>,
    /// Layers that cover the template, outermost first.
    pub layers: Vec<Layer>,
    /// Cgroup directory of the run in each hierarchy; the attempt sees its own directory of it.
    pub cgroups: Vec<View>,
    /// Parts of `/proc` that are made read-only, since only a user id guards them. With any of them, so is all else at its top
    /// that may be written.
    pub guarded_proc: Vec<String>,
    /// Greatest number of changed paths that are listed by name.
    pub changed_paths_most: usize,
    /// Marks of the changed files that are handed to the supervisor.
    pub evidence: Vec<Mark>,
    /// Greatest number of files that are handed to the supervisor.
    pub evidence_most: usize,
    /// Greatest size of all files together that are handed to the supervisor, in bytes.
    pub evidence_bytes_most: u64,
}

/// Settings of a command somebody attends to: it takes signals, and that it stops is told instead of being its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interactive {
    /// Whether each of the standard descriptors is a terminal of the sandbox instead of the supervisor's own. The
    /// terminal begins as the supervisor's is.
    pub terminal: [bool; 3],
}

impl Interactive {
    /// Returns whether there is a terminal.
    pub fn has_terminal(self) -> bool {
        self.terminal.contains(&true)
    }
}

/// Time limit of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeout {
    /// Time after which the workload's process group is told to end, by SIGTERM.
    pub after: Duration,
    /// Time from then on after which everything is killed that is left of the workload.
    pub grace: Duration,
}

impl Timeout {
    /// Usual time between SIGTERM and the kill.
    pub const GRACE: Duration = Duration::from_secs(2);

    /// Makes a time limit with the usual grace.
    pub const fn new(after: Duration) -> Self {
        Self { after, grace: Self::GRACE }
    }
}

/// Plan of one attempt: what is executed, and within which bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxPlan {
    /// Program that is executed.
    pub workload: Workload,
    /// Time limit of the workload; `None` without one.
    pub timeout: Option<Timeout>,
    /// Time within which what the workload has left running may end by itself: what does not is left behind, and killed.
    pub leak_grace: Duration,
    /// Limits of the attempt.
    pub limits: Limits,
    /// Whether the attempt gets a cgroup of its own. What only prepares a run (listing tests) is not measured, and
    /// what it reads is charged to the supervisor.
    pub measured: bool,
    /// Whether the three standard descriptors are the supervisor's own.
    pub inherit_stdio: bool,
    /// Settings of a command somebody attends to. They need `inherit_stdio`.
    pub interactive: Option<Interactive>,
    /// Number of bytes of each stream's beginning and of its end that are kept.
    pub output_bytes: usize,
}

impl SandboxPlan {
    /// Usual time between a workload's end and that of what it has left running.
    pub const LEAK_GRACE: Duration = Duration::from_millis(100);
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
