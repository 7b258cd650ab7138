//! The processes of one attempt, as `/proc` shows them: data, and [`capture()`], which makes it.
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

/// The processes of one attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Parents before their children, brothers in the order of their ids.
    pub processes: Vec<Process>,
    /// The mounts that each mount namespace of theirs shows; only in a full snapshot.
    pub mount_namespaces: Vec<MountNamespace>,
    /// Thing that could not be seen.
    pub unseen: Vec<Unseen>,
}

/// Something that could not be seen, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// A file of `/proc/PID`, or `process` or `thread`.
    pub what: String,
    /// Reason that the system gave.
    pub why: String,
    /// Number of processes or threads of which it could not be seen.
    pub count: u64,
}

/// Process in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its id inside.
    pub inside: Option<i32>,
    /// Its parent's id.
    pub parent: i32,
    /// Its name, which it can change.
    pub name: String,
    /// Its state in the words of the kernel (proc_pid_status(5)), such as `running`, `sleeping` or `zombie`.
    pub state: String,
    /// Its arguments, its own name first; none for a zombie.
    pub command: Vec<String>,
    /// Processor time in microseconds, counted in ticks of the clock.
    pub cpu_us: u64,
    /// Resident memory; a zombie has none.
    pub memory_bytes: Option<u64>,
    /// Since its start, in microseconds.
    pub age_us: u64,
    /// Its threads, the first of which has the id of the process.
    pub threads: Vec<Thread>,
    /// The rest, in a full snapshot. A zombie has none, nor have processes after very much has been said of others.
    pub details: Option<Details>,
}

/// Thread in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Thread {
    /// Its id.
    pub tid: i32,
    /// Its id inside.
    pub inside: Option<i32>,
    /// Its name.
    pub name: String,
    /// Its state, as that of a process.
    pub state: String,
    /// Processor time in microseconds.
    pub cpu_us: u64,
    /// Since its start, in microseconds.
    pub age_us: u64,
    /// Where it is in the kernel; only in a full snapshot.
    pub wait: Option<Wait>,
}

/// Where a thread is in the kernel. What it is not in, or what may not be read, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// The kernel's function in which it sleeps.
    pub channel: Option<String>,
    /// The system call it is in.
    pub system_call: Option<SystemCall>,
    /// Thing that it waits for, which follows from the system call.
    pub waits_for: Option<WaitsFor>,
    /// The kernel's functions it is in, innermost first. Only root of the whole machine may read them.
    pub stack: Option<Vec<String>>,
}

/// A system call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemCall {
    /// Its number on this architecture.
    pub number: i64,
    /// The name of a call that can wait; `None` for others.
    pub name: Option<&'static str>,
    /// Its arguments.
    #[serde(serialize_with = "in_hexadecimal")]
    pub arguments: [u64; 6],
}

/// Thing that a thread waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "on", rename_all = "kebab-case")]
pub enum WaitsFor {
    /// Something to happen on one of its descriptors.
    Descriptors {
        /// Their numbers; empty if they could not be read.
        descriptors: Vec<i32>,
    },
    /// A lock, a condition or the end of a thread.
    Futex {
        /// Where it lies in the memory of the process.
        #[serde(serialize_with = "one_in_hexadecimal")]
        address: u64,
        /// The thread, by its id inside, whose end is waited for: the C library waits so for the end of a thread.
        ends: Option<i32>,
    },
    /// The end of a child process.
    Child {
        /// Its id in the pid namespace of the one who waits; `None` for any child.
        pid: Option<i32>,
    },
    /// Time to pass.
    Time,
    /// A signal.
    Signal,
}

/// Further facts on a process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Details {
    /// The file it executes.
    pub exe: Option<PathBuf>,
    /// Its working directory.
    pub cwd: Option<PathBuf>,
    /// The environment it was started with.
    pub environ: Option<BTreeMap<String, String>>,
    /// Its open descriptors.
    pub descriptors: Option<Vec<Descriptor>>,
    /// Its resource limits, by the kernel's names for them.
    pub limits: Option<BTreeMap<&'static str, Limit>>,
    /// The number of each of its namespaces.
    pub namespaces: Option<BTreeMap<String, u64>>,
    /// Its capabilities, which count in its user namespace.
    pub capabilities: Option<Capabilities>,
}

/// A resource limit; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The one in force.
    pub soft: Option<u64>,
    /// How far that may be raised.
    pub hard: Option<u64>,
}

/// Capability sets as hexadecimal masks, as proc_pid_status(5) has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Capabilities in force.
    pub effective: String,
    /// Capabilities that the process may put in force.
    pub permitted: String,
    /// Capabilities that the process may hand on.
    pub inheritable: String,
    /// Capabilities that programs it executes can have at most.
    pub bounding: Option<String>,
    /// Capabilities that it hands on to unprivileged programs.
    pub ambient: Option<String>,
}

/// An open descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Descriptor {
    /// Its number.
    pub fd: i32,
    /// Whether it can be read from.
    pub reads: bool,
    /// Whether it can be written to.
    pub writes: bool,
    /// Kind of file that it leads to.
    #[serde(flatten)]
    pub target: Target,
}

/// File that a descriptor leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Target {
    /// A file, directory or device.
    File {
        /// Its path.
        path: PathBuf,
    },
    /// End of a pipe.
    Pipe {
        /// Its number.
        inode: u64,
        /// Who of the attempt has the other end; nobody, if that is outside or closed.
        peers: Vec<Peer>,
        /// How many have it besides.
        peers_more: usize,
    },
    /// A socket.
    Socket {
        /// Its number.
        inode: u64,
        /// What the tables of its network namespace say; `None` for one that stands in none of those that are read.
        #[serde(flatten)]
        entry: Option<Socket>,
        /// Who of the attempt has the other end of its connection, as far as that is told: not for Unix sockets.
        peers: Vec<Peer>,
        /// How many have it besides.
        peers_more: usize,
    },
    /// Anything else, such as an epoll or an event.
    Other {
        /// As the kernel names it.
        name: String,
    },
}

/// A descriptor of a process of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// The process.
    pub pid: i32,
    /// The descriptor.
    pub fd: i32,
}

/// A socket in a table of its network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Socket {
    /// `tcp`, `tcp6`, `udp`, `udp6` or `unix`.
    pub protocol: &'static str,
    /// Its own address.
    pub local: Option<SocketAddr>,
    /// The address it is connected to.
    pub remote: Option<SocketAddr>,
    /// The path of a Unix socket; in the abstract namespace it begins with `@`.
    pub path: Option<PathBuf>,
    /// Its state, such as `listen` or `established`.
    pub state: String,
}

/// The mounts of one mount namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountNamespace {
    /// Its number, as in [`Details::namespaces`].
    pub namespace: u64,
    /// Mounted part of the file system.
    pub mounts: Vec<Mount>,
}

/// Mount in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Where.
    pub path: PathBuf,
    /// Which directory of the file system is seen there.
    pub root: String,
    /// The type of file system.
    pub file_system: String,
    /// Source of the mount.
    pub source: Option<String>,
    /// Its options, sorted.
    pub options: Vec<String>,
    /// Options of its file system, which all its mounts have in common.
    pub file_system_options: Vec<String>,
}

impl Snapshot {
    /// The process with this id.
    pub fn process(&self, pid: i32) -> Option<&Process> {
        self.processes.iter().find(|process| process.pid == pid)
    }

    /// How many of its ancestors are in the snapshot.
    pub fn depth(&self, process: &Process) -> usize {
        std::iter::successors(self.process(process.parent), |parent| self.process(parent.parent)).count()
    }
}

impl Process {
    /// Its command line; its name in brackets if it has none.
    pub fn line(&self) -> String {
        if self.command.is_empty() { format!("[{}]", self.name) } else { self.command.join(" ") }
    }

    /// Its open descriptor of this number.
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
