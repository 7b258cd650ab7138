//! Judges whether an attempt was in its cgroup until its end. Pure.
//!
//! Runners of continuous integration, and others who think that a process is theirs, move processes to cgroups of their
//! own. A look at the end costs every attempt, and in version 1 comes too late: the dead belong to no cgroup. But the
//! kernel keeps two accounts of everything that init's children did, one by parentage and one by cgroup, and both have
//! been read anyway. What the first has and the second has not was done elsewhere. The reverse proves nothing, since a
//! parent is not told of every child.

use crate::usage::{Children, Cpu, Source, Usage};
use std::time::Duration;

/// Difference that two accounts of one attempt may have, besides a hundredth: what the workload does before it has
/// entered a version 1 cgroup.
const CPU_APART: Duration = Duration::from_millis(1);
const FAULTS_APART: u64 = 16;

/// Least processor time by which it is known whether an attempt was in its cgroup: several times what the accounts may
/// be apart.
const CPU_TOLD: Duration = Duration::from_millis(10);

/// Returns the reason why the attempt cannot have been in its cgroup all the time; `None` if it can.
pub(crate) fn moved(usage: &Usage, children: &Children) -> Option<String> {
    if let Some([inside, all]) = times(usage, children)
        && is_less(inside, all)
    {
        return Some(format!(
            "it left its cgroup, where {inside:.1?} of its {all:.1?} of processor time were counted"
        ));
    }
    let inside = usage.faults_most?;
    let all = children.faults;
    is_short(inside, all)
        .then(|| format!("it left its cgroup, where {inside} of its {all} page faults were counted at most"))
}

/// Returns the processor time of an attempt in its cgroup, and of all of its processes, if both are exact. Times of
/// version 1 are counted in ticks.
fn times(usage: &Usage, children: &Children) -> Option<[Duration; 2]> {
    let time = |cpu: Cpu| cpu.user + cpu.system;
    let inside = usage.cpu.filter(|reading| reading.source == Source::CpuStat)?;
    Some([time(inside.value), time(children.cpu?)])
}

fn is_less(inside: Duration, all: Duration) -> bool {
    inside + inside / 100 + CPU_APART < all
}

const fn is_short(inside: u64, all: u64) -> bool {
    inside + inside / 100 + FAULTS_APART < all
}

/// Returns whether page faults are missing which the kernel may have counted and not added up yet. When it adds up
/// those of every processor, as it does every two seconds, it forgets how many came to the first ones meanwhile, and
/// later readers get the sum without them (`mem_cgroup_css_rstat_flush` in mm/memcontrol.c). Whoever was moved at the
/// beginning has most of them elsewhere, and of the processor time, too.
pub(crate) fn may_be_behind(usage: &Usage, children: &Children) -> bool {
    let has_its_time =
        || times(usage, children).is_some_and(|[inside, all]| all >= CPU_TOLD && !is_less(inside, all));
    usage.faults_most.is_some_and(|inside| {
        is_short(inside, children.faults) && (inside > children.faults / 2 || has_its_time())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Reading;

    fn cpu(milliseconds: u64) -> Cpu {
        Cpu { user: Duration::from_millis(milliseconds), system: Duration::from_millis(3) }
    }

    fn usage(milliseconds: u64, source: Source, faults: Option<u64>) -> Usage {
        let cpu = Some(Reading { value: cpu(milliseconds), source });
        Usage { cpu, faults_most: faults, ..Usage::default() }
    }

    fn children(milliseconds: u64, faults: u64) -> Children {
        Children { cpu: Some(cpu(milliseconds)), faults, ..Children::default() }
    }

    #[test]
    fn accounts_that_agree_prove_nothing() {
        for (inside, all) in [
            (usage(100, Source::CpuStat, Some(200)), children(101, 215)),
            (
                // Children of whom no parent was told.
                usage(900, Source::CpuStat, Some(9000)),
                children(2, 30),
            ),
        ] {
            assert_eq!(moved(&inside, &all), None);
        }
        assert_eq!(moved(&Usage::default(), &children(100, 100)), None);
        assert_eq!(moved(&usage(0, Source::CpuAcct, None), &children(100, 100)), None);
    }

    #[test]
    fn a_sum_may_lack_less_than_half_or_any_part_of_what_has_its_processor_time() {
        let behind = |source, [time, all_time]: [u64; 2], [inside, all]: [u64; 2]| {
            may_be_behind(&usage(time, source, Some(inside)), &children(all_time, all))
        };
        let (exact, ticks) = (Source::CpuStat, Source::CpuAcct);
        for faults in [[15_121, 15_930], [160, 300]] {
            assert!(behind(ticks, [20, 20], faults) && behind(exact, [20, 20], faults));
        }
        let little = [752, 3327];
        assert!(behind(exact, [20, 20], little), "its time was counted");
        assert!(!behind(exact, [15, 20], little), "its time was not");
        assert!(!behind(exact, [2, 2], little), "there is too little of it");
        assert!(!behind(ticks, [20, 20], little), "nothing tells exactly");
        assert!(!behind(exact, [20, 20], [15_900, 15_930]), "nothing is missing");
        assert!(!may_be_behind(&Usage::default(), &children(20, 300)));
    }

    #[test]
    fn what_was_done_elsewhere_is_told() {
        let by_time = moved(&usage(20, Source::CpuStat, Some(200)), &children(25, 200)).unwrap();
        assert_eq!(by_time, "it left its cgroup, where 23.0ms of its 28.0ms of processor time were counted");
        let by_faults = moved(&usage(20, Source::CpuAcct, Some(200)), &children(25, 300)).unwrap();
        assert_eq!(by_faults, "it left its cgroup, where 200 of its 300 page faults were counted at most");
    }
}
