//! Sandboxes of a run: derives the templates of attempts from settings, roots and host.

pub(crate) mod error;
pub(crate) mod hints;
mod links;
pub(crate) mod missing_paths;
mod per_test;
mod room;
pub(crate) mod roots;
pub(crate) mod run_directory;
pub(crate) mod setup_place;

pub(crate) use per_test::{ForRun, ForTests, Sharing};

use crate::cli::{self, RootWord};
use crate::error::{Error, HostError};
use crate::invocation::Invocation;
use crate::phases::timed;
use crate::remark::Remark;
use crate::remedy::{self, Obstacle, Place, Remedy};
use crate::sandboxes::roots::{Image, Rooted, Roots};
use crate::select::SelectionError;
use crate::settings::{BindAccess, SandboxSettings, Settings, TestSettings, Update};
use crate::testcase::TestBinary;
use crate::text::style;
use error::SandboxError;
use hints::Ground;
use isotest_core::cgroup::{Cgroups, Established, FreeMemory, scope};
use isotest_core::host::surroundings::Surroundings;
use isotest_core::host::{Host, bounds, cow_sources, probe};
use isotest_core::limits::{Control, Limits};
use isotest_core::plan::{self, Link, Network, Request, Resolved, Root, Template, Views};
use isotest_core::policy::{Capability, Isolation, Level, State};
use isotest_core::sandbox::Slot;
use isotest_core::step::StepError;
use isotest_core::trial;
use isotest_core::{descriptors, root_limits};
use room::{Inside, Room};
use std::fs;
use std::io::{self, Write};
use std::iter;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileTypeExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Templates and cgroups that the attempts of a run share.
#[derive(Debug)]
pub(crate) struct Sandboxes {
    /// Templates for zygotes: one for each root of the run. Never empty.
    templates: Vec<Arc<Template>>,
    roots: Arc<Roots>,
    /// Cgroups of the run.
    pub(crate) cgroups: Cgroups,
    /// Memory that is free for the run.
    pub(crate) free_memory: FreeMemory,
    /// Capabilities in force.
    pub(crate) isolation: Isolation,
    /// Facts on which remarks about failed tests depend.
    pub(crate) ground: Ground,
    /// Controllers that only some tests need and that are unavailable, with the reasons.
    refused_controls: Vec<(Control, String)>,
    host: Host,
    /// Capabilities that are wanted and unavailable, with the reasons.
    missing: Vec<(Capability, String)>,
    refused_views: RefusedViews,
    /// Number of job slots, reduced if there is no room for as many as requested.
    pub(crate) jobs: NonZeroUsize,
}

impl Sandboxes {
    /// Prepares sandboxes, calls `work` with them, and removes their cgroups. Where the kernel refuses a copy-on-write view
    /// of a directory, prepares sandboxes without the view and calls `work` again.
    ///
    /// # Errors
    /// When sandboxes cannot be prepared, or `work` fails. All slots must have ended when `work` returns.
    pub(crate) fn with<T>(
        settings: &Settings,
        roots: &Arc<Roots>,
        invocation: &Invocation,
        work: impl Fn(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        without_refused_views(|refused| {
            let sandboxes = Self::prepare(settings, roots, invocation, refused)?;
            // Even a panic leaves no cgroups behind.
            let done = catch_unwind(AssertUnwindSafe(|| match work(&sandboxes) {
                Err(error) if refused.view(&error).is_none() => Err(Self::explained(error)),
                done => done,
            }));
            timed("- cgroups", || close(sandboxes.cgroups));
            done.unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Reads the host, creates the cgroups of the run and resolves the templates.
    fn prepare(
        settings: &Settings,
        roots: &Arc<Roots>,
        invocation: &Invocation,
        refused: &RefusedViews,
    ) -> Result<Self, Error> {
        let jobs = settings.execution.jobs.value.get();
        let shown: Vec<_> = roots
            .each
            .iter()
            .map(|rooted| Shown::new(&settings.sandbox, &settings.test, rooted, invocation))
            .collect();
        let Decided { max_descriptors, host, mut cgroups, missing, resolved, others } =
            Decided::resolve(settings, jobs, &shown, refused)?;
        if !resolved.unmet.is_empty() {
            close(cgroups);
            return Err(unmet(resolved.unmet.into_iter().map(Obstacle::from).collect(), &host).into());
        }
        // A thread may hold two slots: its own, and the common one of tests that share a sandbox.
        let slots = 1 + usize::from(settings.share_some());
        let each = slots * Slot::descriptors(&cgroups);
        let inside = Inside::of(others.iter().chain([&resolved.template]));
        let room = match Room::within(max_descriptors, each, inside, settings.execution.jobs.value) {
            Ok(room) => room,
            Err(error) => {
                close(cgroups);
                return Err(error);
            }
        };
        let limits = settings.test.limits.limits();
        if let Some(error) = unlimited(&mut cgroups, &limits, &host) {
            close(cgroups);
            return Err(error.into());
        }
        let refused_controls = cgroups.control(&settings.sandbox.controls, &host);
        let mut isolation = resolved.isolation;
        let of_root = roots.each.iter().take(1).flat_map(|rooted| rooted.remarks.clone());
        let remarks = remark(settings).into_iter().chain(of_root).chain(room.remark);
        isolation.remarks.extend(remarks.map(|remark| remark.to_string()));
        let ground = Ground::new(&host, &resolved.template, room.jobs);
        let templates = iter::once(resolved.template).chain(others).map(Arc::new).collect();
        let free_memory = FreeMemory::of_run(&cgroups, &host);
        Ok(Self {
            templates,
            roots: Arc::clone(roots),
            cgroups,
            free_memory,
            isolation,
            ground,
            refused_controls,
            host,
            missing,
            refused_views: refused.clone(),
            jobs: room.jobs,
        })
    }

    /// Returns the first template, which is the only one for a command.
    pub(crate) fn first(&self) -> &Arc<Template> {
        &self.templates[0]
    }

    /// Starts a slot that makes sandboxes from a template.
    ///
    /// # Errors
    /// Step that failed.
    pub(crate) fn slot(&self, template: &Arc<Template>) -> Result<Slot<'_>, SandboxError> {
        let slot = Slot::start(template, &self.cgroups);
        slot.map_err(|source| SandboxError::Setup { template: Some(Arc::clone(template)), source })
    }

    /// Returns the configuration of the container image of the first root.
    pub(crate) fn first_image(&self) -> &Image {
        &self.roots.each[0].image
    }

    /// Returns the isolation of the run, with the remarks on the root of one test or command.
    pub(crate) fn isolation_in(&self, root: &RootWord) -> Isolation {
        let mut isolation = self.isolation.clone();
        let of_run = &self.roots.each[0];
        let own = self.roots.each.iter().find(|rooted| rooted.word.value == *root);
        if let Some(own) = own.filter(|own| own.word.value != of_run.word.value) {
            let of_run: Vec<_> = of_run.remarks.iter().map(ToString::to_string).collect();
            isolation.remarks.retain(|remark| !of_run.contains(remark));
            isolation.remarks.extend(own.remarks.iter().map(ToString::to_string));
        }
        isolation
    }

    /// Returns the template in which `binary` is asked for its tests, and the configuration of the container image of
    /// its root.
    pub(crate) fn to_ask(&self, binary: &Arc<TestBinary>) -> (Arc<Template>, Arc<Image>) {
        let root = self.roots.asked_in(binary);
        (Arc::clone(&self.templates[root]), Arc::clone(&self.roots.each[root].image))
    }

    /// Returns the metrics that the cgroup of an attempt counts.
    pub(crate) fn counted(&self) -> Vec<Capability> {
        Capability::ALL.into_iter().filter(|metric| self.cgroups.serves(*metric)).collect()
    }

    /// Returns the reasons why this host cannot enforce budgets of these metrics: a metric that is not measured, or a
    /// limit that is not enforced. Empty if there are none; metrics that were switched off are not the host's matter.
    pub(crate) fn unbudgetable(&self, metrics: &[Capability]) -> Vec<Obstacle> {
        let states = self.isolation.states.iter().filter(|(capability, _)| metrics.contains(capability));
        let unmeasured = states.filter_map(|(capability, state)| match state {
            State::InForce | State::Off => None,
            State::Missing(reason) => Some((*capability, reason.clone())),
        });
        let refused = self.refused_controls.iter().map(|(control, why)| (figure(*control), why.clone()));
        let refused = refused.filter(|(capability, _)| metrics.contains(capability));
        let mut obstacles: Vec<Obstacle> = Vec::new();
        for obstacle in unmeasured.chain(refused).map(Obstacle::from) {
            if obstacles.iter().all(|other| other.capability != obstacle.capability) {
                obstacles.push(obstacle);
            }
        }
        obstacles
    }

    /// Turns the failure of a sandbox into an error with all refused capabilities, if any is refused.
    fn explained(error: Error) -> Error {
        let Some(SandboxError::Setup { template: Some(template), source }) = error.of_area() else {
            return error;
        };
        let refusals = trial::refusals(template, source);
        match probe::host() {
            Ok(host) if !refusals.is_empty() => {
                unmet(refusals.into_iter().map(Obstacle::from).collect(), &host).into()
            }
            _ => error,
        }
    }
}

/// Directories for which the kernel refused a copy-on-write view, with its reason.
#[derive(Debug, Clone, Default)]
pub(crate) struct RefusedViews(Vec<(PathBuf, String)>);

impl RefusedViews {
    /// Returns the refused view that `error` is about, unless there is none, or it is known.
    fn view(&self, error: &Error) -> Option<(PathBuf, String)> {
        let Some(SandboxError::Setup { template: Some(template), source }) = error.of_area() else {
            return None;
        };
        let path = template.refused_view(source)?;
        let view = (path.to_path_buf(), io::Error::from_raw_os_error(source.errno).to_string());
        (!self.0.contains(&view)).then_some(view)
    }

    /// Returns the failure of a sandbox as an error if it is about a refused view that is not known yet, so that
    /// another attempt can be made without the view.
    pub(crate) fn news(&self, template: &Template, source: &StepError) -> Option<Error> {
        let template = Some(Arc::new(template.clone()));
        let error = SandboxError::Setup { template, source: source.clone() }.into();
        self.view(&error).is_some().then_some(error)
    }
}

/// Calls `attempt` with the refused copy-on-write views until the kernel refuses no further one: the next attempt
/// does without the view.
///
/// # Errors
/// Errors of `attempt` about anything else.
pub(crate) fn without_refused_views<T>(
    attempt: impl Fn(&RefusedViews) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut refused = RefusedViews::default();
    loop {
        let done = attempt(&refused);
        match done.as_ref().err().and_then(|error| refused.view(error)) {
            Some(view) => refused.0.push(view),
            None => return done,
        }
    }
}

/// Returns the remedies for obstacles on this host.
///
/// # Errors
/// When the host cannot be read.
pub(crate) fn remedies(obstacles: &[Obstacle]) -> Result<Vec<Remedy>, HostError> {
    let host = probe::host().map_err(HostError::System)?;
    let surroundings = probe::surroundings(&host);
    Ok(remedy::remedies(obstacles, Place { surroundings: &surroundings, cgroups: &host.cgroups }))
}

fn unmet(obstacles: Vec<Obstacle>, host: &Host) -> SandboxError {
    let surroundings = probe::surroundings(host);
    let remedies =
        remedy::remedies(&obstacles, Place { surroundings: &surroundings, cgroups: &host.cgroups });
    SandboxError::CannotIsolate { obstacles, remedies }
}

/// Reads the host and creates cgroups. Where metrics are missing, asks systemd for a delegated cgroup.
fn established(wanted: &[Capability]) -> Result<(Host, Established), Error> {
    let host = probe::host().map_err(HostError::System)?;
    let established = Cgroups::establish(&host, wanted);
    if !scope::may_help(&host, &established.missing) {
        return Ok((host, established));
    }
    close(established.cgroups);
    let entered = scope::enter(host.ids.uid);
    let host = probe::host().map_err(HostError::System)?;
    let mut established = Cgroups::establish(&host, wanted);
    if let Err(why) = entered {
        for (_, reason) in &mut established.missing {
            reason.push_str("; systemd delegated no cgroup: ");
            reason.push_str(&why);
        }
    }
    Ok((host, established))
}

/// Root with its views of the host.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    root: &'a Root,
    views: Views,
}

impl<'a> Shown<'a> {
    /// Creates the views of the host for a root.
    pub(crate) fn new(
        sandbox: &SandboxSettings,
        test: &TestSettings,
        rooted: &'a Rooted,
        invocation: &Invocation,
    ) -> Self {
        Self { root: &rooted.root, views: views(sandbox, test, rooted, invocation) }
    }
}

/// Facts for which templates are resolved.
struct Facts<'a> {
    host: &'a Host,
    cgroups: &'a Cgroups,
    missing: &'a [(Capability, String)],
    refused: &'a RefusedViews,
    jobs: usize,
}

impl Facts<'_> {
    fn resolve(&self, sandbox: &SandboxSettings, test: &TestSettings, shown: &Shown<'_>) -> Resolved {
        let Shown { root, views } = shown;
        let cgroup_views = self.cgroups.views();
        let request = Request {
            policy: &test.policy,
            root,
            views,
            network: network(test.network.value),
            trace_missing: sandbox.trace_missing.value,
            jobs: self.jobs,
            cgroups: self.cgroups.figures(&cgroup_views, self.missing),
        };
        let mut cow_sources = cow_sources::read(&views.copy_on_write, self.host);
        cow_sources.refused.clone_from(&self.refused.0);
        plan::resolve(&request, &Host { cow_sources, ..self.host.clone() })
    }
}

/// Host, cgroups and templates resolved for them.
#[derive(Debug)]
pub(crate) struct Decided {
    /// Maximum number of open files of this process.
    max_descriptors: u64,
    /// Host on which the templates are resolved.
    pub(crate) host: Host,
    /// Cgroups of the run, which the owner must close.
    pub(crate) cgroups: Cgroups,
    /// Capabilities that are wanted and unavailable, with the reasons: metrics, and namespaces that were tried.
    missing: Vec<(Capability, String)>,
    /// Resolution for the first root.
    pub(crate) resolved: Resolved,
    /// Templates for further roots, which differ in files only.
    pub(crate) others: Vec<Template>,
}

impl Decided {
    /// Lifts the limits of this process as far as allowed, reads the host, creates cgroups and resolves the
    /// templates. Every sandbox of this program begins here.
    ///
    /// # Errors
    /// When the host cannot be read.
    pub(crate) fn resolve(
        settings: &Settings,
        jobs: usize,
        shown: &[Shown<'_>],
        refused: &RefusedViews,
    ) -> Result<Self, Error> {
        let Some((first, others)) = shown.split_first() else {
            return Err(SelectionError::NoTests {
                filtered: 0,
                not_default: 0,
                ignored: 0,
                doctests: Vec::new(),
                meant: None,
            }
            .into());
        };
        // The descriptor limit is raised only now: programs that cargo executes keep the limit of the caller.
        let max_descriptors = descriptors::raise().map_err(HostError::System)?;
        root_limits::lift().map_err(HostError::System)?;
        let Settings { sandbox, test, .. } = settings;
        let wanted: Vec<_> = Capability::ALL
            .into_iter()
            .filter(|capability| capability.is_metric() && test.policy.level(*capability) != Level::Off)
            .collect();
        let (host, Established { mut cgroups, mut missing }) = established(&wanted)?;
        // Controllers are enabled before the cgroup views are decided. Refusals are reported when limits are set.
        for controls in [&test.limits.limits().controls(), &sandbox.controls] {
            cgroups.control(controls, &host);
        }
        let resolve = |shown: &Shown<'_>, missing: &[(Capability, String)]| {
            Facts { host: &host, cgroups: &cgroups, missing, refused, jobs }.resolve(sandbox, test, shown)
        };
        let mut resolved = resolve(first, &missing);
        // Required capabilities are tried by the first sandbox.
        let preferred = Capability::ALL.map(|capability| (capability, test.policy.level(capability)));
        let preferred = preferred.into_iter().filter(|(_, level)| *level == Level::Prefer);
        let preferred: Vec<_> = preferred.map(|(capability, _)| capability).collect();
        let absent = trial::refused_namespaces(&resolved.template, &preferred);
        if !absent.is_empty() {
            missing.extend(absent.into_iter().map(|refusal| (refusal.capability, refusal.error.to_string())));
            resolved = resolve(first, &missing);
        }
        let others = others.iter().map(|shown| resolve(shown, &missing).template).collect();
        Ok(Self { max_descriptors, host, cgroups, missing, resolved, others })
    }
}

/// Returns the error for limits that cannot be set; `None` if all limits can be set.
fn unlimited(cgroups: &mut Cgroups, limits: &Limits, host: &Host) -> Option<SandboxError> {
    let of_cgroups = cgroups.prepare_limits(limits, host);
    cannot_limit(cgroups, of_cgroups, bounds::unmet(&limits.process), host)
}

/// Returns the error for limits of cgroups and of processes that cannot be set; `None` without any.
fn cannot_limit(
    cgroups: &Cgroups,
    of_cgroups: Vec<(Control, String)>,
    of_processes: Vec<(String, String)>,
    host: &Host,
) -> Option<SandboxError> {
    // If the controller is available, the kernel refuses the value: a better host would not help.
    let lacking = of_cgroups.iter().filter(|(control, _)| !cgroups.can(*control));
    let lacking: Vec<_> = lacking.map(|(control, why)| (figure(*control), why.clone()).into()).collect();
    // The user's systemd manager has delegated all controllers that it has: asking it again would not help.
    let surroundings = Surroundings { user_manager: false, ..probe::surroundings(host) };
    let remedies = remedy::remedies(&lacking, Place { surroundings: &surroundings, cgroups: &host.cgroups });
    let of_cgroups = of_cgroups.into_iter().map(|(control, why)| (control.as_str().to_owned(), why));
    let unmet: Vec<_> = of_cgroups.chain(of_processes).collect();
    (!unmet.is_empty()).then_some(SandboxError::CannotLimit { unmet, remedies })
}

/// Returns the metric of the controller of a limit.
const fn figure(control: Control) -> Capability {
    match control {
        Control::Memory => Capability::Memory,
        Control::Pids => Capability::Pids,
        Control::Cpu => Capability::Cpu,
        Control::Io => Capability::Io,
    }
}

/// Removes the cgroups of the run, and warns if any is left.
pub(crate) fn close(cgroups: Cgroups) {
    if let Err(why) = cgroups.close() {
        // A closed standard error is no reason to fail.
        let _ = writeln!(
            anstream::stderr(),
            "{STYLE}warning{STYLE:#}: cgroups of this run could not be removed: {why}; the next run in the same cgroup \
             removes them",
            STYLE = style::WARNING
        );
    }
}

const fn network(typed: cli::Network) -> Network {
    match typed {
        cli::Network::Loopback => Network::Loopback,
        cli::Network::Own => Network::Own,
        cli::Network::Host => Network::Host,
        cli::Network::None => Network::Down,
    }
}

/// Returns the remark on tests that update files.
fn remark(settings: &Settings) -> Option<Remark> {
    Some(match settings.sandbox.update? {
        Update::Written(variable) => {
            let max_fail = settings.execution.max_fail.value.failures.is_some();
            Remark::Updates { variable, retries: settings.retry_some(), max_fail }
        }
        Update::Discarded(variable) if settings.keep_some() => Remark::UpdatesKeptInPart(variable),
        Update::Discarded(variable) => Remark::UpdatesDiscarded(variable),
    })
}

/// Returns the views of the host: directories that tests write to under `cargo test`, binds, and directories named by the
/// environment. Missing paths are left out.
fn views(sandbox: &SandboxSettings, test: &TestSettings, rooted: &Rooted, invocation: &Invocation) -> Views {
    let variable = |name| invocation.variable(name).map(Path::new).filter(|path| path.is_absolute());
    let bound = |access| {
        let binds = test.binds.iter().filter(move |bind| bind.value.access == access);
        binds.map(|bind| bind.value.path.as_path())
    };
    let (binds, writable) = (bound(BindAccess::ReadOnly), bound(BindAccess::ReadWrite));
    let keeps = test.keeps.iter().map(|keep| keep.value.as_path());
    let copied = rooted.directories.iter().map(PathBuf::as_path);
    let copied: Vec<_> = copied.chain(bound(BindAccess::CopyOnWrite)).collect();
    let (temporary, runtime) = (variable("TMPDIR"), variable("XDG_RUNTIME_DIR"));
    let built = real(rooted.built.iter().map(PathBuf::as_path));
    // An empty directory in its place would hide the tests; what is written there is thrown away all the same.
    let holds_tests = |path: &PathBuf| built.iter().any(|built| path.starts_with(built));
    let named = copied.iter().copied().chain(binds.clone()).chain(writable.clone()).chain(keeps.clone());
    let (devices, kept) = real(writable.chain(keeps)).into_iter().partition(|path| is_of_devices(path));
    Views {
        links: links(named.chain(temporary).chain(runtime)),
        copy_on_write: real(copied.into_iter()),
        temporary: real(temporary.into_iter()).into_iter().filter(|path| !holds_tests(path)).collect(),
        runtime: real(runtime.into_iter()).pop(),
        missing_home: rooted.missing_home.clone(),
        read_only: real(binds),
        kept,
        devices,
        copied_within: real(sandbox.copied_within.iter().map(PathBuf::as_path)),
        evidence: sandbox.evidence.clone(),
    }
}

/// Returns whether a path is a device, or a directory of devices, which those below `/dev/shm` are not.
fn is_of_devices(path: &Path) -> bool {
    let kind = fs::metadata(path).map(|meta| meta.file_type());
    kind.is_ok_and(|kind| {
        kind.is_char_device()
            || kind.is_block_device()
            || kind.is_dir() && path.starts_with("/dev") && !path.starts_with("/dev/shm")
    })
}

fn links<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for link in paths.flat_map(links::on_the_way_to) {
        if !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

fn real<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<PathBuf> {
    let mut real: Vec<PathBuf> = Vec::new();
    for path in paths.filter_map(|path| fs::canonicalize(path).ok()) {
        if !real.contains(&path) {
            real.push(path);
        }
    }
    real
}
