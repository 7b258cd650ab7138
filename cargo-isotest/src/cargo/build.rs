//! Builds the tests with cargo and says what came of it.

use crate::cargo::artifacts::{self, Built};
use crate::cargo::command_output;
use crate::cargo::configuration::CargoConfig;
use crate::cargo::metadata::Project;
use crate::cargo::standard_library::StandardLibraries;
use crate::cargo::test_environment::Surroundings;
use crate::cli::CargoArgs;
use crate::error::{Error, Stage};
use crate::invocation::Caller;
use crate::testcase::TestBinary;
use cargo_metadata::Message;
use isotest_core::reaper::Reaped;
use std::ffi::{OsStr, OsString};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Everything that was built.
#[derive(Debug)]
pub(crate) struct Build {
    /// The test binaries, in the order in which `cargo test` executes them.
    pub(crate) binaries: Vec<Arc<TestBinary>>,
    /// The programs that were built for them to start.
    pub(crate) programs: Vec<PathBuf>,
    /// The directories that belong to the project.
    pub(crate) directories: Directories,
    /// Packages whose documentation tests `cargo test` would execute, and we do not.
    pub(crate) untested_documentation: Vec<String>,
}

/// The directories that belong to the project, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directories {
    /// The workspace.
    pub(crate) workspace: PathBuf,
    /// The packages with test binaries; most are below the workspace.
    pub(crate) packages: Vec<PathBuf>,
    /// The target directory.
    pub(crate) target: PathBuf,
    /// The directory of intermediate files; as a rule the target directory.
    pub(crate) build: PathBuf,
}

impl Build {
    /// Builds.
    pub(crate) fn of(arguments: &CargoArgs, caller: &Caller) -> Result<Self, Error> {
        Self::by(compile, arguments, caller)
    }

    /// Builds by what is called to do so.
    pub(crate) fn by(compile: Compile, arguments: &CargoArgs, caller: &Caller) -> Result<Self, Error> {
        let caller = &with_cargo(caller)?;
        let cargo = caller.variable("CARGO").unwrap_or(OsStr::new("cargo"));
        let config = &CargoConfig::load(caller, &arguments.manifest.config)?;
        let libraries = &StandardLibraries::of(config, caller);
        let mut project = Project::of(cargo, arguments, caller)?;
        let built = Built::of(compile(cargo, arguments, caller)?);
        if built.names_packages_outside(&project) {
            project = Project::with_dependencies(cargo, arguments, caller)?;
        }
        let surroundings = Surroundings::new(&project, &built.scripts, config, libraries, caller);
        let binaries = artifacts::of(&built, &project, &surroundings)?;
        Ok(Self {
            directories: Directories::of(&project, &binaries),
            untested_documentation: built.untested_documentation(&project, arguments),
            programs: built.programs,
            binaries,
        })
    }
}

impl Directories {
    /// Those of the project we are called in, which is not built; outside of one, the directory we are called in.
    pub(crate) fn around(arguments: &CargoArgs, caller: &Caller) -> Result<Self, Error> {
        let here = caller.directory.clone();
        let in_project = here.ancestors().any(|directory| directory.join("Cargo.toml").is_file());
        if !in_project && !arguments.manifest.is_named() {
            return Ok(Self {
                workspace: here.clone(),
                packages: Vec::new(),
                target: here.clone(),
                build: here,
            });
        }
        let caller = &with_cargo(caller)?;
        let cargo = caller.variable("CARGO").unwrap_or(OsStr::new("cargo"));
        let Project { workspace, target, build, .. } = Project::of(cargo, arguments, caller)?;
        Ok(Self { workspace, packages: vec![here], target: target.into(), build: build.into() })
    }

    fn of(project: &Project, binaries: &[Arc<TestBinary>]) -> Self {
        let mut packages: Vec<_> = binaries.iter().map(|binary| binary.directory.clone()).collect();
        packages.sort();
        packages.dedup();
        Self {
            workspace: project.workspace.clone(),
            packages,
            target: project.target.clone().into(),
            build: project.build.clone().into(),
        }
    }
}

/// The caller, with `CARGO` in its environment. Cargo tells every process it starts where it is. Called without cargo, we
/// find out: behind rustup's proxy of the same name is the one of the toolchain.
fn with_cargo(caller: &Caller) -> Result<Caller, Error> {
    let mut caller = caller.clone();
    if caller.variable("CARGO").is_none() {
        let mut rustc = caller.question("rustc");
        let sysroot = command_output::answer(
            rustc.args(["--print", "sysroot"]),
            "rustc --print sysroot",
            Stage::Metadata,
        )?;
        let cargo = Path::new(sysroot.trim_end()).join("bin/cargo");
        if cargo.exists() {
            caller.environment.push(("CARGO".into(), cargo.into()));
        }
    }
    Ok(caller)
}

/// How the tests are built: by this cargo, with these arguments.
pub(crate) type Compile = fn(&OsStr, &CargoArgs, &Caller) -> Result<Vec<Message>, Error>;

/// What makes of cargo the command that builds.
pub(crate) fn no_run(mut cargo: Command, arguments: &CargoArgs) -> Command {
    cargo.args(["test", "--no-run", "--message-format", "json-render-diagnostics"]);
    cargo.args(arguments.arguments()).stdout(Stdio::piped());
    cargo
}

fn compile(cargo: &OsStr, arguments: &CargoArgs, caller: &Caller) -> Result<Vec<Message>, Error> {
    let program: OsString = cargo.into();
    // It may build for long, and nobody watches for signals yet.
    let started = Reaped::start(no_run(caller.reaped_command(cargo), arguments));
    let mut building =
        started.map_err(|source| Error::Start { program: program.clone(), stage: Stage::Build, source })?;
    let messages =
        building.stdout().map_or_else(|| Ok(Vec::new()), |stdout| read_messages(BufReader::new(stdout)));
    let unreadable =
        |source: std::io::Error| Error::Answer { program, stage: Stage::Build, source: source.into() };
    let status = building.wait().map_err(unreadable.clone())?;
    if status.success() { messages.map_err(unreadable) } else { Err(Error::Build(status)) }
}

/// What [`no_run`] wrote. Whatever is not a message was meant for the user.
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
