//! Who is there and whose child: how an attempt's init and its descendants are found.

use procfs::ProcResult;
use procfs::process::all_processes;
use std::collections::{BTreeMap, BTreeSet};

/// All processes there are, children by parents.
#[derive(Debug)]
pub struct Census(BTreeMap<i32, Vec<i32>>);

impl Census {
    /// Counts them. Those that end meanwhile are not in it.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn take() -> ProcResult<Self> {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for stat in all_processes()?.flatten().filter_map(|process| process.stat().ok()) {
            children.entry(stat.ppid).or_default().push(stat.pid);
        }
        for brothers in children.values_mut() {
            brothers.sort_unstable();
        }
        Ok(Self(children))
    }

    /// The init whose attempt is running now, of those below the process `zygote`, which is the one a
    /// [`Slot`](crate::sandbox::Slot) names. The sandboxes that wait for their workload have no process but init yet.
    pub fn init_below(&self, zygote: i32) -> Option<i32> {
        let inits = self.children(zygote).iter().flat_map(|served| self.children(*served));
        inits.copied().find(|init| !self.children(*init).is_empty())
    }

    /// The children of a process.
    pub(super) fn children(&self, pid: i32) -> &[i32] {
        self.0.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// Children, grandchildren and so on, parents first, each with its parent. Nobody is in it twice, even if ids were
    /// given anew while they were counted.
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
}

/// All descendants of a process, parents first, each with its parent.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn below(pid: i32) -> ProcResult<Vec<(i32, i32)>> {
    Ok(Census::take()?.descendants(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_counted_twice() {
        let census = Census(BTreeMap::from([(1, vec![2, 5]), (2, vec![3]), (3, vec![2])]));
        assert_eq!(census.descendants(1), [(2, 1), (3, 2), (5, 1)]);
        assert_eq!(census.descendants(2), [(3, 2)]);
    }
}
