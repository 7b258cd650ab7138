//! Lists open descriptors: the kind of each one, and the processes that have the other end.

use super::files::Bytes;
use super::omissions::Omissions;
use super::{Descriptor, Peer, Process, Socket, Target};
use procfs::ProcResult;
use procfs::net::{TcpNetEntry, UdpNetEntry, UnixNetEntries, UnixNetEntry};
use procfs::process::{self, FDInfo, FDPermissions, FDTarget};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Maximum number of descriptors that are listed of one process.
const MOST: usize = 1000;
/// Maximum number of descriptors that are named at the other end of one.
const MAX_PEERS: usize = 16;

/// Sockets of one network namespace, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    entries: BTreeMap<u64, Socket>,
    /// Number of the socket with this protocol and these two addresses, local and remote.
    connected: BTreeMap<(&'static str, SocketAddr, SocketAddr), u64>,
}

impl Sockets {
    /// Reads the sockets in the network namespace of a process.
    pub(super) fn seen_by(process: &process::Process, omissions: &mut Omissions) -> Self {
        let mut sockets = Self::default();
        let inet = [("tcp", process.tcp()), ("tcp6", if_known(process.tcp6()))];
        for (protocol, entries) in inet {
            for entry in omissions.seen("net/tcp", entries).unwrap_or_default() {
                let TcpNetEntry { inode, local_address, remote_address, state, .. } = entry;
                sockets.add(protocol, inode, (local_address, remote_address), &format!("{state:?}"));
            }
        }
        let inet = [("udp", process.udp()), ("udp6", if_known(process.udp6()))];
        for (protocol, entries) in inet {
            for entry in omissions.seen("net/udp", entries).unwrap_or_default() {
                let UdpNetEntry { inode, local_address, remote_address, state, .. } = entry;
                sockets.add(protocol, inode, (local_address, remote_address), &format!("{state:?}"));
            }
        }
        let text = process.read::<_, Bytes>("net/unix");
        let unix =
            omissions.seen("net/unix", text.and_then(|text| Ok((text.parsed::<UnixNetEntries>()?, text))));
        if let Some((entries, text)) = unix {
            sockets.add_unix(entries, &text);
        }
        sockets
    }

    /// Adds the entries of a text. Their own paths end at the first blank.
    fn add_unix(&mut self, entries: UnixNetEntries, text: &Bytes) {
        let text = text.text();
        let paths: BTreeMap<_, _> = text.lines().filter_map(unix_path).collect();
        for UnixNetEntry { inode, path, state, .. } in entries.0 {
            let path = paths.get(&inode).map(PathBuf::from).or(path);
            let state = word(&format!("{state:?}"));
            self.entries.insert(inode, Socket { protocol: "unix", local: None, remote: None, path, state });
        }
    }

    fn add(
        &mut self,
        protocol: &'static str,
        inode: u64,
        (local, remote): (SocketAddr, SocketAddr),
        state: &str,
    ) {
        let is_connected = remote.port() != 0;
        if is_connected {
            self.connected.insert((protocol, local, remote), inode);
        }
        let remote = is_connected.then_some(remote);
        let state = word(state);
        self.entries.insert(inode, Socket { protocol, local: Some(local), remote, path: None, state });
    }

    /// Returns the number of the socket at the other end.
    fn other_end(&self, inode: u64) -> Option<u64> {
        let Socket { protocol, local, remote, .. } = self.entries.get(&inode)?;
        self.connected.get(&(*protocol, (*remote)?, (*local)?)).copied()
    }
}

/// Returns the number and the path of a Unix socket from its line, if it has a path, which is all that follows the
/// number and one blank (proc_net(5), `unix`).
fn unix_path(line: &str) -> Option<(u64, &str)> {
    let mut rest = line;
    for _ in 0..6 {
        (_, rest) = rest.trim_start().split_once(' ')?;
    }
    let (inode, path) = rest.trim_start().split_once(' ')?;
    Some((inode.parse().ok()?, path))
}

/// Turns a missing table into an empty one: a kernel without IPv6 has no tables for it.
fn if_known<T>(entries: ProcResult<Vec<T>>) -> ProcResult<Vec<T>> {
    match entries {
        Err(procfs::ProcError::NotFound(_)) => Ok(Vec::new()),
        other => other,
    }
}

/// Converts the name of a state: `FinWait1` to `fin-wait1`.
fn word(name: &str) -> String {
    let mut word = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && 0 < index && !name.chars().all(char::is_uppercase) {
            word.push('-');
        }
        word.extend(letter.to_lowercase());
    }
    word
}

/// Lists the descriptors of a process, without their peers.
pub(super) fn list(
    process: &process::Process,
    sockets: Option<&Sockets>,
    omissions: &mut Omissions,
) -> Option<Vec<Descriptor>> {
    let mut descriptors = Vec::new();
    for info in omissions.seen("fd", process.fd())? {
        if descriptors.len() < MOST {
            descriptors.extend(omissions.seen("fd", info).map(|info| descriptor(info, sockets)));
        } else {
            omissions.note("fd", format!("only {MOST} of a process are looked at"));
        }
    }
    descriptors.sort_unstable_by_key(|descriptor| descriptor.fd);
    Some(descriptors)
}

/// Estimates the number of bytes of a descriptor as text, without its peers.
pub(super) fn bytes(descriptor: &Descriptor) -> usize {
    const FRAME: usize = 100;
    let text = match &descriptor.target {
        Target::File { path } => path.as_os_str().len(),
        Target::Other { name } => name.len(),
        Target::Pipe { .. } => 0,
        Target::Socket { entry, .. } => {
            let path = entry.as_ref().and_then(|entry| entry.path.as_ref());
            FRAME + path.map_or(0, |path| path.as_os_str().len())
        }
    };
    FRAME + text
}

fn descriptor(info: FDInfo, sockets: Option<&Sockets>) -> Descriptor {
    let mode = info.mode();
    let target = match info.target {
        FDTarget::Path(path) => Target::File { path },
        FDTarget::Pipe(inode) => Target::Pipe { inode, peers: Vec::new(), peers_more: 0 },
        FDTarget::Socket(inode) => {
            let entry = sockets.and_then(|sockets| sockets.entries.get(&inode).cloned());
            Target::Socket { inode, entry, peers: Vec::new(), peers_more: 0 }
        }
        FDTarget::AnonInode(name) => Target::Other { name },
        FDTarget::MemFD(name) => Target::Other { name: format!("memfd:{name}") },
        FDTarget::Net(inode) => Target::Other { name: format!("net:[{inode}]") },
        FDTarget::Other(name, inode) => Target::Other { name: format!("{name}:[{inode}]") },
        FDTarget::Unknown(name, rest) => Target::Other { name: format!("{name}:{rest}") },
    };
    Descriptor {
        fd: info.fd,
        reads: mode.contains(FDPermissions::READ),
        writes: mode.contains(FDPermissions::WRITE),
        target,
    }
}

/// Finds for each pipe and each connection the processes that have the other end.
pub(super) fn find_peers(processes: &mut [Process], tables: &[Sockets]) {
    let mut readers: BTreeMap<u64, Vec<Peer>> = BTreeMap::new();
    let mut writers: BTreeMap<u64, Vec<Peer>> = BTreeMap::new();
    let mut holders: BTreeMap<u64, Vec<Peer>> = BTreeMap::new();
    for (pid, descriptor) in all(processes) {
        let peer = Peer { pid, fd: descriptor.fd };
        match descriptor.target {
            Target::Pipe { inode, .. } => {
                if descriptor.reads {
                    readers.entry(inode).or_default().push(peer);
                }
                if descriptor.writes {
                    writers.entry(inode).or_default().push(peer);
                }
            }
            Target::Socket { inode, .. } => holders.entry(inode).or_default().push(peer),
            Target::File { .. } | Target::Other { .. } => {}
        }
    }
    let of = |peers: &BTreeMap<u64, Vec<Peer>>, inode| {
        let all = peers.get(&inode).map_or(&[][..], Vec::as_slice);
        let named = all.get(..MAX_PEERS).unwrap_or(all);
        (named.to_vec(), all.len() - named.len())
    };
    for process in processes {
        let descriptors = process.details.iter_mut().filter_map(|details| details.descriptors.as_mut());
        for Descriptor { reads, target, .. } in descriptors.flatten() {
            match target {
                Target::Pipe { inode, peers, peers_more } => {
                    (*peers, *peers_more) = of(if *reads { &writers } else { &readers }, *inode);
                }
                Target::Socket { inode, peers, peers_more, .. } => {
                    let other = tables.iter().find_map(|table| table.other_end(*inode));
                    (*peers, *peers_more) = other.map(|other| of(&holders, other)).unwrap_or_default();
                }
                Target::File { .. } | Target::Other { .. } => {}
            }
        }
    }
}

fn all(processes: &[Process]) -> impl Iterator<Item = (i32, &Descriptor)> {
    processes.iter().flat_map(|process| {
        let descriptors = process.details.iter().filter_map(|details| details.descriptors.as_ref());
        descriptors.flatten().map(|descriptor| (process.pid, descriptor))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Details;

    #[test]
    fn the_path_of_a_unix_socket_may_have_blanks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a  path with blanks ");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let process = process::Process::myself().unwrap();
        let sockets = Sockets::seen_by(&process, &mut Omissions::default());
        let seen = sockets.entries.values().filter_map(|socket| socket.path.as_deref());
        assert_eq!(seen.filter(|seen| *seen == path).count(), 1, "{:?}", sockets.entries);
        drop(listener);
        assert_eq!(unix_path("Num       RefCount Protocol Flags    Type St Inode Path"), None);
        assert_eq!(unix_path("0000: 00000002 00000000 00000000 0002 01 7"), None, "it has none");
    }

    #[test]
    fn of_a_crowd_at_the_other_end_the_rest_is_counted() {
        let end = |fd, writes: bool| {
            let target = Target::Pipe { inode: 1, peers: Vec::new(), peers_more: 0 };
            Descriptor { fd, reads: !writes, writes, target }
        };
        let process = |pid, descriptors| Process {
            pid,
            inside: None,
            parent: 1,
            name: String::new(),
            state: String::new(),
            command: Vec::new(),
            cpu_us: 0,
            memory_bytes: None,
            age_us: 0,
            threads: Vec::new(),
            details: Some(Details { descriptors: Some(descriptors), ..Details::default() }),
        };
        for crowd in [MAX_PEERS, MAX_PEERS + 3] {
            let mut processes = vec![process(2, vec![end(0, false)])];
            processes.extend((0..crowd).map(|_| process(3, vec![end(1, true)])));
            find_peers(&mut processes, &[]);
            let of = |process: &Process| match &process.descriptor(process.pid - 2).map(|one| &one.target) {
                Some(Target::Pipe { peers, peers_more, .. }) => Some((peers.len(), *peers_more)),
                _ => None,
            };
            assert_eq!(of(&processes[0]), Some((MAX_PEERS, crowd - MAX_PEERS)));
            assert_eq!(of(&processes[1]), Some((1, 0)));
        }
    }
}
