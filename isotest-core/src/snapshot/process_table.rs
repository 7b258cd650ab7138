//! Finds an attempt's init and its descendants in a table of processes.

use procfs::ProcResult;
use procfs::process::{Process, Stat, all_processes};
use std::collections::{BTreeMap, BTreeSet};

/// Table of all processes that can be seen.
#[derive(Debug)]
pub struct ProcessTable {
    /// Children by parents.
    children: BTreeMap<i32, Vec<i32>>,
    /// Ids of processes that end without a signal to their parent.
    silent: BTreeSet<i32>,
}

impl ProcessTable {
    /// Reads the table. Processes that end meanwhile are not in it.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn read() -> ProcResult<Self> {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        let mut silent = BTreeSet::new();
        for stat in all_processes()?.flatten().filter_map(|process| process.stat().ok()) {
            children.entry(stat.ppid).or_default().push(stat.pid);
            if is_silent(&stat) {
                silent.insert(stat.pid);
            }
        }
        for brothers in children.values_mut() {
            brothers.sort_unstable();
        }
        Ok(Self { children, silent })
    }

    /// Finds the init whose attempt is running now below the process `zygote`, which is the one a
    /// [`Slot`](crate::sandbox::Slot) names. The sandboxes that wait for their workload have no process but init yet.
    pub fn init_below(&self, zygote: i32) -> Option<i32> {
        let inits = self.children(zygote).iter().flat_map(|served| self.children(*served));
        inits.copied().find(|init| !self.children(*init).is_empty())
    }

    /// Returns the children of the process that asks.
    pub(crate) fn children_of_this_process(&self) -> Vec<i32> {
        i32::try_from(std::process::id()).map_or_else(|_| Vec::new(), |pid| self.children(pid).to_vec())
    }

    /// Lists the processes of all attempts of a zygote, without what stands between them and it.
    pub(crate) fn attempts_below(&self, zygote: i32) -> Vec<i32> {
        let inits = self.children(zygote).iter().flat_map(|served| self.children(*served));
        inits.flat_map(|init| self.attempt(*init)).map(|(pid, _)| pid).collect()
    }

    /// Returns the children of a process.
    pub(super) fn children(&self, pid: i32) -> &[i32] {
        self.children.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// Lists children, grandchildren and so on, parents first, each with its parent. No process is in the list twice,
    /// even if ids were given anew while they were counted.
    pub fn descendants(&self, pid: i32) -> Vec<(i32, i32)> {
        let (mut found, mut seen) = (Vec::new(), BTreeSet::from([pid]));
        let mut waiting: Vec<_> = self.children(pid).iter().rev().map(|child| (*child, pid)).collect();
        while let Some((child, parent)) = waiting.pop() {
            if seen.insert(child) {
                found.push((child, parent));
                waiting.extend(self.children(child).iter().rev().map(|grandchild| (*grandchild, child)));
            }
        }
        found
    }

    /// Lists the processes below an attempt's init but the one that stands between it and its workload, whose
    /// children are taken for init's.
    pub(super) fn attempt(&self, init: i32) -> Vec<(i32, i32)> {
        let mut processes = self.descendants(init);
        let between = processes.iter().find(|(pid, parent)| *parent == init && self.silent.contains(pid));
        if let Some((between, _)) = between.copied() {
            processes.retain(|(pid, _)| *pid != between);
            for (_, parent) in processes.iter_mut().filter(|(_, parent)| *parent == between) {
                *parent = init;
            }
        }
        processes
    }
}

/// Returns whether a process ends without a signal to its parent. Of the children of an attempt's init only the
/// workload's parent does: whoever else becomes a child of init has lost its parent, and after that the kernel lets
/// nobody end in silence.
fn is_silent(stat: &Stat) -> bool {
    stat.exit_signal == Some(0)
}

/// Returns the workload of the attempt whose PID 1 is `init`, or what it has left behind, and the parent of that.
///
/// # Errors
/// When the processes cannot be looked at.
pub(crate) fn first_of(init: i32) -> ProcResult<Option<(i32, i32)>> {
    for child in children(init)? {
        if !is_silent(&Process::new(child)?.stat()?) {
            return Ok(Some((child, init)));
        }
        if let Some(workload) = children(child)?.into_iter().next() {
            return Ok(Some((workload, child)));
        }
    }
    Ok(None)
}

/// Reads the children of a process, in the order of their birth.
fn children(pid: i32) -> ProcResult<Vec<i32>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

/// Returns all descendants of a process, parents first, each with its parent.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn below(pid: i32) -> ProcResult<Vec<(i32, i32)>> {
    Ok(ProcessTable::read()?.descendants(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_counted_twice() {
        let children = BTreeMap::from([(1, vec![2, 5]), (2, vec![3]), (3, vec![2])]);
        let process_table = ProcessTable { children, silent: BTreeSet::new() };
        assert_eq!(process_table.descendants(1), [(2, 1), (3, 2), (5, 1)]);
        assert_eq!(process_table.descendants(2), [(3, 2)]);
    }
}
