//! Every step of the set-up, failing once: the attempt has no verdict but the step's name, and the next one is well.

use crate::endings::unique_pause;
use crate::observed::{Seen, eventually};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::{supervisors, suspects};
use isotest_core::limits::{Limits, Rlimit};
use isotest_core::outcome::Outcome;
use isotest_core::plan::{Interactive, Network};
use isotest_core::policy::Capability;
use isotest_core::sandbox::{Cancel, Heard, Running, Slot};
use isotest_core::snapshot::ProcessTable;
use isotest_core::step::{Step, StepError};
use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};
use std::ffi::OsString;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("each_that_fails_is_named", each),
    Promise::new("entering_version_1_cgroups_that_fails_is_named", |suite| fails(suite, Step::JoinCgroup))
        .needs(&[Need::V1]),
    Promise::new("showing_its_cgroup_that_fails_is_named", |suite| fails(suite, Step::ShowCgroup))
        .needs(&[Need::Cgroup]),
    Promise::new("a_zygote_that_cannot_be_started_is_named", no_zygote),
    Promise::new("a_sandbox_that_cannot_be_looked_into_is_named", not_joined),
    Promise::new("a_sandbox_of_somebody_else_is_named", not_ones_own).needs(&[Need::User]),
    Promise::new("a_cgroup_that_cannot_be_made_is_named", no_cgroup)
        .needs(&[Need::Measured(Capability::Pids)]),
    Promise::new("entering_a_sandbox_that_has_ended_is_named", ended_sandbox),
    Promise::new("a_missing_program_is_named", missing_program),
    Promise::new("a_program_that_cannot_be_executed_is_named", not_a_program),
    Promise::new("a_missing_directory_is_named", missing_directory),
];

/// The trial of what is taken by the supervisor, where nothing is injected, or only where there are cgroups.
const fn trial_of_its_own(step: Step) -> Option<&'static str> {
    match step {
        Step::StartZygote => Some("a_zygote_that_cannot_be_started_is_named"),
        Step::CreateCgroup => Some("a_cgroup_that_cannot_be_made_is_named"),
        Step::ShowCgroup => Some("showing_its_cgroup_that_fails_is_named"),
        Step::JoinCgroup => Some("entering_version_1_cgroups_that_fails_is_named"),
        Step::Join => Some("entering_a_sandbox_that_has_ended_is_named"),
        Step::ReadFigures => Some("without_its_figures_there_is_no_verdict"),
        Step::UnshareZygote
        | Step::MapZygote
        | Step::ForkZygote
        | Step::CutPropagation
        | Step::MountRoot
        | Step::MountTemplateProc
        | Step::AssembleTree
        | Step::PivotRoot
        | Step::SealTree
        | Step::MakeNetwork
        | Step::MountTmpfs
        | Step::MakeLayers
        | Step::CloneInit
        | Step::UnshareInit
        | Step::MapIds
        | Step::DieWithParent
        | Step::AttachLayers
        | Step::CopyNetSettings
        | Step::RaiseLoopback
        | Step::MountProc
        | Step::GuardProc
        | Step::MountDevpts
        | Step::NewSession
        | Step::NewKeyring
        | Step::OpenTerminal
        | Step::CloneWorkload
        | Step::UnshareCgroup
        | Step::TakeTerminal
        | Step::PlaceDescriptors
        | Step::ResetSignals
        | Step::ChangeDirectory
        | Step::TracePaths
        | Step::LimitProcess
        | Step::Exec
        | Step::Supervise => None,
    }
}

fn each(suite: &Suite) -> Kept {
    let others = || PROMISES.iter().chain(suspects::PROMISES);
    for step in Step::ALL {
        match trial_of_its_own(step) {
            Some(trial) => assert!(others().any(|promise| promise.sentence() == trial), "no trial `{trial}`"),
            None => fails(suite, step)?,
        }
    }
    Ok(())
}

fn fails(suite: &Suite, step: Step) -> Kept {
    let mut wish = suite.wish();
    if step == Step::LimitProcess {
        wish.limits.process.rlimits.push((Rlimit::Core, 0, 0));
    }
    let mut template = suite.template(&wish);
    let healthy = template.clone();
    template.failing = Some(step);
    // Some steps are taken only by some callers or on some hosts: what makes them necessary is added.
    match step {
        Step::MapZygote => template.outer_user = true,
        Step::MakeNetwork => template.network = Network::Loopback,
        Step::RaiseLoopback => template.network = Network::Own,
        Step::CopyNetSettings => {
            // A value that a new namespace does not have by itself.
            template.net_settings.push(("ipv4/ip_unprivileged_port_start".into(), "4321".into()));
        }
        Step::TracePaths => template.trace_missing = true,
        Step::GuardProc => template.private.guarded_proc.push("sys".into()),
        _ => {}
    }
    let error = match Slot::start(&Arc::new(template), &suite.cgroups) {
        Err(error) => error,
        Ok(mut slot) => {
            let mut plan = wish.plan(&["exit", "0"]);
            if matches!(step, Step::OpenTerminal | Step::TakeTerminal) {
                plan.inherit_stdio = true;
                plan.interactive = Some(Interactive { terminal: [true; 3] });
            }
            let record = slot.execute(&plan, &Cancel::new()?).ok_or("cancelled")?;
            assert!(record.ending.is_none(), "{step:?}: {record:?}");
            match record.outcome {
                Outcome::NotIsolated(error) => {
                    // As reports show it.
                    assert!(record.remarks.iter().any(|remark| remark == error.hint()), "{error}: no hint");
                    error
                }
                outcome => return Err(format!("{step:?} failed, and the outcome was {outcome:?}").into()),
            }
        }
    };
    let (subject, entry) = (error.subject.clone(), error.entry);
    assert_eq!(error, StepError { step, errno: Errno::ECANCELED as i32, subject, entry });
    assert!(error.to_string().contains(&format!("{step:?}")), "{error}");
    assert!(!error.hint().is_empty(), "{error}");
    wish.attempt(&mut suite.slot(&healthy)?, &["exit", "0"])?.outcome(&Outcome::Passed)
}

fn not_isolated(
    suite: &Suite,
    wish: &Wish,
    step: Step,
    errno: Errno,
) -> Result<StepError, libtest_mimic::Failed> {
    let template = suite.template(wish);
    let mut slot = suite.slot(&template)?;
    let record = slot.execute(&wish.plan(&["exit", "0"]), &Cancel::new()?).ok_or("cancelled")?;
    let Outcome::NotIsolated(error) = record.outcome else {
        return Err(format!("expected {step:?}, got {:?}", record.outcome).into());
    };
    assert_eq!((error.step, error.errno), (step, errno as i32), "{error}");
    // The same slot, and the next one, go on.
    suite.wish().attempt(&mut slot, &["exit", "0"])?.outcome(&Outcome::Passed)?;
    Ok(error)
}

fn no_zygote(_: &Suite) -> Kept {
    Seen::run(&mut supervisors::command("without_descriptors")?)?.did()?;
    Ok(())
}

/// A supervisor that may open no further descriptor.
pub(crate) fn without_descriptors(_: &[OsString]) -> Kept {
    let suite = Suite::without_cgroups()?;
    let template = suite.template(&suite.wish());
    let open = u64::try_from(fs::read_dir("/proc/self/fd")?.count())?;
    // One of those counted was the directory itself.
    setrlimit(Resource::RLIMIT_NOFILE, open - 1, 65_536.min(hard_limit()?))?;
    let refused = Slot::start(&Arc::new(template), &suite.cgroups);
    setrlimit(Resource::RLIMIT_NOFILE, hard_limit()?.min(1024), hard_limit()?)?;
    let Err(error) = refused else { return Err("a zygote was started".into()) };
    assert_eq!((error.step, error.errno), (Step::StartZygote, Errno::EMFILE as i32), "{error}");
    assert!(error.hint().contains("ulimit -n"), "{}", error.hint());
    suite.inside(&["exit", "0"])?.outcome(&Outcome::Passed)
}

fn not_joined(_: &Suite) -> Kept {
    Seen::run(&mut supervisors::command("joins_without_descriptors")?)?.did()?;
    Ok(())
}

/// It has not ended only because it cannot be seen.
pub(crate) fn joins_without_descriptors(_: &[OsString]) -> Kept {
    setrlimit(Resource::RLIMIT_NOFILE, 0, hard_limit()?)?;
    let refused = Running::open(1);
    setrlimit(Resource::RLIMIT_NOFILE, hard_limit()?.min(1024), hard_limit()?)?;
    let Err(error) = refused else { return Err("it was entered".into()) };
    assert_eq!((error.step, error.errno), (Step::Join, Errno::EMFILE as i32), "{error}");
    assert_eq!(error.subject.as_deref(), Some("/proc/1/task/1/children"));
    let error = Running::open(i32::MAX).err().ok_or("there is no such process")?;
    assert_eq!((error.step, error.errno), (Step::Join, Errno::ESRCH as i32), "{error}");
    Ok(())
}

fn not_ones_own(_: &Suite) -> Kept {
    // The first ones of the machine, or of its container, or the kernel's.
    let mut refused = [1, 2].into_iter().filter_map(|pid| Running::open(pid).err());
    let error =
        refused.find(|error| error.errno == Errno::EACCES as i32).ok_or("nothing is somebody else's")?;
    assert_eq!(error.step, Step::Join);
    assert!(error.subject.as_deref().is_some_and(|subject| subject.ends_with("/cwd")), "{error}");
    assert!(error.hint().contains("only the user that runs the test"), "{}", error.hint());
    Ok(())
}

fn hard_limit() -> Result<u64, Errno> {
    nix::sys::resource::getrlimit(Resource::RLIMIT_NOFILE).map(|(_, hard)| hard)
}

fn ended_sandbox(_: &Suite) -> Kept {
    Seen::run(&mut supervisors::command("late_guest")?)?.did()?;
    Ok(())
}

/// A supervisor that has one thread, as one must who enters a sandbox.
pub(crate) fn late_guest(_: &[OsString]) -> Kept {
    let suite = Suite::without_cgroups()?;
    let wish = suite.wish();
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    let mut attempt = slot.launch_last(&wish.plan(&["sleep", &unique_pause()]));
    let mut found = None;
    let find = || {
        found = ProcessTable::read()
            .ok()
            .and_then(|process_table| process_table.init_below(slot.zygote()))
            .filter(|init| Running::open(*init).is_ok());
        found.is_some()
    };
    eventually(Duration::from_secs(20), find);
    let init = found.ok_or("there is no sandbox to enter")?;
    let running = Running::open(init)?;
    let enter = || {
        let mut guest = running.enter(&wish.plan(&["exit", "0"]));
        while guest.hear() != Heard::Ended {}
        guest.finish()
    };
    assert_eq!(enter().outcome, Outcome::Passed, "control");

    attempt.signal(libc::SIGKILL, false);
    assert!(slot.wait(&mut attempt, &Cancel::new()?));
    assert_eq!(attempt.finish().outcome, Outcome::Signaled { signal: libc::SIGKILL });
    let record = enter();
    let Outcome::NotIsolated(within) = record.outcome else {
        return Err(format!("{:?}", record.outcome).into());
    };
    assert!(record.remarks.iter().any(|remark| remark == within.hint()), "{:?}: no hint", record.remarks);
    let before = Running::open(init).err().ok_or("what has ended is found")?;
    for error in [within, before] {
        assert_eq!((error.step, error.errno), (Step::Join, Errno::ESRCH as i32), "{error}");
        assert!(!error.hint().is_empty(), "{error}");
    }
    wish.attempt(&mut slot, &["exit", "0"])?.outcome(&Outcome::Passed)
}

fn no_cgroup(suite: &Suite) -> Kept {
    // More processes than the kernel can count.
    let wish =
        Wish { limits: Limits { pids: Some(i64::MAX.unsigned_abs()), ..Limits::default() }, ..suite.wish() };
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    let record = slot.execute(&wish.plan(&["exit", "0"]), &Cancel::new()?).ok_or("cancelled")?;
    let Outcome::NotIsolated(error) = record.outcome else {
        return Err(format!("{:?}", record.outcome).into());
    };
    assert_eq!((error.step, error.errno), (Step::CreateCgroup, Errno::EINVAL as i32), "{error}");
    assert!(error.hint().contains("--pids-limit"), "{}", error.hint());
    suite.wish().attempt(&mut slot, &["exit", "0"])?.outcome(&Outcome::Passed)
}

fn missing_program(suite: &Suite) -> Kept {
    let wish = suite.wish().program("/nonexistent/program");
    let error = not_isolated(suite, &wish, Step::Exec, Errno::ENOENT)?;
    assert_eq!(error.subject.as_deref(), Some("/nonexistent/program"));
    assert!(error.hint().contains("--bind"), "{}", error.hint());
    Ok(())
}

fn not_a_program(suite: &Suite) -> Kept {
    not_isolated(suite, &suite.wish().program("/etc/passwd"), Step::Exec, Errno::EACCES)?;
    Ok(())
}

fn missing_directory(suite: &Suite) -> Kept {
    let wish = Wish { directory: "/nonexistent".into(), ..suite.wish() };
    let error = not_isolated(suite, &wish, Step::ChangeDirectory, Errno::ENOENT)?;
    assert_eq!(error.subject.as_deref(), Some("/nonexistent"));
    Ok(())
}
