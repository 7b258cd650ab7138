//! What a sandbox promises, on the real kernel: one promise a trial, each with its control, the same probe outside,
//! which must break the promise. Which trials apply is decided by what the host gives; the others are listed as
//! ignored, with the reason in their names. A machine that cannot isolate fails.

mod mounts;
mod observed;
mod probe_binary;
mod promise;
mod sandboxed;
mod supervisors;
mod users;

mod adversary;
mod ahead;
mod bad_days;
mod deadlines;
mod disk;
mod endings;
mod faults;
mod foreign;
mod in_common;
mod ipc;
mod killed_supervisors;
mod kills;
mod leftovers;
mod limits;
mod namespaces;
mod network;
mod peaks;
mod rights;
mod rootfs;
mod roots;
mod services;
mod snapshots;
mod steps;
mod submounts;
mod surroundings;
mod suspects;
mod writes;

use libtest_mimic::{Arguments, Failed, Trial};
use sandboxed::Suite;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> Result<ExitCode, Failed> {
    isotest_core::stage::enter();
    if let Some(code) = supervisors::run_as_one() {
        return Ok(code);
    }
    let arguments = Arguments::from_args();
    isotest_core::root_limits::lift()?;
    let suite = Arc::new(Suite::prepare()?);
    if !arguments.list {
        suite.describe();
    }
    let conclusion = libtest_mimic::run(&arguments, trials(&suite));
    Arc::into_inner(suite).ok_or("a trial is still running")?.close()?;
    Ok(conclusion.exit_code())
}

fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let groups = [
        ("namespaces", namespaces::PROMISES),
        ("network", network::PROMISES),
        ("ipc", ipc::PROMISES),
        ("rootfs", rootfs::PROMISES),
        ("roots", roots::PROMISES),
        ("services", services::PROMISES),
        ("submounts", submounts::PROMISES),
        ("writes", writes::PROMISES),
        ("in_common", in_common::PROMISES),
        ("foreign", foreign::PROMISES),
        ("surroundings", surroundings::PROMISES),
        ("rights", rights::PROMISES),
        ("adversary", adversary::PROMISES),
        ("ahead", ahead::PROMISES),
        ("endings", endings::PROMISES),
        ("deadlines", deadlines::PROMISES),
        ("snapshots", snapshots::PROMISES),
        ("bad_days", bad_days::PROMISES),
        ("steps", steps::PROMISES),
        ("faults", faults::PROMISES),
        ("peaks", peaks::PROMISES),
        ("disk", disk::PROMISES),
        ("limits", limits::PROMISES),
        ("suspects", suspects::PROMISES),
        ("killed_supervisors", killed_supervisors::PROMISES),
        ("kills", kills::PROMISES),
        ("leftovers", leftovers::PROMISES),
    ];
    let trial = |(group, promises): (&'static str, &'static [promise::Promise])| {
        promises.iter().map(move |promise| promise.trial(group, suite))
    };
    groups.into_iter().flat_map(trial).collect()
}
