//! `cargo isotest doctor`: checks by trial what this host supports, and names remedies for the rest.

mod diagnosis;
pub(crate) mod text;

pub(crate) use text::remedies;

use crate::app::seen::Seen;
use crate::cargo::build::{Directories, Workspace};
use crate::cli::{DoctorArgs, MessageFormat};
use crate::error::{Error, HostError};
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::remedy::{self, Obstacle, Place};
use crate::report::OutputError;
use crate::sandboxes::roots;
use crate::sandboxes::{self, Decided, RefusedViews, Shown};
use crate::settings::{Bind, BindAccess, Said, Setting, Settings};
use diagnosis::{Condition, Diagnosis};
use isotest_core::Bytes;
use isotest_core::cgroup::Cgroups;
use isotest_core::host::{Refusal, probe};
use isotest_core::limits::Limits;
use isotest_core::metric;
use isotest_core::plan::{SandboxPlan, Template, Timeout, Workload};
use isotest_core::policy::{Capability, Level, Policy, State};
use isotest_core::record::Record;
use isotest_core::step::StepError;
use isotest_core::trial;
use isotest_core::usage::Usage;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Returns the limits of the trial, so that writing limits is tried too.
fn limits() -> Limits {
    Limits { memory: Some(Bytes::gib(1)), pids: Some(1000), ..Limits::default() }
}

/// Time limit of the trial.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Diagnoses this host, and the project on request, and writes the diagnosis to standard output.
///
/// # Errors
/// When host or project cannot be read, or the diagnosis cannot be written.
pub(crate) fn execute(args: &DoctorArgs, said: Said, invocation: &Invocation) -> Result<End, Error> {
    let project = args.project.then(|| Workspace::read(&said.cargo, invocation)).transpose()?;
    let settings = &said.settings()?;
    let mut diagnosis = diagnose(settings, invocation)?;
    diagnosis.project = project.as_ref().map(Seen::of);
    match settings.message_format.value.into() {
        MessageFormat::Human => write!(text::stdout(settings.color.value), "{}", text::human(&diagnosis)),
        MessageFormat::Json => text::json(&diagnosis, io::stdout()),
    }
    .map_err(OutputError::Stream)?;
    Ok(End::Exit(if diagnosis.met { Exit::Ok } else { Exit::CannotIsolate }))
}

fn diagnose(settings: &Settings, invocation: &Invocation) -> Result<Diagnosis, Error> {
    let program = std::env::current_exe().map_err(HostError::System)?;
    let mut settings = settings.clone();
    settings.test.binds.push(Setting::default(Bind { path: program.clone(), access: BindAccess::ReadOnly }));
    let rooted = roots::of_host(&Directories::of_command(None, invocation), invocation);
    let shown = [Shown::new(&settings.sandbox, &settings.test, &rooted, invocation)];
    let plan = plan(program, invocation);
    let (Decided { host, cgroups, resolved, .. }, attempted) =
        sandboxes::without_refused_views(|refused| attempt(&settings, &shown, &plan, refused))?;
    let surroundings = probe::surroundings(&host);
    let (usage, refusals) = match attempted {
        Ok(record) => (record.usage, Vec::new()),
        Err(error) => (figures_alone(&cgroups), refusals(&resolved.template, error)),
    };
    let layout = cgroups.layout();
    sandboxes::close(cgroups);
    let conditions = conditions(&resolved.isolation.states, &usage, &refusals);
    let place = Place { surroundings: &surroundings, cgroups: &host.cgroups };
    let remedies = remedy::remedies(&obstacles(&resolved.isolation.states, refusals), place);
    let met = conditions
        .iter()
        .all(|(capability, condition)| is_enough(&settings.test.policy, *capability, condition));
    Ok(Diagnosis { surroundings, cgroup_layout: layout, conditions, remedies, met, project: None })
}

/// Plans the trial: an execution of this program with `--version`.
fn plan(program: PathBuf, invocation: &Invocation) -> SandboxPlan {
    SandboxPlan {
        workload: Workload {
            program,
            arguments: vec!["isotest".into(), "--version".into()],
            environment: invocation.environment.clone(),
            directory: "/".into(),
        },
        timeout: Some(Timeout::new(TIMEOUT)),
        limits: limits(),
        measured: true,
        interactive: None,
        inherit_stdio: false,
        leak_grace: SandboxPlan::LEAK_GRACE,
        output_bytes: 1 << 10,
    }
}

/// Executes the plan of the trial.
///
/// # Errors
/// When the host cannot be read, or the kernel refuses a copy-on-write view, which the next attempt does without.
fn attempt(
    settings: &Settings,
    shown: &[Shown<'_>],
    plan: &SandboxPlan,
    refused: &RefusedViews,
) -> Result<(Decided, Result<Record, StepError>), Error> {
    let decided = Decided::resolve(settings, 1, shown, refused)?;
    let template = &decided.resolved.template;
    let attempted = trial::attempt(template, &decided.cgroups, plan).map_err(HostError::System)?;
    if let Some(error) = attempted.as_ref().err().and_then(|error| refused.news(template, error)) {
        sandboxes::close(decided.cgroups);
        return Err(error);
    }
    Ok((decided, attempted))
}

/// Returns the refusals of the kernel; if there are none, the failure itself as a refusal of the root.
fn refusals(template: &Template, first: StepError) -> Vec<Refusal> {
    let refusals = trial::refusals(template, &first);
    if refusals.is_empty() {
        vec![Refusal { capability: Capability::Rootfs, error: first }]
    } else {
        refusals
    }
}

/// Creates, limits and reads a cgroup, for a host on which nothing can be executed.
fn figures_alone(cgroups: &Cgroups) -> Usage {
    let Ok(Some(leaf)) = cgroups.create_attempt(&limits()) else { return Usage::default() };
    let usage = leaf.usage().unwrap_or_default();
    // The cgroup is removed with the run's directory if it cannot be removed now.
    let _ = leaf.remove();
    usage
}

fn conditions(
    states: &[(Capability, State)],
    usage: &Usage,
    refusals: &[Refusal],
) -> Vec<(Capability, Condition)> {
    let condition = |capability, state: &State| {
        let own = refusals.iter().filter(|refusal| refusal.capability == capability);
        let own: Vec<String> = own.map(|refusal| refusal.error.to_string()).collect();
        if !own.is_empty() {
            return Condition::Missing(own.join("; "));
        }
        match state {
            State::Off => Condition::Off,
            _ if !capability.is_metric() && needed(capability, refusals).is_some() => {
                let needed = needed(capability, refusals).map_or("", Capability::as_str);
                Condition::Missing(format!("needs `{needed}`"))
            }
            State::Missing(reason) if capability == Capability::CopyOnWrite => {
                Condition::Degraded(reason.clone())
            }
            State::Missing(reason) => match metric::source(usage, capability) {
                Some(_) => Condition::Degraded(reason.clone()),
                None => Condition::Missing(reason.clone()),
            },
            State::InForce if !capability.is_metric() => Condition::Ok(None),
            State::InForce => match metric::source(usage, capability) {
                Some(source) if source.is_approximate() => {
                    Condition::Degraded(format!("sampled from `{source}`, approximate"))
                }
                Some(source) => Condition::Ok(Some(source.as_str())),
                None if refusals.is_empty() => Condition::Missing("the kernel provides no value".to_owned()),
                None => Condition::Missing("no process could be run to measure".to_owned()),
            },
        }
    };
    states.iter().map(|(capability, state)| (*capability, condition(*capability, state))).collect()
}

/// Returns the refused capability on which `capability` depends, and without which it was not tried.
fn needed(capability: Capability, refusals: &[Refusal]) -> Option<Capability> {
    let stands_on: &[Capability] = match capability {
        Capability::User => &[],
        Capability::Rootfs | Capability::CopyOnWrite => {
            &[Capability::User, Capability::Mount, Capability::Pid]
        }
        _ => &[Capability::User],
    };
    stands_on.iter().copied().find(|other| refusals.iter().any(|refusal| refusal.capability == *other))
}

/// Returns the obstacles: refused steps and missing metrics, without the capabilities that depend on these.
fn obstacles(states: &[(Capability, State)], refusals: Vec<Refusal>) -> Vec<Obstacle> {
    let figures = states.iter().filter(|(capability, _)| capability.is_metric());
    let figures = figures.filter_map(|(capability, state)| match state {
        State::Missing(reason) => Some((*capability, reason.clone())),
        State::InForce | State::Off => None,
    });
    let figures: Vec<_> = figures.map(Obstacle::from).collect();
    refusals.into_iter().map(Obstacle::from).chain(figures).collect()
}

fn is_enough(policy: &Policy, capability: Capability, condition: &Condition) -> bool {
    match condition {
        Condition::Ok(_) | Condition::Off => true,
        Condition::Degraded(_) | Condition::Missing(_) => policy.level(capability) != Level::Require,
    }
}
