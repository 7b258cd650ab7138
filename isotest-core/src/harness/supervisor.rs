//! Supervisor of the harness below plain `cargo test`: each trial is an attempt in a sandbox.

use super::trial::Trial;
use crate::budget::Budget;
use crate::builder::{Prepared, Sandbox, SandboxError};
use crate::inside::{self, METRICS};
use crate::limits::{Control, Limits};
use crate::outcome::Outcome;
use crate::plan::{SandboxPlan, Workload};
use crate::policy::Capability;
use crate::record::{Captured, Record};
use crate::sandbox::{Cancel, Slot};
use crate::units::Bytes;
use libtest_mimic::{Arguments, Failed};
use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, thread};

/// Plan of an attempt that is to be executed, and the channel that takes its report.
type Order = (SandboxPlan, Sender<Result<Record, String>>);

/// Memory peaks in bytes by the names of trials.
type Peaks = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// Executes the trials that the arguments choose. The package's directory and the home directory are copy-on-write.
///
/// # Errors
/// When this host allows no sandbox.
pub(super) fn supervise(arguments: &Arguments, trials: Vec<Trial>) -> Result<ExitCode, Box<dyn Error>> {
    let jobs =
        arguments.test_threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let variables = ["CARGO_MANIFEST_DIR", "HOME"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    let directories =
        [env::current_dir()?].into_iter().chain(variables).filter(|directory| directory.exists());
    let sandbox = directories.fold(Sandbox::new(), Sandbox::copy_on_write).read_only(env::current_exe()?);
    let hard: &[_] = if trials.iter().any(|trial| trial.budget.hard) { &[Control::Memory] } else { &[] };
    let prepared = match sandbox.clone().controls(hard).prepare(jobs) {
        // A budget is then held against what was measured, if anything was.
        Err(SandboxError::Limit { .. }) => sandbox.prepare(jobs)?,
        prepared => prepared?,
    };
    let concluded = in_slots(arguments, trials, &prepared, jobs);
    prepared.close()?;
    concluded
}

fn in_slots(
    arguments: &Arguments,
    trials: Vec<Trial>,
    prepared: &Prepared,
    jobs: usize,
) -> Result<ExitCode, Box<dyn Error>> {
    let counted: Vec<_> = Capability::ALL
        .iter()
        .filter(|metric| prepared.cgroups.serves(**metric))
        .map(|metric| metric.as_str())
        .collect();
    let told = [("ISOTEST", "1".to_owned()), (METRICS, counted.join(" "))];
    let told = told.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment: Vec<_> = env::vars_os().chain(told).collect();
    let program = env::current_exe()?;
    let base = Workload { program, arguments: Vec::new(), environment, directory: env::current_dir()? };
    let peaks = Peaks::default();
    let (orders, received) = channel();
    let received = Mutex::new(received);
    let conclusion = thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| work(prepared, &received));
        }
        let sandboxed = |trial| sandboxed(trial, &base, &orders, &peaks);
        let trials = trials.into_iter().map(sandboxed).collect();
        // The slots end when the sender of orders is dropped.
        drop(orders);
        libtest_mimic::run(arguments, trials)
    });
    tell(&peaks);
    Ok(conclusion.exit_code())
}

/// Executes the attempts that are ordered, in a slot that lives as long as this thread.
fn work(prepared: &Prepared, orders: &Mutex<Receiver<Order>>) {
    let mut slot = None;
    loop {
        let next = orders.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((plan, answer)) = next else { return };
        let record = execute(&mut slot, prepared, &plan);
        // Sending fails if the trial no longer waits, which is fine.
        let _ = answer.send(record);
    }
}

fn execute<'run>(
    slot: &mut Option<Slot<'run>>,
    prepared: &'run Prepared,
    plan: &SandboxPlan,
) -> Result<Record, String> {
    let cancel = Cancel::new().map_err(|error| error.to_string())?;
    let slot = match slot {
        Some(slot) => slot,
        none => none.insert(prepared.slot().map_err(|error| error.to_string())?),
    };
    slot.execute(plan, &cancel).ok_or_else(|| "it was cancelled".to_owned())
}

/// Makes a trial that orders an attempt and judges its report.
fn sandboxed(
    Trial { name, is_ignored, budget, .. }: Trial,
    base: &Workload,
    orders: &Sender<Order>,
    peaks: &Peaks,
) -> libtest_mimic::Trial {
    let mut words = vec!["--exact".to_owned(), name.clone(), "--test-threads=1".to_owned()];
    if is_ignored {
        words.push("--ignored".to_owned());
    }
    let workload = Workload { arguments: words.into_iter().map(OsString::from).collect(), ..base.clone() };
    let limits = Limits { memory: budget.memory.filter(|_| budget.hard), ..Limits::default() };
    let plan = SandboxPlan {
        workload,
        timeout: None,
        limits,
        measured: true,
        inherit_stdio: false,
        interactive: None,
        leak_grace: SandboxPlan::LEAK_GRACE,
        output_bytes: 1 << 20,
    };
    let (orders, peaks, noted) = (orders.clone(), Arc::clone(peaks), name.clone());
    let run = move || {
        let (answer, report) = channel();
        let lost = || Failed::from("the harness has lost its sandboxes");
        orders.send((plan, answer)).map_err(|_| lost())?;
        let record = report.recv().map_err(|_| lost())??;
        if let Some(peak) = record.usage.memory_peak {
            peaks.lock().unwrap_or_else(PoisonError::into_inner).insert(noted, peak.value);
        }
        judge(&record, &budget)
    };
    libtest_mimic::Trial::test(name, run).with_ignored_flag(is_ignored)
}

fn judge(record: &Record, budget: &Budget) -> Result<(), Failed> {
    match (&record.outcome, budget.memory.filter(|_| budget.hard)) {
        (Outcome::Passed, _) => Ok(()),
        (Outcome::OomKilled, Some(limit)) => {
            Err(Failed::from(format!("over budget: the kernel killed it at {limit} of memory")))
        }
        (outcome, _) => {
            let text = |captured: &Captured| {
                let gap = match captured.dropped {
                    0 => String::new(),
                    dropped => format!("\n[{dropped} bytes left out]\n"),
                };
                let bytes = [captured.head.as_slice(), gap.as_bytes(), &captured.tail].concat();
                String::from_utf8_lossy(&bytes).into_owned()
            };
            let (stdout, stderr) = (text(&record.stdout), text(&record.stderr));
            Err(Failed::from(format!("{}\n{stdout}{stderr}", words(outcome))))
        }
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => "it passed".to_owned(),
        Outcome::Failed { code } if *code == i32::from(inside::OVER_BUDGET) => {
            "it used more than its budget".to_owned()
        }
        Outcome::Failed { code } => format!("it exited with {code}"),
        Outcome::Signaled { signal } => format!("signal {signal} ended it"),
        Outcome::TimedOut => "its time ran out".to_owned(),
        Outcome::OomKilled => "the kernel killed it for its memory".to_owned(),
        Outcome::Leaked => "it left processes running".to_owned(),
        Outcome::NotIsolated(error) => format!("it was not isolated: {error}"),
    }
}

/// Prints the memory peak of each trial.
fn tell(peaks: &Peaks) {
    let mut stdout = io::stdout().lock();
    for (name, peak) in peaks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // A closed standard output is no reason to fail.
        let _ = writeln!(stdout, "{:>10}  {name}", peak.to_string());
    }
}
