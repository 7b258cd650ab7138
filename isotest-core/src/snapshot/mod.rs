//! Describes the processes of one attempt, as `/proc` shows them: data, and [`capture()`], which makes it.
//!
//! Process ids are those of whoever takes the snapshot, unless they are said to be inside. Processes come and go
//! while they are looked at, and not everything may be read: what is missing is counted in [`Snapshot::unseen`].

mod capture;
mod descriptors;
mod files;
mod full;
mod omissions;
mod process_table;
mod waits;

pub use capture::{Extent, capture, ticks_us};
pub use process_table::ProcessTable;
pub(crate) use process_table::{below, first_of};

use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Processes of one attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Snapshot {
    /// Processes: parents before their children, brothers in the order of their ids.
    pub processes: Vec<Process>,
    /// Mounts that each mount namespace of the processes shows; only in a full snapshot.
    pub mount_namespaces: Vec<MountNamespace>,
    /// Things that could not be seen.
    pub unseen: Vec<Unseen>,
}

/// Thing that could not be seen, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unseen {
    /// Name of the thing: a file of `/proc/PID`, or `process` or `thread`.
    pub what: String,
    /// Reason that the system gave.
    pub why: String,
    /// Number of processes or threads of which the thing could not be seen.
    pub count: u64,
}

/// Process in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Process {
    /// Process id.
    pub pid: i32,
    /// Process id inside.
    pub inside: Option<i32>,
    /// Process id of the parent.
    pub parent: i32,
    /// Name of the process, which it can change.
    pub name: String,
    /// State in the words of the kernel (proc_pid_status(5)), such as `running`, `sleeping` or `zombie`.
    pub state: String,
    /// Arguments of the process, its own name first; none for a zombie.
    pub command: Vec<String>,
    /// Processor time in microseconds, counted in ticks of the clock.
    pub cpu_us: u64,
    /// Resident memory; a zombie has none.
    pub memory_bytes: Option<u64>,
    /// Time since the start of the process, in microseconds.
    pub age_us: u64,
    /// Threads of the process, the first of which has the id of the process.
    pub threads: Vec<Thread>,
    /// Further facts, in a full snapshot. A zombie has none, nor have processes after very much was said of others.
    pub details: Option<Details>,
}

/// Thread in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Thread {
    /// Thread id.
    pub tid: i32,
    /// Thread id inside.
    pub inside: Option<i32>,
    /// Name of the thread.
    pub name: String,
    /// State of the thread, in the words of a process's state.
    pub state: String,
    /// Processor time in microseconds.
    pub cpu_us: u64,
    /// Time since the start of the thread, in microseconds.
    pub age_us: u64,
    /// Place in the kernel at which the thread is; only in a full snapshot.
    pub wait: Option<Wait>,
}

/// Place in the kernel at which a thread is. A part that does not apply, or may not be read, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wait {
    /// Name of the kernel's function in which the thread sleeps.
    pub channel: Option<String>,
    /// System call in which the thread is.
    pub system_call: Option<SystemCall>,
    /// Thing that the thread waits for, which follows from the system call.
    pub waits_for: Option<WaitsFor>,
    /// Functions of the kernel in which the thread is, innermost first. Only root of the whole machine may read them.
    pub stack: Option<Vec<String>>,
}

/// System call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SystemCall {
    /// Number of the call on this architecture.
    pub number: i64,
    /// Name of a call that can wait; `None` for others.
    pub name: Option<&'static str>,
    /// Arguments of the call.
    #[serde(serialize_with = "in_hexadecimal")]
    #[cfg_attr(feature = "schema", schemars(with = "[String; 6]"))]
    pub arguments: [u64; 6],
}

/// Thing that a thread waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "on", rename_all = "kebab-case")]
pub enum WaitsFor {
    /// Event on one of the thread's descriptors.
    Descriptors {
        /// Numbers of the descriptors; empty if they could not be read.
        descriptors: Vec<i32>,
    },
    /// Lock, condition or end of a thread.
    Futex {
        /// Address of the futex in the memory of the process.
        #[serde(serialize_with = "one_in_hexadecimal")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        address: u64,
        /// Id inside of the thread whose end is waited for: the C library waits so for the end of a thread.
        ends: Option<i32>,
    },
    /// End of a child process.
    Child {
        /// Process id of the child in the pid namespace of the one who waits; `None` for any child.
        pid: Option<i32>,
    },
    /// Time to pass.
    Time,
    /// Signal to arrive.
    Signal,
}

/// Further facts on a process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Details {
    /// Path of the file that the process executes.
    pub exe: Option<PathBuf>,
    /// Working directory of the process.
    pub cwd: Option<PathBuf>,
    /// Environment with which the process was started.
    pub environ: Option<BTreeMap<String, String>>,
    /// Open descriptors of the process.
    pub descriptors: Option<Vec<Descriptor>>,
    /// Resource limits of the process, by the kernel's names for them.
    pub limits: Option<BTreeMap<&'static str, Limit>>,
    /// Number of each namespace of the process.
    pub namespaces: Option<BTreeMap<String, u64>>,
    /// Capabilities of the process, which count in its user namespace.
    pub capabilities: Option<Capabilities>,
}

/// Resource limit; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limit {
    /// Limit in force.
    pub soft: Option<u64>,
    /// Value up to which the limit in force may be raised.
    pub hard: Option<u64>,
}

/// Capability sets as hexadecimal masks, as proc_pid_status(5) has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capabilities {
    /// Capabilities in force.
    pub effective: String,
    /// Capabilities that the process may put in force.
    pub permitted: String,
    /// Capabilities that the process may hand on.
    pub inheritable: String,
    /// Capabilities that programs it executes can have at most.
    pub bounding: Option<String>,
    /// Capabilities that the process hands on to unprivileged programs.
    pub ambient: Option<String>,
}

/// Open descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Descriptor {
    /// Number of the descriptor.
    pub fd: i32,
    /// Whether the descriptor can be read from.
    pub reads: bool,
    /// Whether the descriptor can be written to.
    pub writes: bool,
    /// File that the descriptor leads to.
    #[serde(flatten)]
    pub target: Target,
}

/// File that a descriptor leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Target {
    /// File, directory or device.
    File {
        /// Path of the file.
        path: PathBuf,
    },
    /// End of a pipe.
    Pipe {
        /// Number of the pipe.
        inode: u64,
        /// Descriptors of the attempt's processes that have the other end; none, if that is outside or closed.
        peers: Vec<Peer>,
        /// Number of further descriptors that have the other end.
        peers_more: usize,
    },
    /// Socket.
    Socket {
        /// Number of the socket.
        inode: u64,
        /// Entry in the tables of its network namespace; `None` for a socket that is in none of those read.
        #[serde(flatten)]
        entry: Option<Socket>,
        /// Descriptors of the attempt's processes at the other end, as far as known: not for Unix sockets.
        peers: Vec<Peer>,
        /// Number of further descriptors that have the other end.
        peers_more: usize,
    },
    /// File of any other kind, such as an epoll or an event.
    Other {
        /// Name that the kernel gives the file.
        name: String,
    },
}

/// Descriptor of a process of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Peer {
    /// Id of the process.
    pub pid: i32,
    /// Number of the descriptor.
    pub fd: i32,
}

/// Socket in a table of its network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Socket {
    /// Name of the protocol: `tcp`, `tcp6`, `udp`, `udp6` or `unix`.
    pub protocol: &'static str,
    /// Local address of the socket.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub local: Option<SocketAddr>,
    /// Address that the socket is connected to.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub remote: Option<SocketAddr>,
    /// Path of a Unix socket; in the abstract namespace it begins with `@`.
    pub path: Option<PathBuf>,
    /// State of the socket, such as `listen` or `established`.
    pub state: String,
}

/// Mounts of one mount namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MountNamespace {
    /// Number of the namespace, as in [`Details::namespaces`].
    pub namespace: u64,
    /// Mounts that the namespace shows.
    pub mounts: Vec<Mount>,
}

/// Mount in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mount {
    /// Path of the mount point.
    pub path: PathBuf,
    /// Directory of the file system that is seen at the mount point.
    pub root: String,
    /// Type of the file system.
    pub file_system: String,
    /// Source of the mount.
    pub source: Option<String>,
    /// Options of the mount, sorted.
    pub options: Vec<String>,
    /// Options of the file system, which all its mounts have in common.
    pub file_system_options: Vec<String>,
}

impl Snapshot {
    /// Returns the process with this id.
    pub fn process(&self, pid: i32) -> Option<&Process> {
        self.processes.iter().find(|process| process.pid == pid)
    }

    /// Counts the ancestors of a process that are in the snapshot.
    pub fn depth(&self, process: &Process) -> usize {
        std::iter::successors(self.process(process.parent), |parent| self.process(parent.parent)).count()
    }
}

impl Process {
    /// Returns the command line of the process; its name in brackets if it has none.
    pub fn line(&self) -> String {
        if self.command.is_empty() { format!("[{}]", self.name) } else { self.command.join(" ") }
    }

    /// Returns the open descriptor of this number.
    pub fn descriptor(&self, fd: i32) -> Option<&Descriptor> {
        self.details.as_ref()?.descriptors.as_ref()?.iter().find(|descriptor| descriptor.fd == fd)
    }
}

fn hexadecimal(number: u64) -> String {
    format!("{number:#x}")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn one_in_hexadecimal<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hexadecimal(*number))
}

fn in_hexadecimal<S: Serializer>(numbers: &[u64; 6], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(numbers.map(hexadecimal))
}
