//! Builds the tests with cargo.

use crate::cargo::artifacts::{self, Built};
use crate::cargo::command_output;
use crate::cargo::error::{CargoError, Stage};
use crate::cargo::metadata::Project;
use crate::cargo::sample::{Configured, Kind, Sample};
use crate::cargo::test_environment::Surroundings;
use crate::cli::CargoArgs;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::phases::timed;
use crate::select::filterset::Known;
use crate::settings::SettingsError;
use crate::testcase::TestBinary;
use crate::threads;
use cargo_metadata::Message;
use isotest_core::reaper::Reaped;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

/// Result of a build.
#[derive(Debug)]
pub(crate) struct Build {
    /// Test binaries, in the order in which `cargo test` runs them.
    pub(crate) binaries: Vec<Arc<TestBinary>>,
    /// Executables of binary targets, which tests may start.
    pub(crate) programs: Vec<PathBuf>,
    /// Directories of the project.
    pub(crate) directories: Directories,
    /// Whether the build has all tests that `cargo test` executes by default.
    pub(crate) is_whole: bool,
    /// Packages with doctests, which isotest does not run.
    pub(crate) untested_documentation: Vec<String>,
    /// Names that filtersets can refer to.
    pub(crate) known: Known,
}

/// Directories of the project, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directories {
    /// Workspace directory.
    pub(crate) workspace: PathBuf,
    /// Package directories with test binaries, usually below the workspace.
    pub(crate) packages: Vec<PathBuf>,
    /// Directories of other local packages that were built: path dependencies, of which tests may read files.
    pub(crate) dependencies: Vec<PathBuf>,
    /// Target directory.
    pub(crate) target: PathBuf,
    /// Build directory for intermediate files; usually the target directory.
    pub(crate) build: PathBuf,
}

/// Project whose tests are not built yet.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Environment and directory of the caller, with `CARGO`.
    invocation: Invocation,
    project: Project,
}

impl Workspace {
    /// Asks cargo for the project.
    pub(crate) fn read(arguments: &CargoArgs, invocation: &Invocation) -> Result<Self, Error> {
        let invocation = with_cargo(invocation)?;
        let project = Project::read(cargo(&invocation), arguments, &invocation)?;
        Ok(Self { invocation, project })
    }

    /// Asks cargo for the project around the working directory, or the one that was named; `None` without a project.
    pub(crate) fn around(arguments: &CargoArgs, invocation: &Invocation) -> Result<Option<Self>, Error> {
        let in_project =
            invocation.directory.ancestors().any(|directory| directory.join("Cargo.toml").is_file());
        let is_some = in_project || arguments.manifest.is_named();
        is_some.then(|| Self::read(arguments, invocation)).transpose()
    }

    /// Returns the directory of the workspace's manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.project.workspace
    }

    /// Returns each crate on which packages of the workspace depend, with the names of these packages.
    pub(crate) fn dependencies(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut dependencies = BTreeMap::<_, BTreeSet<_>>::new();
        for package in self.project.members() {
            for dependency in &package.dependencies {
                dependencies.entry(dependency.name.clone()).or_default().insert(package.name.to_string());
            }
        }
        dependencies
    }

    /// Asks cargo for the settings of the tests in its configuration: for the targets of the build, and for the host,
    /// for which procedural macros are built.
    ///
    /// # Errors
    /// When cargo fails or its answer cannot be parsed.
    pub(crate) fn configured(&self, arguments: &CargoArgs) -> Result<Configured, CargoError> {
        let Self { invocation, project } = self;
        let ask = |kind| Sample::new(cargo(invocation), arguments, invocation, kind, &project.target).ask();
        let mut configured = ask(Kind::Program)?;
        if configured.get(None).is_none() {
            configured.add(ask(Kind::Macro)?);
        }
        Ok(configured)
    }

    /// Returns the directories of the project, without those of packages.
    pub(crate) fn directories(&self) -> Directories {
        let Project { workspace, target, build, .. } = &self.project;
        Directories {
            workspace: workspace.clone(),
            packages: Vec::new(),
            dependencies: Vec::new(),
            target: target.clone().into(),
            build: build.clone().into(),
        }
    }

    /// Builds the tests. `check` compares the names in the settings with those of the project, and returns whether
    /// the dependencies between packages are needed.
    ///
    /// # Errors
    /// When cargo cannot build them, or a filterset names what is not in the project.
    pub(crate) fn build(
        self,
        arguments: &CargoArgs,
        check: impl FnOnce(&Known) -> Result<bool, SettingsError>,
    ) -> Result<Build, Error> {
        self.build_by(compile, arguments, check)
    }

    /// Builds the tests with `compile`.
    pub(crate) fn build_by(
        self,
        compile: Compile,
        arguments: &CargoArgs,
        check: impl FnOnce(&Known) -> Result<bool, SettingsError>,
    ) -> Result<Build, Error> {
        let Self { invocation, mut project } = self;
        let (cargo, invocation) = (cargo(&invocation), &invocation);
        let known = project.known();
        let needs_dependencies = check(&known)?;
        let sample = |kind| Sample::new(cargo, arguments, invocation, kind, &project.target);
        let (built, configured) = thread::scope(|scope| {
            // If no thread can be started, cargo is asked after the build.
            let asked = threads::builder()
                .spawn_scoped(scope, || timed("- sample", || sample(Kind::Program).ask().ok()));
            let built =
                timed("- cargo test", || compile(cargo, arguments, invocation)).map(Built::from_messages);
            (built, asked.ok().and_then(|asked| asked.join().ok()).flatten())
        });
        let built = built?;
        // The query may have failed because a dependency was missing that the build has fetched.
        let mut configured = configured.map_or_else(|| sample(Kind::Program).ask(), Ok)?;
        if built.is_for_host(&project)? && configured.get(None).is_none() {
            configured.add(sample(Kind::Macro).ask()?);
        }
        if needs_dependencies {
            let platforms = configured.platforms(&arguments.compilation.target);
            project = Project::with_related(cargo, arguments, invocation, &platforms)?;
        }
        if built.names_packages_outside(&project) {
            project = Project::with_dependencies(cargo, arguments, invocation)?;
        }
        let surroundings = Surroundings::new(&project, &built.scripts, &configured, invocation);
        let binaries = artifacts::test_binaries(&built, &project, &surroundings)?;
        Ok(Build {
            directories: Directories::new(&project, &binaries, &built.local),
            is_whole: built.is_whole(&project, arguments),
            untested_documentation: built.untested_documentation(&project, arguments),
            programs: built.programs,
            binaries,
            known,
        })
    }
}

fn cargo(invocation: &Invocation) -> &OsStr {
    invocation.variable("CARGO").unwrap_or(OsStr::new("cargo"))
}

impl Directories {
    /// Returns the directories of a command: those of the project, or without one the working directory.
    pub(crate) fn of_command(workspace: Option<&Workspace>, invocation: &Invocation) -> Self {
        let here = invocation.directory.clone();
        match workspace {
            Some(workspace) => Self { packages: vec![here], ..workspace.directories() },
            None => Self {
                workspace: here.clone(),
                packages: Vec::new(),
                dependencies: Vec::new(),
                target: here.clone(),
                build: here,
            },
        }
    }

    fn new(project: &Project, binaries: &[Arc<TestBinary>], local: &BTreeSet<PathBuf>) -> Self {
        let mut packages: Vec<_> = binaries.iter().map(|binary| binary.directory.clone()).collect();
        packages.sort();
        packages.dedup();
        let dependencies = local.iter().filter(|package| !packages.contains(package)).cloned().collect();
        Self {
            workspace: project.workspace.clone(),
            packages,
            dependencies,
            target: project.target.clone().into(),
            build: project.build.clone().into(),
        }
    }
}

/// Adds `CARGO` to the environment, as cargo does for its subcommands. Called without cargo, the path is that of the
/// toolchain, not of rustup's proxy.
fn with_cargo(invocation: &Invocation) -> Result<Invocation, Error> {
    let mut invocation = invocation.clone();
    if invocation.variable("CARGO").is_none() {
        let mut rustc = invocation.question("rustc");
        let sysroot = command_output::answer(
            rustc.args(["--print", "sysroot"]),
            "rustc --print sysroot",
            Stage::Metadata,
        )?;
        let cargo = Path::new(sysroot.trim_end()).join("bin/cargo");
        if cargo.exists() {
            invocation.environment.push(("CARGO".into(), cargo.into()));
        }
    }
    Ok(invocation)
}

/// Function that builds the tests with a cargo and its arguments.
pub(crate) type Compile = fn(&OsStr, &CargoArgs, &Invocation) -> Result<Vec<Message>, CargoError>;

/// Turns the command `cargo` into `cargo test --no-run`.
pub(crate) fn no_run(mut cargo: Command, arguments: &CargoArgs) -> Command {
    cargo.args(["test", "--no-run", "--message-format", "json-render-diagnostics"]);
    cargo.args(arguments.arguments()).stdout(Stdio::piped());
    cargo
}

fn compile(
    cargo: &OsStr,
    arguments: &CargoArgs,
    invocation: &Invocation,
) -> Result<Vec<Message>, CargoError> {
    let program: OsString = cargo.into();
    // A build may take long, and signals are not handled yet.
    let started = Reaped::start(no_run(invocation.reaped_command(cargo), arguments));
    let mut building = started.map_err(|source| CargoError::Start {
        program: program.clone(),
        stage: Stage::Build,
        source,
    })?;
    let messages =
        building.stdout().map_or_else(|| Ok(Vec::new()), |stdout| read_messages(BufReader::new(stdout)));
    let unreadable =
        |source: std::io::Error| CargoError::Answer { program, stage: Stage::Build, source: source.into() };
    let status = building.wait().map_err(unreadable.clone())?;
    if status.success() { messages.map_err(unreadable) } else { Err(CargoError::Build(status)) }
}

/// Parses the output of [`no_run`]. Lines that are no messages go to standard error.
pub(crate) fn read_messages(stdout: impl std::io::BufRead) -> std::io::Result<Vec<Message>> {
    let mut messages = Vec::new();
    for message in Message::parse_stream(stdout) {
        match message? {
            Message::TextLine(line) => writeln!(anstream::stderr(), "{line}")?,
            message => messages.push(message),
        }
    }
    Ok(messages)
}
