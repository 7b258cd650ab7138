//! Every limit has the effect that it is for. The control is the same without the limit.

use crate::observed::{Attempt, eventually, text};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use isotest_core::limits::{Control, Limits, ProcessLimits, Rlimit};
use isotest_core::outcome::Outcome;
use isotest_core::plan::Views;
use isotest_core::policy::Capability;
use isotest_core::step::Step;
use isotest_core::units::{Bytes, MilliCpu};
use libtest_mimic::Failed;
use std::fs;
use std::thread;
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("half_a_processor_takes_twice_as_long", half_a_processor)
        .needs(&[Need::Limited(Control::Cpu)])
        .alone(),
    Promise::new("weights_of_100_and_300_share_a_processor_1_to_3", weights)
        .needs(&[Need::Limited(Control::Cpu), Need::Measured(Capability::Cpu)])
        .alone(),
    Promise::new("it_runs_on_the_processors_it_is_given", processors),
    Promise::new("block_io_takes_its_time", block_io)
        .needs(&[Need::Limited(Control::Io), Need::BlockDevice])
        .alone(),
    Promise::new("swap_is_used_as_far_as_it_is_allowed", swap)
        .needs(&[Need::Measured(Capability::Memory), Need::Swap])
        .alone(),
    Promise::new("a_resource_limit_is_that_of_every_process", resource_limits),
    Promise::new("a_large_environment_fits_into_small_limits", large_environment)
        .needs(&[Need::Measured(Capability::Memory), Need::Measured(Capability::Pids)]),
    Promise::new("a_limit_that_the_kernel_does_not_take_is_told_before", not_taken)
        .needs(&[Need::Limited(Control::Cpu)]),
];

const MIB: u64 = 1 << 20;

fn limited(suite: &Suite, limits: Limits) -> Wish {
    Wish { limits, ..suite.wish() }
}

fn half_a_processor(suite: &Suite) -> Kept {
    let took = |limits| -> Result<Duration, Failed> {
        let inside = suite.inside_with(&limited(suite, limits), &["burn_cpu", "300"])?;
        inside.did()?;
        Ok(inside.ending()?.wall)
    };
    let limited = |cpu| took(Limits { cpu: Some(MilliCpu::new(cpu)), ..Limits::default() });
    // Of the last period it need not wait for the rest.
    let (half, tenth) = (limited(500)?, limited(100)?);
    assert!(
        half >= Duration::from_millis(500) && tenth >= Duration::from_millis(2800),
        "{half:?}, {tenth:?}"
    );
    // On a busy machine it may have to wait without any limit, too, but not always for so long.
    for _ in 0..10 {
        if took(Limits::default())? < tenth / 2 {
            return Ok(());
        }
    }
    Err("control: without a limit it takes as long".into())
}

/// Says that it is there, waits until all are, and computes until it is told to end.
const COMPUTE: &str = "> \"$0/there-$1\"; while [ ! -e \"$0/go\" ]; do sleep 0.1; done
    while [ ! -e \"$0/stop\" ]; do :; done";

/// The processor time that two attempts with these weights use on one processor, at the same time.
fn shared(suite: &Suite, weights: [u32; 2]) -> Result<[f64; 2], Failed> {
    const TIME: Duration = Duration::from_secs(4);
    let first = first_processor(suite)?;
    let scratch = suite.scratch()?;
    let place = scratch.path();
    let used = |number: usize, weight| -> Result<f64, Failed> {
        let process = ProcessLimits { cpus: vec![first], ..ProcessLimits::default() };
        let limits = Limits { cpu_weight: Some(weight), process, ..Limits::default() };
        let views = Views { kept: vec![place.into()], ..Views::default() };
        let wish = Wish { views, ..limited(suite, limits) }.program("/bin/sh");
        let inside = suite.inside_with(&wish, &["-c", COMPUTE, text(place)?, &number.to_string()])?;
        let cpu = inside.did().and(Ok(inside.record.usage.cpu.ok_or("no processor time")?.value))?;
        Ok((cpu.user + cpu.system).as_secs_f64())
    };
    thread::scope(|scope| {
        let [one, other] =
            [(0, weights[0]), (1, weights[1])].map(|(n, weight)| scope.spawn(move || used(n, weight)));
        let there =
            eventually(Duration::from_secs(30), || (0..2).all(|n| place.join(format!("there-{n}")).exists()));
        let told = fs::write(place.join("go"), "");
        thread::sleep(TIME);
        let told = told.and(fs::write(place.join("stop"), ""));
        let failed = |_| "a thread panicked";
        let used = [one.join().map_err(failed)??, other.join().map_err(failed)??];
        told?;
        if there { Ok(used) } else { Err("they were not there in time".into()) }
    })
}

fn weights(suite: &Suite) -> Kept {
    let ratio = |weights| shared(suite, weights).map(|[light, heavy]| heavy / light);
    let weighted = ratio([100, 300])?;
    assert!((3.0 * 0.85..3.0 * 1.15).contains(&weighted), "{weighted}");
    let even = ratio([100, 100])?;
    assert!((0.85..1.15).contains(&even), "control: {even}");
    Ok(())
}

/// One of those on which we may run.
fn first_processor(suite: &Suite) -> Result<usize, Failed> {
    let status = suite.outside(&["read", "/proc/self/status"])?;
    let list = allowed(&String::from_utf8_lossy(&status.did()?.stdout))?;
    let first = list.split([',', '-']).next().ok_or("no list")?;
    Ok(first.parse()?)
}

fn allowed(status: &str) -> Result<String, Failed> {
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    Ok(line.ok_or("no list of processors")?.trim().to_owned())
}

fn processors(suite: &Suite) -> Kept {
    let first = first_processor(suite)?;
    let process = ProcessLimits { cpus: vec![first], ..ProcessLimits::default() };
    let wish = limited(suite, Limits { process, ..Limits::default() });
    let seen = |attempt: &Attempt| allowed(&String::from_utf8_lossy(&attempt.did()?.stdout));
    let arguments = ["read", "/proc/self/status"];
    assert_eq!(seen(&suite.inside_with(&wish, &arguments)?)?, first.to_string());
    if thread::available_parallelism()?.get() > 1 {
        assert_ne!(seen(&suite.inside(&arguments)?)?, first.to_string(), "control");
    }
    Ok(())
}

fn block_io(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let file = scratch.path().join("file");
    let views = Views { kept: vec![scratch.path().into()], ..Views::default() };
    let took = |limits| -> Result<Duration, Failed> {
        let wish = Wish { views: views.clone(), ..limited(suite, limits) };
        let inside = suite.inside_with(&wish, &["fsync_write", text(&file)?, &(8 * MIB).to_string()])?;
        inside.did()?;
        Ok(inside.ending()?.wall)
    };
    let slow = took(Limits { io: Some(Bytes::mib(4)), ..Limits::default() })?;
    let fast = took(Limits::default())?;
    assert!(slow > Duration::from_millis(1500) && fast < slow, "{slow:?}, control {fast:?}");
    Ok(())
}

fn swap(suite: &Suite) -> Kept {
    let limits = Limits { memory: Some(Bytes::mib(64)), ..Limits::default() };
    let allocate = |limits| suite.inside_with(&limited(suite, limits), &["allocate", "90"]);
    allocate(Limits { swap: Some(Bytes::mib(64)), ..limits.clone() })?.outcome(&Outcome::Passed)?;
    allocate(Limits { swap: Some(Bytes::mib(8)), ..limits.clone() })?.outcome(&Outcome::OomKilled)?;
    allocate(limits)?.outcome(&Outcome::OomKilled)
}

fn resource_limits(suite: &Suite) -> Kept {
    let rlimits = vec![(Rlimit::Nofile, 64, 128), (Rlimit::Fsize, MIB, MIB)];
    let process = ProcessLimits { rlimits, ..ProcessLimits::default() };
    let wish = limited(suite, Limits { process, ..Limits::default() });
    let inside = suite.inside_with(&wish, &["rlimits"])?;
    assert_eq!(inside.did()?.fact("RLIMIT_NOFILE")?, "64 128");
    let outside = suite.outside(&["rlimits"])?;
    assert_ne!(outside.did()?.fact("RLIMIT_NOFILE")?, "64 128", "control");
    let script = ["-c", "\"$0\" fill /tmp/file 2000000; exit 0", text(&suite.probe)?];
    let told = |wish: Wish| suite.inside_with(&wish.program("/bin/sh"), &script);
    assert_eq!(told(wish)?.facts("written"), [""; 0]);
    assert_eq!(told(suite.wish())?.facts("written"), ["2000000"], "control");
    Ok(())
}

fn not_taken(suite: &Suite) -> Kept {
    // Less than the kernel measures out.
    let refused = suite.cgroups.try_limits(&Limits { cpu: Some(MilliCpu::new(1)), ..Limits::default() });
    let (control, reason) = refused.into_iter().next().ok_or("it was taken")?;
    assert!(control == Control::Cpu && reason.contains("Invalid argument"), "{control:?}: {reason}");
    assert_eq!(
        suite.cgroups.try_limits(&Limits { cpu: Some(MilliCpu::new(500)), ..Limits::default() }),
        [],
        "control"
    );
    Ok(())
}

/// Of what init makes ready before execve nothing counts against the limits of the workload; what execve takes does.
fn large_environment(suite: &Suite) -> Kept {
    let within = |memory| {
        let mut wish = limited(suite, Limits { memory: Some(memory), pids: Some(1), ..Limits::default() });
        wish.environment.extend((0..10).map(|n| (format!("V{n}").into(), "x".repeat(100 << 10).into())));
        wish
    };
    let wish = within(Bytes::mib(8));
    let inside = suite.inside_with(&wish, &["env"])?;
    inside.outcome(&Outcome::Passed)?;
    assert!(inside.stdout.len() > 1000 << 10, "{}", inside.stdout.len());
    suite.inside_with(&wish, &["exit", "3"])?.outcome(&Outcome::Failed { code: 3 })?;
    suite.inside_with(&wish, &["spawn_many", "1", "10"])?.refused("EAGAIN")?;
    suite.inside_with(&wish, &["allocate", "16"])?.outcome(&Outcome::OomKilled)?;
    // Control: with less than it takes there is no program to be judged, and what follows is not harmed.
    let inside = suite.inside_with(&within(Bytes::kib(512)), &["exit", "0"])?;
    let Outcome::NotIsolated(error) = &inside.record.outcome else { return Err(inside.unlike("refused")) };
    assert_eq!(error.step, Step::Exec, "{error}");
    assert!(error.hint().contains("--memory-limit"), "{error}: {}", error.hint());
    suite.inside_with(&wish, &["exit", "0"])?.outcome(&Outcome::Passed)
}
