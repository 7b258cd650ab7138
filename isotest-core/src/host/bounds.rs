//! Compares limits of processes with those that this process itself is bound by. Changes nothing.

use crate::limits::{ProcessLimits, Rlimit};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::Pid;

/// Returns the limits that cannot be set here, by name, and why: nobody may be given more than we have.
pub fn unmet(limits: &ProcessLimits) -> Vec<(String, String)> {
    let mut unmet = Vec::new();
    if let Ok(ours) = sched_getaffinity(Pid::from_raw(0)) {
        let has = |number: &usize| ours.is_set(*number).unwrap_or(false);
        let names =
            |numbers: Vec<usize>| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let lacking: Vec<_> = limits.cpus.iter().copied().filter(|number| !has(number)).collect();
        if !lacking.is_empty() {
            let there = names((0..CpuSet::count()).filter(has).collect());
            let reason = format!("this process may not run on processor {}, but on {there}", names(lacking));
            unmet.push(("cpus".to_owned(), reason));
        }
    }
    for (limit, _, hard) in &limits.rlimits {
        let Ok((_, ours)) = getrlimit(resource(*limit)) else { continue };
        if ours != RLIM_INFINITY && *hard > ours {
            let reason = format!("the hard limit of this process is {ours}; root may raise it");
            unmet.push((format!("rlimit {limit}"), reason));
        }
    }
    unmet
}

/// Returns the kernel's number for a limit.
pub(crate) const fn resource(limit: Rlimit) -> Resource {
    match limit {
        Rlimit::As => Resource::RLIMIT_AS,
        Rlimit::Core => Resource::RLIMIT_CORE,
        Rlimit::Cpu => Resource::RLIMIT_CPU,
        Rlimit::Data => Resource::RLIMIT_DATA,
        Rlimit::Fsize => Resource::RLIMIT_FSIZE,
        Rlimit::Memlock => Resource::RLIMIT_MEMLOCK,
        Rlimit::Msgqueue => Resource::RLIMIT_MSGQUEUE,
        Rlimit::Nice => Resource::RLIMIT_NICE,
        Rlimit::Nofile => Resource::RLIMIT_NOFILE,
        Rlimit::Nproc => Resource::RLIMIT_NPROC,
        Rlimit::Rtprio => Resource::RLIMIT_RTPRIO,
        Rlimit::Rttime => Resource::RLIMIT_RTTIME,
        Rlimit::Sigpending => Resource::RLIMIT_SIGPENDING,
        Rlimit::Stack => Resource::RLIMIT_STACK,
    }
}
