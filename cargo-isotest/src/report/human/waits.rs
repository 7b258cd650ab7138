//! Describes what a thread waits for and what a descriptor is; pure.

use crate::text::sanitize::word;
use isotest_core::join_list::and_more;
use isotest_core::snapshot::{Descriptor, Peer, Process, Snapshot, Socket, Target, Thread, WaitsFor};

/// Words about a snapshot, in which processes have the ids they have inside or outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    /// Snapshot that is described.
    pub(crate) snapshot: &'a Snapshot,
    /// Whether processes have the ids inside.
    pub(crate) inside: bool,
}

impl Words<'_> {
    /// Returns the id of a process.
    pub(crate) fn pid(self, process: &Process) -> i32 {
        process.inside.filter(|_| self.inside).unwrap_or(process.pid)
    }

    /// Returns the id of a thread.
    pub(crate) fn tid(self, thread: &Thread) -> i32 {
        thread.inside.filter(|_| self.inside).unwrap_or(thread.tid)
    }

    /// Describes the system call of a thread and what it waits for: `read(3): a pipe, other end pid 4 [pipe_read]`.
    pub(crate) fn wait(self, process: &Process, thread: &Thread) -> String {
        let Some(wait) = &thread.wait else { return thread.state.clone() };
        let call = wait
            .system_call
            .as_ref()
            .map(|call| call.name.map_or_else(|| format!("system call {}", call.number), str::to_owned));
        let text = match (call, &wait.waits_for) {
            (Some(call), Some(waits_for)) => self.waits_for(process, &call, waits_for),
            (Some(call), None) => call,
            (None, _) => thread.state.clone(),
        };
        match &wait.channel {
            Some(channel) => format!("{text} [{}]", word(channel)),
            None => text,
        }
    }

    fn waits_for(self, process: &Process, call: &str, waits_for: &WaitsFor) -> String {
        match waits_for {
            WaitsFor::Descriptors { descriptors } => {
                let numbers: Vec<_> = descriptors.iter().map(ToString::to_string).collect();
                let known = descriptors.iter().filter_map(|fd| process.descriptor(*fd));
                let known: Vec<_> = known.map(|descriptor| self.descriptor(process, descriptor)).collect();
                let colon = if known.is_empty() { "" } else { ": " };
                format!("{call}({}){colon}{}", numbers.join(", "), known.join("; "))
            }
            WaitsFor::Futex { ends: Some(tid), .. } => {
                let awaited = process.threads.iter().find(|other| other.inside == Some(*tid));
                let name = awaited.map(|other| format!(" {}", word(&other.name))).unwrap_or_default();
                let tid = awaited.map_or(*tid, |other| self.tid(other));
                format!("{call}: the end of thread{name} ({tid})")
            }
            WaitsFor::Futex { address, ends: None } => format!("{call}({address:#x}): a lock or a message"),
            WaitsFor::Child { pid: None } => format!("{call}: the end of any child"),
            WaitsFor::Child { pid: Some(pid) } => {
                let child = self.snapshot.processes.iter().find(|other| other.inside == Some(*pid));
                let pid = child.map_or(*pid, |child| self.pid(child));
                format!("{call}: the end of pid {pid}")
            }
            WaitsFor::Time => format!("{call}: time"),
            WaitsFor::Signal => format!("{call}: a signal"),
        }
    }

    /// Describes a descriptor: `tcp 127.0.0.1:8080, listen`.
    pub(crate) fn descriptor(self, process: &Process, descriptor: &Descriptor) -> String {
        match &descriptor.target {
            Target::File { path } => word(&path.to_string_lossy()),
            Target::Pipe { peers, peers_more, .. } => {
                let others = peers.iter().filter(|peer| !is(**peer, process, descriptor)).copied();
                match others.collect::<Vec<_>>().as_slice() {
                    [] if descriptor.reads => "a pipe that nobody inside writes to".to_owned(),
                    [] => "a pipe that nobody inside reads".to_owned(),
                    others => format!("a pipe, other end {}", self.holders(others, *peers_more)),
                }
            }
            Target::Socket { entry: None, .. } => "a socket".to_owned(),
            Target::Socket { entry: Some(entry), peers, peers_more, .. } => {
                let other = if peers.is_empty() {
                    String::new()
                } else {
                    format!(", other end {}", self.holders(peers, *peers_more))
                };
                socket(entry) + &other
            }
            Target::Other { name } => word(name),
        }
    }

    /// Names processes by their ids, each once. Processes that are not named may be the same again.
    fn holders(self, peers: &[Peer], unnamed: usize) -> String {
        let mut pids: Vec<i32> = Vec::new();
        for peer in peers {
            let pid = self.snapshot.process(peer.pid).map_or(peer.pid, |process| self.pid(process));
            if !pids.contains(&pid) {
                pids.push(pid);
            }
        }
        let shown: Vec<_> = pids.iter().take(SHOWN_HOLDERS).map(|pid| format!("pid {pid}")).collect();
        let more = match pids.len() - shown.len() {
            more if unnamed == 0 => and_more(more),
            0 => " and perhaps more".to_owned(),
            more => format!(" and at least {more} more"),
        };
        shown.join(", ") + &more
    }
}

const SHOWN_HOLDERS: usize = 5;

fn is(peer: Peer, process: &Process, descriptor: &Descriptor) -> bool {
    peer.pid == process.pid && peer.fd == descriptor.fd
}

fn socket(entry: &Socket) -> String {
    let Socket { protocol, local, remote, path, state } = entry;
    let local = local.map(|address| format!(" {address}")).unwrap_or_default();
    let remote = remote.map(|address| format!(" to {address}")).unwrap_or_default();
    let path = path.as_ref().map(|path| format!(" {}", word(&path.to_string_lossy()))).unwrap_or_default();
    format!("{protocol}{local}{remote}{path}, {state}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;

    #[test]
    fn of_many_at_the_other_end_no_more_are_counted_than_are_known() {
        let snapshot = builders::snapshot();
        let words = Words { snapshot: &snapshot, inside: true };
        let of = |pids: &[i32], peers_more| {
            let peers = pids.iter().map(|pid| Peer { pid: *pid, fd: 1 }).collect();
            let target = Target::Pipe { inode: 9, peers, peers_more };
            let descriptor = Descriptor { fd: 3, reads: true, writes: false, target };
            words.descriptor(&snapshot.processes[0], &descriptor)
        };
        let many = [11, 12, 13, 14, 15, 16];
        let first = "a pipe, other end pid 11, pid 12, pid 13, pid 14, pid 15";
        assert_eq!(of(&many, 0), format!("{first} and 1 more"));
        assert_eq!(of(&many, 7), format!("{first} and at least 1 more"));
        assert_eq!(of(&[11], 7), "a pipe, other end pid 11 and perhaps more");
    }
}
