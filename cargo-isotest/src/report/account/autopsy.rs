//! Processes of a test just before it was killed, as a tree; pure.

use serde::Deserialize;
use std::collections::VecDeque;

/// Greatest depth at which a tree is shown; processes further down stand at this depth.
const DEEPEST: usize = 12;

/// Processes of an attempt just before it was killed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Autopsy {
    #[serde(default)]
    processes: Vec<Process>,
}

#[derive(Debug, Clone, Deserialize)]
struct Process {
    pid: i32,
    inside: Option<i32>,
    parent: i32,
    name: String,
    #[serde(default)]
    command: Vec<String>,
    memory_bytes: Option<u64>,
    #[serde(default)]
    threads: Vec<Thread>,
}

#[derive(Debug, Clone, Deserialize)]
struct Thread {
    name: String,
    wait: Option<Wait>,
}

#[derive(Debug, Clone, Deserialize)]
struct Wait {
    channel: Option<String>,
    system_call: Option<SystemCall>,
}

#[derive(Debug, Clone, Deserialize)]
struct SystemCall {
    name: Option<String>,
}

/// Process and the processes that it started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    /// Process id inside the sandbox, or outside where the id inside is not known.
    pub(crate) pid: i32,
    /// Command line of the process.
    pub(crate) command: String,
    /// Memory that the process occupied, in bytes.
    pub(crate) memory: Option<u64>,
    /// Name of each thread, and the system call or the function of the kernel in which the thread waited.
    pub(crate) threads: Vec<(String, Option<String>)>,
    /// Child processes.
    pub(crate) children: Vec<Self>,
}

impl Autopsy {
    /// Makes trees whose roots are the processes without a parent in the list; each process occurs at most once.
    pub(crate) fn tree(&self) -> Vec<Branch> {
        let is_root = |process: &Process| !self.processes.iter().any(|other| other.pid == process.parent);
        let mut tree = Vec::new();
        let mut left: Vec<_> = self.processes.iter().collect();
        let roots: Vec<_> = left.extract_if(.., |process| is_root(process)).collect();
        for root in roots {
            grow(root, &mut left, 1, &mut tree);
        }
        tree
    }
}

/// Adds a process and its descendants, taken from `left`.
fn grow(process: &Process, left: &mut Vec<&Process>, depth: usize, into: &mut Vec<Branch>) {
    let children: Vec<_> = left.extract_if(.., |other| other.parent == process.pid).collect();
    let mut branch = Branch::of(process);
    if depth < DEEPEST {
        for child in children {
            grow(child, left, depth + 1, &mut branch.children);
        }
        into.push(branch);
        return;
    }
    into.push(branch);
    let mut below = VecDeque::from(children);
    while let Some(process) = below.pop_front() {
        into.push(Branch::of(process));
        below.extend(left.extract_if(.., |other| other.parent == process.pid));
    }
}

impl Branch {
    fn of(process: &Process) -> Self {
        let command = if process.command.is_empty() {
            format!("[{}]", process.name)
        } else {
            process.command.join(" ")
        };
        let waits = |thread: &Thread| {
            let wait = thread.wait.as_ref();
            let call = wait.and_then(|wait| wait.system_call.as_ref()?.name.clone());
            call.or_else(|| wait.and_then(|wait| wait.channel.clone()))
        };
        Self {
            pid: process.inside.unwrap_or(process.pid),
            command,
            memory: process.memory_bytes,
            threads: process.threads.iter().map(|thread| (thread.name.clone(), waits(thread))).collect(),
            children: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::record::{self, Moment};

    fn count(branch: &Branch) -> usize {
        1 + branch.children.iter().map(count).sum::<usize>()
    }

    fn depth(branch: &Branch) -> usize {
        1 + branch.children.iter().map(depth).max().unwrap_or(0)
    }

    #[test]
    fn what_a_run_wrote_becomes_a_tree() {
        let written = record::Autopsy { moment: Moment::TimeOut, snapshot: builders::snapshot() };
        let text = serde_json::to_string(&written).unwrap();
        let tree = serde_json::from_str::<Autopsy>(&text).unwrap().tree();
        assert_eq!(tree.len(), 1, "{tree:?}");
        assert_eq!((tree[0].pid, tree[0].command.as_str()), (2, "/t/t-0123 --exact reads"));
        assert_eq!(tree[0].threads[0], ("t-0123".to_owned(), Some("futex".to_owned())));
        assert!(tree[0].children.iter().any(|child| child.command == "sleep 60"), "{tree:?}");
    }

    #[test]
    fn a_chain_of_any_length_has_an_end() {
        let process = |pid: i32| serde_json::json!({"pid": pid, "parent": pid - 1, "name": "sh"});
        let chain = serde_json::json!({"processes": (2..40).map(process).collect::<Vec<_>>()});
        let tree = serde_json::from_value::<Autopsy>(chain).unwrap().tree();
        assert_eq!(tree.iter().map(depth).max(), Some(DEEPEST));
        assert_eq!(tree.iter().map(count).sum::<usize>(), 38, "none is lost");
        let twice = serde_json::json!({"processes": [
            {"pid": 2, "parent": 1, "name": "a"}, {"pid": 2, "parent": 3, "name": "b"}, {"pid": 3, "parent": 2, "name": "c"},
        ]});
        let tree = serde_json::from_value::<Autopsy>(twice).unwrap().tree();
        assert_eq!(tree.iter().map(count).sum::<usize>(), 3, "a circle has an end");
        let own = serde_json::json!({"processes": [{"pid": 2, "parent": 2, "name": "sh"}]});
        assert!(serde_json::from_value::<Autopsy>(own).unwrap().tree().is_empty());
    }
}
