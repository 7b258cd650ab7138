//! Set-up that subcommands share: the build, the roots, the sandboxes, and the slots of a run.

use crate::app::budgets::{self, Budgets};
use crate::app::warning::{Warning, warn};
use crate::archive::{self, Opened};
use crate::cargo::build::{Build, Directories, Workspace};
use crate::cargo::platform;
use crate::cli::{Budgets as BudgetMode, BudgetsAction, BudgetsArgs};
use crate::error::{Error, HostError};
use crate::evidence;
use crate::history::Past;
use crate::invocation::Invocation;
use crate::phases;
use crate::registry::Registry;
use crate::report;
use crate::sandboxes::roots;
use crate::sandboxes::run_directory::RunDirectory;
use crate::sandboxes::setup_place::SetupPlace;
use crate::sandboxes::{ForRun, ForTests, Sandboxes};
use crate::schedule::interrupt::{Interrupts, Subject};
use crate::schedule::keyboard::Keyboard;
use crate::schedule::slots::Workers;
use crate::settings::{Command, Process, Said, Settings, SettingsError, Task, TestSettings};
use crate::testcase::TestCase;
use isotest_core::limits::Control;
use isotest_core::sandbox::Cancel;
use std::fs;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

/// Built tests of a project.
#[derive(Debug)]
pub(crate) struct Session {
    /// Result of the build.
    pub(crate) build: Build,
    /// Settings of the project.
    pub(crate) settings: Settings,
    /// Budgets that its test binaries state.
    pub(crate) budgets: Budgets,
    interrupts: Interrupts,
    /// Results of earlier runs from an archive of tests, and the directory of its files.
    archive: Option<(Past, RunDirectory)>,
    setup_place: OnceLock<SetupPlace>,
}

impl Session {
    /// Builds the tests.
    ///
    /// # Errors
    /// When the tests cannot be built.
    pub(crate) fn of_tests(said: Said, invocation: &Invocation) -> Result<Self, Error> {
        let interrupts = Interrupts::take().map_err(HostError::System)?;
        if let Some(path) = said.archive.clone() {
            return Self::of_archive(said, &path, interrupts, invocation);
        }
        phases::begin("metadata");
        let workspace = Workspace::read(&said.cargo, invocation);
        phases::begin("settings");
        let root = workspace.as_ref().ok().map(Workspace::root);
        // Errors of the command line are reported even if the project cannot be read.
        let settings = said.settings_in(root, invocation, |cargo| platform::machine(cargo, invocation))?;
        warn_of(&settings);
        let workspace = workspace?;
        let kept = kept_directories(&settings, &workspace.directories())?;
        phases::begin("build");
        let build = workspace.build(&settings.cargo, |known| settings.check_filtersets(known))?;
        make(&kept)?;
        Self::of_build(build, settings, interrupts)
    }

    /// Opens the tests of an archive.
    fn of_archive(
        said: Said,
        path: &Path,
        interrupts: Interrupts,
        invocation: &Invocation,
    ) -> Result<Self, Error> {
        archive::refuse_cargo(path, &said.cargo)?;
        let Opened { build, past, files, not_applied } =
            archive::open(path, said.workspace_remap.as_deref(), invocation)?;
        let root = build.directories.workspace.clone();
        let settings =
            said.settings_in(Some(&root), invocation, |cargo| platform::machine(cargo, invocation))?;
        warn_of(&settings);
        if !not_applied.is_empty() {
            warn(Warning::NotConfigured(not_applied));
        }
        settings.check_filtersets(&build.known)?;
        make(&kept_directories(&settings, &build.directories)?)?;
        let session = Self::of_build(build, settings, interrupts)?;
        Ok(Self { archive: Some((past, files)), ..session })
    }

    fn of_build(build: Build, settings: Settings, interrupts: Interrupts) -> Result<Self, Error> {
        phases::begin("roots");
        let directories = &build.directories;
        let sources = iter::once(&directories.workspace).chain(&directories.packages);
        let mut settings = settings.for_project(sources, [&directories.target, &directories.build]);
        // Tests that share a process have no figures of their own.
        let is_judged = settings.task == Task::Execute && settings.execution.process == Process::Test;
        let (budgets, controls) = match &settings.task {
            Task::Budgets(BudgetsArgs { action: BudgetsAction::Need, .. }) => {
                (Budgets::default(), vec![Control::Memory])
            }
            Task::Budgets(BudgetsArgs { action: BudgetsAction::List, .. }) => {
                let recorded = budgets::file::read(&directories.workspace)?;
                (Budgets::read(&build.binaries, &recorded, BudgetMode::Report)?, Vec::new())
            }
            Task::ShowConfig { .. } => {
                let recorded = budgets::file::read(&directories.workspace)?;
                (Budgets::read(&build.binaries, &recorded, settings.budgets.value)?, Vec::new())
            }
            _ if is_judged && settings.budgets.value != BudgetMode::Off => {
                let recorded = budgets::file::read(&directories.workspace)?;
                let budgets = Budgets::read(&build.binaries, &recorded, settings.budgets.value)?;
                let controls = budgets.controls();
                (budgets, controls)
            }
            _ => (Budgets::default(), Vec::new()),
        };
        settings.sandbox.controls.extend(controls);
        if settings.task == Task::Execute
            && let Ok(workspace) = fs::canonicalize(&directories.workspace)
        {
            settings.sandbox.evidence = evidence::marks(&workspace);
        }
        Ok(Self { build, settings, budgets, interrupts, archive: None, setup_place: OnceLock::new() })
    }

    /// Returns the results of earlier runs from the archive of the tests, if they are from one.
    pub(crate) fn past_of_archive(&self) -> Option<&Past> {
        self.archive.as_ref().map(|(past, _)| past)
    }

    /// Prepares the roots and the sandboxes, calls `work` with them, and restores the host.
    ///
    /// # Errors
    /// When a root is unavailable, and errors of [`Sandboxes::with`].
    pub(crate) fn with<T>(
        &self,
        invocation: &Invocation,
        work: impl Fn(&Sandboxes) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let roots = Arc::new(roots::of_tests(&self.settings, &self.build, invocation)?);
        phases::begin("cgroups and plan");
        Sandboxes::with(&self.settings, &roots, invocation, work)
    }

    /// Returns the directory for the output of setup scripts, created at the first call.
    ///
    /// # Errors
    /// When the directory cannot be created.
    pub(crate) fn setup_place(&self, invocation: &Invocation) -> Result<&SetupPlace, Error> {
        if self.setup_place.get().is_none() {
            let parent = invocation.variable("TMPDIR").map(Path::new).filter(|path| path.is_absolute());
            let place = SetupPlace::create(parent.unwrap_or(Path::new("/tmp")));
            // The cell is empty: nothing else sets it.
            let _ = self.setup_place.set(place.map_err(|source| HostError::SetupPlace { source })?);
        }
        let gone = || HostError::SetupPlace { source: io::ErrorKind::NotFound.into() };
        Ok(self.setup_place.get().ok_or_else(gone)?)
    }

    /// Finds the template for each of these tests.
    ///
    /// # Errors
    /// Errors of [`Sandboxes::for_tests`].
    pub(crate) fn for_tests<'a>(
        &self,
        sandboxes: &Sandboxes,
        invocation: &Invocation,
        tests: impl IntoIterator<Item = (&'a TestCase, &'a Arc<TestSettings>)>,
    ) -> Result<ForTests, Error> {
        sandboxes.for_tests(ForRun { settings: &self.settings, invocation }, tests)
    }

    /// Returns whether keys are read: where a run has a bar, and no test reads standard input.
    fn has_keys(&self) -> bool {
        let Settings { task, execution, display, message_format, .. } = &self.settings;
        *task == Task::Execute
            && execution.capture.value
            && report::shows_bar(message_format.value, display.show_progress.value)
    }

    /// Starts the slots of a run, which may not be [ready](Workers::ready) yet, and calls `work` with them. The first
    /// signal meanwhile is an event of the slots, the second ends the process.
    ///
    /// # Errors
    /// When a thread is refused, and errors of `work`.
    pub(crate) fn in_slots<T>(
        &self,
        sandboxes: &Sandboxes,
        work: impl FnOnce(&Workers<'_>, &Registry) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let cancel = Cancel::new().map_err(HostError::System)?;
        let registry = Registry::new(sandboxes.jobs.get());
        let keyboard = self.has_keys().then(Keyboard::open).flatten();
        thread::scope(|scope| {
            let (workers, tell) = Workers::start(scope, sandboxes, &cancel, &registry)?;
            let subject =
                Subject { cgroups: &sandboxes.cgroups, registry: &registry, keyboard: keyboard.as_ref() };
            let _watch = self.interrupts.watch(scope, &cancel, subject, tell.clone())?;
            let listening = keyboard.as_ref().map(|keyboard| keyboard.listen(scope, &registry, tell));
            let _listening = listening.transpose()?;
            work(&workers, &registry)
        })
    }
}

/// Returns the missing ones of the directories that tests are to write themselves.
fn kept_directories(settings: &Settings, directories: &Directories) -> Result<Vec<PathBuf>, SettingsError> {
    settings.kept_directories(&[&directories.target, &directories.build])
}

fn make(directories: &[PathBuf]) -> Result<(), HostError> {
    directories.iter().try_for_each(|path| {
        fs::create_dir_all(path).map_err(|source| HostError::KeptDirectory { path: path.clone(), source })
    })
}

/// Warns of settings of cargo-nextest that have no meaning here.
fn warn_of(settings: &Settings) {
    if !settings.left_out.is_empty() {
        warn(Warning::NotTakenOver(settings.left_out.iter().map(ToString::to_string).collect()));
    }
}

/// Session of a command that is no test: in a project, or without one in the working directory. The copy-on-write
/// directories are those of the project or the working directory.
#[derive(Debug)]
pub(crate) struct CommandSession {
    /// Settings of the command.
    pub(crate) settings: Settings,
    directories: Directories,
}

impl CommandSession {
    /// Finds the project around the working directory, and reads its settings.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub(crate) fn open(said: Said, invocation: &Invocation) -> Result<Self, Error> {
        let workspace = Workspace::around(&said.cargo, invocation);
        let root = workspace.as_ref().ok().and_then(Option::as_ref).map(Workspace::root);
        let settings = said.settings_in(root, invocation, |cargo| platform::machine(cargo, invocation))?;
        warn_of(&settings);
        let workspace = workspace?;
        let directories = Directories::of_command(workspace.as_ref(), invocation);
        make(&match workspace {
            Some(_) => kept_directories(&settings, &directories)?,
            None => settings.kept_directories(&[])?,
        })?;
        Ok(Self { settings, directories })
    }

    /// Adds a directory that the sandbox shows, too.
    pub(crate) fn show(&mut self, directory: &Path) {
        self.directories.dependencies.push(directory.to_owned());
    }

    /// Prepares the sandbox of a command, calls `work` with it, and restores the host.
    ///
    /// # Errors
    /// Errors of [`Sandboxes::with`].
    pub(crate) fn with<T>(
        &self,
        command: &Command,
        invocation: &Invocation,
        work: impl Fn(&Sandboxes) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Self { settings, directories } = self;
        let roots = Arc::new(roots::of_command(settings, directories, &command.program, invocation)?);
        Sandboxes::with(settings, &roots, invocation, work)
    }
}
