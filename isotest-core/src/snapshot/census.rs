//! Who is there and whose child: how an attempt's init and its descendants are found.

use procfs::ProcResult;
use procfs::process::all_processes;
use std::collections::BTreeMap;

/// All processes there are, children by parents.
#[derive(Debug)]
pub(super) struct Census(BTreeMap<i32, Vec<i32>>);

impl Census {
    /// Counts them. Those that end meanwhile are not in it.
    pub(super) fn take() -> ProcResult<Self> {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for stat in all_processes()?.flatten().filter_map(|process| process.stat().ok()) {
            children.entry(stat.ppid).or_default().push(stat.pid);
        }
        for brothers in children.values_mut() {
            brothers.sort_unstable();
        }
        Ok(Self(children))
    }

    /// The children of a process.
    pub(super) fn children(&self, pid: i32) -> &[i32] {
        self.0.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// Children, grandchildren and so on, parents first, each with its parent.
    pub(super) fn descendants(&self, pid: i32) -> Vec<(i32, i32)> {
        let mut found = Vec::new();
        let mut waiting: Vec<_> = self.children(pid).iter().rev().map(|child| (*child, pid)).collect();
        while let Some((child, parent)) = waiting.pop() {
            found.push((child, parent));
            waiting.extend(self.children(child).iter().rev().map(|grandchild| (*grandchild, child)));
        }
        found
    }
}

/// The init whose attempt is running now, of those below the process `zygote`, which is the one a
/// [`Slot`](crate::sandbox::Slot) names. The sandboxes that wait for their workload have no process but init yet.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn init_below(zygote: i32) -> ProcResult<Option<i32>> {
    let census = Census::take()?;
    let inits = census.children(zygote).iter().flat_map(|served| census.children(*served));
    Ok(inits.copied().find(|init| !census.children(*init).is_empty()))
}

/// All descendants of a process, parents first, each with its parent.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn below(pid: i32) -> ProcResult<Vec<(i32, i32)>> {
    Ok(Census::take()?.descendants(pid))
}
