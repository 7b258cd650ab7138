//! The probe, executed inside sandboxes and, for control, outside.

use crate::observed::{Attempt, Running, Seen};
use crate::probe_binary::{find_probe, probe};
use isotest_core::cgroup::Cgroups;
use isotest_core::host::{self, Host};
use isotest_core::limits::{Control, Limits};
use isotest_core::plan::{
    self, Network, Request, Resolved, Root, SandboxPlan, Template, Timeout, Views, Workload,
};
use isotest_core::policy::{Capability, Policy};
use isotest_core::sandbox::{Cancel, Slot};
use libtest_mimic::Failed;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Barrier, RwLock};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What all trials share.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) host: Host,
    pub(crate) cgroups: Cgroups,
    missing: Vec<(Capability, String)>,
    pub(crate) probe: PathBuf,
    /// Written to by trials that want to be alone, read by the others.
    pub(crate) order: RwLock<()>,
}

/// What one sandbox is asked for; everything not set is as in a run without options.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) program: PathBuf,
    pub(crate) root: Root,
    pub(crate) views: Views,
    pub(crate) network: Network,
    pub(crate) trace_missing: bool,
    pub(crate) common: bool,
    pub(crate) limits: Limits,
    pub(crate) timeout: Option<Duration>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) directory: PathBuf,
    pub(crate) measured: bool,
}

impl Suite {
    /// Looks at the host, makes the run's cgroups, and builds the probe.
    pub(crate) fn prepare() -> Result<Self, Failed> {
        Self::with_cgroups(probe()?)
    }

    /// The same in a supervisor that this suite starts.
    pub(crate) fn of_a_supervisor() -> Result<Self, Failed> {
        Self::with_cgroups(find_probe()?)
    }

    fn with_cgroups(probe: PathBuf) -> Result<Self, Failed> {
        let host = host::probe::host()?;
        let metrics: Vec<_> = Capability::ALL.into_iter().filter(|metric| metric.is_metric()).collect();
        let established = Cgroups::establish(&host, &metrics);
        let (mut cgroups, missing) = (established.cgroups, established.missing);
        // What cannot be had is what some trials do not apply for.
        let _ = cgroups.control(&Control::ALL, &host);
        Ok(Self { host, cgroups, missing, probe, order: RwLock::new(()) })
    }

    /// The same in a supervisor that need not measure.
    pub(crate) fn without_cgroups() -> Result<Self, Failed> {
        let host = host::probe::host()?;
        let (cgroups, missing) = (Cgroups::default(), Vec::new());
        Ok(Self { host, cgroups, missing, probe: find_probe()?, order: RwLock::new(()) })
    }

    /// Says what the trials are decided by.
    #[expect(clippy::print_stderr, reason = "what was not measured must be seen")]
    pub(crate) fn describe(&self) {
        let layout = self.cgroups.layout().unwrap_or("none");
        eprintln!("uid {}, cgroups {layout}, probe {}", self.host.ids.uid, self.probe.display());
        for (metric, reason) in &self.missing {
            eprintln!("not measured: {metric}: {reason}");
        }
    }

    /// Leaves the host's cgroups as they were.
    pub(crate) fn close(self) -> Result<(), String> {
        self.cgroups.close()
    }

    pub(crate) fn is_root(&self) -> bool {
        self.host.ids.uid == 0
    }

    /// Why a metric cannot be had.
    pub(crate) fn why_missing(&self, metric: Capability) -> String {
        let reason = self.missing.iter().find(|(missing, _)| *missing == metric);
        reason
            .map_or_else(|| format!("{metric} is not measured"), |(_, reason)| format!("{metric}: {reason}"))
    }

    /// Whether [`Suite::scratch`] is on a block device.
    pub(crate) fn block_device(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        // Anonymous devices, those of tmpfs, overlay and network file systems, have the major number 0.
        self.scratch().and_then(|scratch| Ok(fs::metadata(scratch.path())?.dev() >> 8 != 0)).unwrap_or(false)
    }

    /// A new directory of the caller's own on the host, outside of `/tmp` if there is such a place.
    #[expect(clippy::unused_self, reason = "what trials need comes from the suite")]
    pub(crate) fn scratch(&self) -> io::Result<TempDir> {
        let made = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        made.or_else(|_| tempfile::tempdir())
    }

    /// The probe without any options.
    pub(crate) fn wish(&self) -> Wish {
        Wish {
            program: self.probe.clone(),
            root: Root::Host,
            views: Views::default(),
            network: Network::Loopback,
            trace_missing: false,
            common: false,
            limits: Limits::default(),
            timeout: None,
            environment: vec![("ISOTEST".into(), "1".into()), ("PATH".into(), "/usr/bin:/bin".into())],
            directory: "/".into(),
            measured: true,
        }
    }

    /// What a zygote prepares for this wish.
    pub(crate) fn template(&self, wish: &Wish) -> Template {
        let template = self.resolved(wish).template;
        if wish.common { template.in_common() } else { template }
    }

    /// What is decided for this wish.
    pub(crate) fn resolved(&self, wish: &Wish) -> Resolved {
        let mut views = wish.views.clone();
        // A probe in a temporary directory would be covered by the attempt's own.
        views.read_only.push(self.probe.clone());
        let cgroups = self.cgroups.views();
        let request = Request {
            policy: &Policy::default(),
            root: &wish.root,
            views: &views,
            network: wish.network,
            trace_missing: wish.trace_missing,
            jobs: 2,
            cgroups: self.cgroups.figures(&cgroups, &self.missing),
        };
        let cow_sources = host::cow_sources::read(&views.copy_on_write, &self.host);
        plan::resolve(&request, &Host { cow_sources, ..self.host.clone() })
    }

    /// A zygote for the calling thread.
    pub(crate) fn slot(&self, template: &Template) -> Result<Slot<'_>, Failed> {
        Ok(Slot::start(&Arc::new(template.clone()), &self.cgroups)?)
    }

    /// The probe inside, with everything as in a run without options.
    pub(crate) fn inside(&self, arguments: &[&str]) -> Result<Attempt, Failed> {
        self.inside_with(&self.wish(), arguments)
    }

    /// One attempt in a slot of its own.
    pub(crate) fn inside_with(&self, wish: &Wish, arguments: &[&str]) -> Result<Attempt, Failed> {
        let template = self.template(wish);
        wish.attempt(&mut self.slot(&template)?, arguments)
    }

    /// One attempt for each list of arguments, all at the same time, and for how long all of them ran together.
    pub(crate) fn at_once<const N: usize>(
        &self,
        wish: &Wish,
        arguments: [&[&str]; N],
    ) -> Result<([Attempt; N], Duration), Failed> {
        let together = Barrier::new(N);
        let template = self.template(wish);
        let one = |arguments: &[&str]| -> Result<_, Failed> {
            let slot = self.slot(&template);
            together.wait();
            let start = Instant::now();
            let attempt = wish.attempt(&mut slot?, arguments)?;
            Ok((start, attempt, Instant::now()))
        };
        let all: Vec<_> = thread::scope(|scope| {
            let threads = arguments.map(|arguments| scope.spawn(|| one(arguments)));
            threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")).collect()
        });
        let mut attempts = Vec::new();
        // Each ran for its wall time at some time between its start and its end.
        let (mut latest_birth, mut earliest_end) = (None, None);
        for one in all {
            let (start, attempt, end) = one??;
            let wall = attempt.ending()?.wall;
            latest_birth = latest_birth.max(end.checked_sub(wall));
            earliest_end = [earliest_end, Some(start + wall)].into_iter().flatten().min();
            attempts.push(attempt);
        }
        let together =
            latest_birth.zip(earliest_end).map(|(birth, end)| end.saturating_duration_since(birth));
        let attempts = attempts.try_into().map_err(|_| "an attempt is missing")?;
        Ok((attempts, together.unwrap_or_default()))
    }

    /// Whether attempts that last for a given number of milliseconds, as text, ran together for as long as `wanted`,
    /// which `ran_together` tells. On a slow machine they must last longer for that.
    #[expect(clippy::unused_self, reason = "it belongs beside `at_once`")]
    pub(crate) fn at_once_for(
        &self,
        wanted: Duration,
        mut ran_together: impl FnMut(&str) -> Result<Duration, Failed>,
    ) -> Result<bool, Failed> {
        for pause in ["1000", "4000", "16000"] {
            if ran_together(pause)? >= wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The probe on the host.
    pub(crate) fn outside(&self, arguments: &[&str]) -> Result<Seen, Failed> {
        Seen::run(Command::new(&self.probe).args(arguments))
    }

    /// The probe on the host, running until the result is dropped; returns when it has printed its first line.
    pub(crate) fn running_outside(&self, arguments: &[&str]) -> Result<Running, Failed> {
        Running::start(Command::new(&self.probe).args(arguments))
    }
}

impl Wish {
    /// The same, for another program.
    pub(crate) fn program(self, program: &str) -> Self {
        Self { program: program.into(), ..self }
    }

    /// What is to be done.
    pub(crate) fn plan(&self, arguments: &[&str]) -> SandboxPlan {
        SandboxPlan {
            workload: Workload {
                program: self.program.clone(),
                arguments: arguments.iter().map(OsString::from).collect(),
                environment: self.environment.clone(),
                directory: self.directory.clone(),
            },
            timeout: self.timeout.map(Timeout::new),
            limits: self.limits.clone(),
            measured: self.measured,
            inherit_stdio: false,
            interactive: None,
            leak_grace: SandboxPlan::LEAK_GRACE,
            output_bytes: 1 << 20,
        }
    }

    /// One attempt.
    pub(crate) fn attempt(&self, slot: &mut Slot<'_>, arguments: &[&str]) -> Result<Attempt, Failed> {
        let record = slot.execute(&self.plan(arguments), &Cancel::new()?).ok_or("it was cancelled")?;
        // Whatever a workload does, the accounts of what nobody moved agree.
        assert_eq!(record.suspect, None, "{arguments:?}");
        Ok(Attempt::new(format!("inside, {} {arguments:?}", self.program.display()), record))
    }
}
