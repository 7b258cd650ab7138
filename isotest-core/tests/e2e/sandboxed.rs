//! The probe, executed inside sandboxes and, for control, outside.

use isotest_core::cgroup::Cgroups;
use isotest_core::host::{self, Host};
use isotest_core::outcome::{Ending, Exit, Outcome};
use isotest_core::plan::{self, Limits, Network, Request, SandboxPlan, Template, Views, Workload};
use isotest_core::policy::{Capability, Policy};
use isotest_core::record::Record;
use isotest_core::sandbox::{Cancel, Slot};
use libtest_mimic::Failed;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::ops::Deref;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Barrier, RwLock};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};
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
    pub(crate) views: Views,
    pub(crate) network: Network,
    pub(crate) limits: Limits,
    pub(crate) timeout: Option<Duration>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) directory: PathBuf,
    pub(crate) measured: bool,
}

impl Suite {
    /// Looks at the host, makes the run's cgroups, and builds the probe.
    pub(crate) fn prepare() -> Result<Self, Failed> {
        let host = host::probe::host()?;
        let metrics: Vec<_> = Capability::ALL.into_iter().filter(|metric| metric.is_metric()).collect();
        let established = Cgroups::establish(&host, &metrics);
        let (cgroups, missing) = (established.cgroups, established.missing);
        Ok(Self { host, cgroups, missing, probe: probe()?, order: RwLock::new(()) })
    }

    /// The same in a process that need not measure.
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
    pub(crate) fn close(self) -> io::Result<()> {
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
            views: Views::default(),
            network: Network::Loopback,
            limits: Limits::default(),
            timeout: None,
            environment: vec![("ISOTEST".into(), "1".into()), ("PATH".into(), "/usr/bin:/bin".into())],
            directory: "/".into(),
            measured: true,
        }
    }

    /// What a zygote prepares for this wish.
    pub(crate) fn template(&self, wish: &Wish) -> Template {
        let mut views = wish.views.clone();
        // A probe in a temporary directory would be covered by the attempt's own.
        views.read_only.push(self.probe.clone());
        let cgroups = self.cgroups.views();
        let request = Request {
            policy: &Policy::default(),
            views: &views,
            network: wish.network,
            jobs: 2,
            cgroups: self.cgroups.figures(&cgroups, &self.missing),
        };
        plan::resolve(&request, &self.host).template
    }

    /// A zygote for the calling thread.
    pub(crate) fn slot<'s>(&'s self, template: &'s Template) -> Result<Slot<'s>, Failed> {
        Ok(Slot::start(template, &self.cgroups)?)
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

    /// The probe on the host.
    pub(crate) fn outside(&self, arguments: &[&str]) -> Result<Seen, Failed> {
        Seen::of(Command::new(&self.probe).args(arguments))
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
            timeout: self.timeout,
            limits: self.limits,
            measured: self.measured,
            inherit_stdio: false,
            output_bytes: 1 << 20,
        }
    }

    /// One attempt.
    pub(crate) fn attempt(&self, slot: &mut Slot<'_>, arguments: &[&str]) -> Result<Attempt, Failed> {
        let record = slot.execute(&self.plan(arguments), &Cancel::new()?).ok_or("it was cancelled")?;
        let not_isolated = match &record.outcome {
            Outcome::NotIsolated(error) => error.to_string().into_bytes(),
            _ => Vec::new(),
        };
        let seen = Seen {
            what: format!("inside, {} {arguments:?}", self.program.display()),
            exit: record.ending.as_ref().map(|ending| ending.exit),
            stdout: [record.stdout.head.as_slice(), &record.stdout.tail].concat(),
            stderr: [record.stderr.head.as_slice(), &record.stderr.tail, &not_isolated].concat(),
        };
        Ok(Attempt { seen, record })
    }
}

/// What a probe did and said.
#[derive(Debug)]
pub(crate) struct Seen {
    what: String,
    pub(crate) exit: Option<Exit>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// What a probe did and said inside, and what was recorded of it.
#[derive(Debug)]
pub(crate) struct Attempt {
    seen: Seen,
    pub(crate) record: Record,
}

impl Deref for Attempt {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

impl Attempt {
    pub(crate) fn ending(&self) -> Result<&Ending, Failed> {
        let outcome = &self.record.outcome;
        self.record.ending.as_ref().ok_or_else(|| format!("{}: {outcome:?}", self.what).into())
    }

    /// Fails unless this is the verdict.
    pub(crate) fn outcome(&self, expected: &Outcome) -> Result<(), Failed> {
        if self.record.outcome == *expected { Ok(()) } else { Err(self.unlike(&format!("{expected:?}"))) }
    }
}

impl Seen {
    /// Executes a command to its end.
    pub(crate) fn of(command: &mut Command) -> Result<Self, Failed> {
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output()?;
        let exit = status.code().map(Exit::Code).or(status.signal().map(Exit::Signal));
        Ok(Self { what: format!("outside, {command:?}"), exit, stdout, stderr })
    }

    /// Fails unless the probe did what it is for.
    pub(crate) fn did(&self) -> Result<&Self, Failed> {
        if self.exit == Some(Exit::Code(0)) { Ok(self) } else { Err(self.unlike("done")) }
    }

    /// Fails unless the system refused with this error.
    pub(crate) fn refused(&self, errno: &str) -> Result<&Self, Failed> {
        let refused = self.exit == Some(Exit::Code(1)) && self.stderr().contains(errno);
        if refused { Ok(self) } else { Err(self.unlike(errno)) }
    }

    /// What it was instead.
    pub(crate) fn unlike(&self, expected: &str) -> Failed {
        let (stdout, stderr) = (String::from_utf8_lossy(&self.stdout), self.stderr());
        format!("{}: expected {expected}, got {:?}\n{stdout}\n{stderr}", self.what, self.exit).into()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The values of all lines with this key.
    pub(crate) fn facts(&self, key: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.stdout);
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).collect()
    }

    /// The value of the line with this key.
    pub(crate) fn fact(&self, key: &str) -> Result<String, Failed> {
        self.facts(key).into_iter().next().ok_or_else(|| self.unlike(&format!("a line `{key}`")))
    }

    /// Every line as key and value.
    pub(crate) fn all_facts(&self) -> BTreeMap<String, String> {
        let text = String::from_utf8_lossy(&self.stdout);
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

/// A process of the host that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running(std::process::Child);

impl Running {
    /// Starts it and waits for its first line.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failed> {
        let mut running = Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
        let mut line = String::new();
        let stdout = running.0.stdout.as_mut().ok_or("no stdout")?;
        io::BufRead::read_line(&mut io::BufReader::new(stdout), &mut line)?;
        if line.is_empty() { Err(format!("{command:?} said nothing").into()) } else { Ok(running) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A path as an argument of a probe.
pub(crate) fn text(path: &Path) -> Result<&str, Failed> {
    path.to_str().ok_or_else(|| format!("`{}` is not UTF-8", path.display()).into())
}

/// Asks again and again, for as long as `patience` lasts.
pub(crate) fn eventually(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// The probe of this build. Cargo, where it is at hand, makes sure that it is there and as new as its sources.
fn probe() -> Result<PathBuf, Failed> {
    let own = env::current_exe()?;
    if let (Some(cargo), Some(directory)) = (env::var_os("CARGO"), built_in(&own)) {
        build_probe(Path::new(&cargo), directory)?;
    }
    find_probe()
}

fn find_probe() -> Result<PathBuf, Failed> {
    let own = env::current_exe()?;
    let mut candidates = [own.parent(), built_in(&own)].into_iter().flatten().map(|path| path.join("probe"));
    let found = candidates.find(|path| path.exists());
    found.ok_or_else(|| "no `probe` beside this program; build it with `cargo build -p probes`".into())
}

/// Where cargo puts programs, if it built this one.
fn built_in(own: &Path) -> Option<&Path> {
    own.parent().filter(|directory| directory.ends_with("deps"))?.parent()
}

fn build_probe(cargo: &Path, directory: &Path) -> Result<(), Failed> {
    let target = directory.parent().ok_or("no target directory")?;
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--package", "probes", "--profile", profile, "--target-dir"])
        .arg(target)
        .arg("--manifest-path")
        .arg(manifest)
        .status()?;
    if status.success() { Ok(()) } else { Err("the probe does not build".into()) }
}
