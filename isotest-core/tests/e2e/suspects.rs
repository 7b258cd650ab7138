//! Somebody outside meddles with an attempt's cgroup: its figures are not passed off as measured.

use crate::observed::eventually;
use crate::promise::{Kept, Need, Promise};
use crate::rights::leaves;
use crate::sandboxed::{Suite, Wish};
use isotest_core::limits::Limits;
use isotest_core::outcome::Outcome;
use isotest_core::plan::SandboxPlan;
use isotest_core::policy::Capability;
use isotest_core::record::Record;
use isotest_core::sandbox::{Attempt, Cancel, Slot};
use isotest_core::step::{Step, StepError};
use isotest_core::units::Bytes;
use libtest_mimic::Failed;
use nix::errno::Errno;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("what_is_moved_to_another_cgroup_is_suspect", moved).needs(&[Need::Cgroup]).alone(),
    Promise::new("a_large_environment_is_not_suspect", large_environment)
        .needs(&[Need::Measured(Capability::Memory)]),
    Promise::new("a_changed_limit_is_suspect_and_no_oom", changed_limit)
        .needs(&[Need::Measured(Capability::Memory)])
        .alone(),
    Promise::new("without_its_figures_there_is_no_verdict", without_figures)
        .needs(&[Need::Measured(Capability::Memory)])
        .alone(),
    Promise::new("a_cgroup_that_is_gone_before_the_attempt_is_named", gone_before)
        .needs(&[Need::Cgroup])
        .alone(),
];

/// Time for somebody to meddle, and then what would be measured.
const WORK: &str = "echo ready; sleep 2; \"$0\" burn_cpu 300 && exec \"$0\" allocate 100";

fn plan(suite: &Suite, limits: Limits) -> Result<SandboxPlan, Failed> {
    let wish = Wish { limits, ..suite.wish() }.program("/bin/sh");
    Ok(wish.plan(&["-c", WORK, crate::observed::text(&suite.probe)?]))
}

/// Executes an attempt, and does something to it as soon as it is there.
fn meddled(suite: &Suite, limits: Limits, meddle: impl FnOnce(&[PathBuf]) -> Kept) -> Result<Record, Failed> {
    let template = suite.template(&suite.wish());
    let mut slot = suite.slot(&template)?;
    let mut attempt = slot.launch(&plan(suite, limits)?);
    let mut inhabited = Vec::new();
    let is_there = || {
        inhabited = leaves(suite).into_iter().filter(|leaf| !processes(leaf).is_empty()).collect();
        inhabited.len() == suite.cgroups.views().len()
    };
    let there = eventually(Duration::from_secs(10), is_there);
    if !there {
        return Err(format!("of the attempt's cgroups there are {inhabited:?}").into());
    }
    meddle(&inhabited)?;
    end(&mut slot, &mut attempt)?;
    Ok(attempt.finish())
}

fn end(slot: &mut Slot<'_>, attempt: &mut Attempt) -> Kept {
    if slot.wait(attempt, &Cancel::new()?) { Ok(()) } else { Err("it was cancelled".into()) }
}

/// Those of a leaf, wherever in it they live.
fn processes(leaf: &Path) -> String {
    let read = |path: PathBuf| fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    read(leaf.to_path_buf()) + &read(leaf.join("test"))
}

/// In version 2, and where memory is measured, each alone: elsewhere no account says where a process was.
fn moved(suite: &Suite) -> Kept {
    let untouched = meddled(suite, Limits::default(), |_| Ok(()))?;
    assert_eq!((untouched.outcome, untouched.suspect), (Outcome::Passed, None), "control");
    let mut tried = 0;
    for view in suite.cgroups.views() {
        if !["cgroup.subtree_control", "memory.stat"].into_iter().any(|file| view.from.join(file).exists()) {
            continue;
        }
        tried += 1;
        let elsewhere = view.from.join("e2e-elsewhere");
        fs::create_dir(&elsewhere)?;
        let record = meddled(suite, Limits::default(), |leaves| {
            let leaf = leaves.iter().find(|leaf| leaf.starts_with(&view.from)).ok_or("no leaf")?;
            for process in processes(leaf).lines() {
                fs::write(elsewhere.join("cgroup.procs"), process)?;
            }
            Ok(())
        });
        fs::remove_dir(&elsewhere)?;
        let record = record?;
        assert_eq!(record.outcome, Outcome::Passed);
        let said = record.suspect.ok_or_else(|| format!("no suspicion in {}", view.path.display()))?;
        assert!(said.starts_with("it left its cgroup"), "{said}");
    }
    assert!(tried > 0);
    Ok(())
}

/// Before execve the workload's process shares init's memory: what it needed there for each variable would be charged to init's
/// cgroup.
fn large_environment(suite: &Suite) -> Kept {
    let mut wish = suite.wish();
    wish.environment.extend((0..40_000).map(|number| (format!("V{number:05}").into(), "x".into())));
    let inside = suite.inside_with(&wish, &["exit", "0"])?;
    inside.outcome(&Outcome::Passed)?;
    assert_eq!(inside.record.suspect, None);
    Ok(())
}

fn changed_limit(suite: &Suite) -> Kept {
    const MIB: u64 = 1 << 20;
    let limits = Limits { memory: Some(Bytes::mib(256)), ..Limits::default() };
    let untouched = meddled(suite, limits.clone(), |_| Ok(()))?;
    assert_eq!((untouched.outcome, untouched.suspect), (Outcome::Passed, None), "control");
    let set = |to: u64| {
        meddled(suite, limits.clone(), move |leaves| {
            let files = ["memory.limit_in_bytes", "memory.max"];
            let mut files = leaves.iter().flat_map(|leaf| files.map(|file| leaf.join(file)));
            let file = files.find(|file| file.exists()).ok_or("no limit")?;
            Ok(fs::write(file, to.to_string())?)
        })
    };
    let lifted = set(512 * MIB);
    // In version 1 the sum of memory and swap is in the way.
    let record = lifted.or_else(|_| set(200 * MIB))?;
    assert_eq!(record.outcome, Outcome::Passed);
    assert!(record.suspect.is_some_and(|said| said.contains("was changed from 268435456 to ")));
    let lowered = set(50 * MIB)?;
    let killed = matches!(lowered.outcome, Outcome::Signaled { signal: 9 } | Outcome::Failed { code: 137 });
    assert!(killed && lowered.suspect.is_some(), "{:?}, {:?}", lowered.outcome, lowered.suspect);
    Ok(())
}

fn no_verdict(record: Record) -> Result<StepError, Failed> {
    match record.outcome {
        Outcome::NotIsolated(error) => Ok(error),
        outcome => Err(format!("{outcome:?}").into()),
    }
}

/// In version 2 somebody turns the controller off while the attempt runs; in version 1, where that is impossible, removes
/// the directory as soon as it is empty.
fn without_figures(suite: &Suite) -> Kept {
    let views = suite.cgroups.views();
    let run =
        &views.iter().find(|view| view.from.join("memory.stat").exists()).ok_or("no memory figures")?.from;
    let error = if run.join("cgroup.subtree_control").exists() {
        let control = |text: &str| fs::write(run.join("cgroup.subtree_control"), text);
        let record = meddled(suite, Limits::default(), |_| Ok(control("-memory")?));
        control("+memory")?;
        no_verdict(record?)?
    } else {
        let template = suite.template(&suite.wish());
        let mut slot = suite.slot(&template)?;
        let mut attempt = slot.launch(&suite.wish().plan(&["exit", "0"]));
        end(&mut slot, &mut attempt)?;
        remove_empty(&leaves(suite));
        no_verdict(attempt.finish())?
    };
    assert_eq!((error.step, error.errno), (Step::ReadFigures, Errno::ENOENT as i32), "{error}");
    assert!(error.hint().contains("another process"), "{}", error.hint());
    suite.inside(&["exit", "0"])?.outcome(&Outcome::Passed)
}

fn remove_empty(leaves: &[PathBuf]) {
    for leaf in leaves {
        // One with a process in it stays.
        let _ = fs::remove_dir(leaf);
    }
}

fn gone_before(suite: &Suite) -> Kept {
    let template = suite.template(&suite.wish());
    let mut slot = suite.slot(&template)?;
    let mut execute = |arguments: &[&str]| {
        slot.execute(&suite.wish().plan(arguments), &Cancel::new()?).ok_or("cancelled".into())
    };
    let first: Result<Record, Failed> = execute(&["exit", "0"]);
    assert_eq!(first?.outcome, Outcome::Passed, "control");
    // Those that are ready for the next attempts.
    let ready = leaves(suite);
    assert_ne!(ready, [""; 0].map(PathBuf::from));
    remove_empty(&ready);
    let error = no_verdict(execute(&["exit", "0"])?)?;
    assert!([Step::ShowCgroup, Step::CloneWorkload, Step::JoinCgroup].contains(&error.step), "{error}");
    assert!([Errno::ENODEV, Errno::ENOENT].contains(&Errno::from_raw(error.errno)), "{error}");
    assert!(error.hint().contains("another process"), "{}", error.hint());
    for _ in 0..3 {
        execute(&["exit", "0"])?;
    }
    assert_eq!(execute(&["exit", "0"])?.outcome, Outcome::Passed);
    Ok(())
}
