//! Settings of the command line and the environment, before the project is known.

use super::config::{self, Config, Files};
use super::display::DisplaySettings;
use super::error::SettingsError;
use super::execution::Execution;
use super::layer::Layer;
use super::overrides::Overrides;
use super::sandbox::SandboxSettings;
use super::setting::{Origin, Setting};
use super::task::{Task, Tool};
use super::test::TestSettings;
use super::update::Update;
use super::{Settings, environment, paths, typed};
use crate::cli::{
    Budgets, CargoArgs, Cli, CourseArgs, LibtestWords, MessageFormat, RunFormat, RunIgnored, Words,
};
use crate::error::Error;
use crate::invocation::Invocation;
use crate::select::Selection;
use crate::values::Machine;
use anstream::ColorChoice;
use std::ffi::OsString;
use std::iter;
use std::mem::take;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings of the command line and the environment, before the project is known.
#[derive(Debug)]
pub(crate) struct Said {
    /// Task of the command.
    pub(crate) task: Task,
    /// Flags that are passed on to cargo.
    pub(crate) cargo: CargoArgs,
    /// Choice of colour; automatic choice depends on the streams.
    pub(crate) color: Setting<ColorChoice>,
    /// Warnings about environment variables that have no effect.
    pub(crate) warnings: Vec<String>,
    /// Path of the archive from which built tests are taken.
    pub(crate) archive: Option<PathBuf>,
    /// Path at which the workspace of an archive is shown, if not at its own path.
    pub(crate) workspace_remap: Option<PathBuf>,
    profile: Option<Setting<String>>,
    files: Files,
    course: CourseArgs,
    /// Arguments that do not select tests, as typed.
    pub(crate) again: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    layer: Layer,
    /// Settings of the configuration file of the calling user.
    user: Layer,
}

impl Said {
    /// Returns the format of messages as far as it is known without a project.
    pub(crate) fn message_format(&self) -> MessageFormat {
        self.layer.message_format.map(|format| format.value).unwrap_or_default().into()
    }

    /// Reads the settings of a command line, of the environment, and of the configuration file of the calling user.
    pub(crate) fn read(cli: Cli, invocation: &Invocation) -> Result<Self, SettingsError> {
        let (task, Words { filters, of_harness }) = Task::from_typed(cli.command, invocation);
        let task = Tool::typed(cli.flags.tools.clone()).map_or(task, Task::Debug);
        let (cargo, course) = (cli.flags.cargo.clone(), cli.flags.course.clone());
        let archive = cli.flags.archive.archive_file.as_ref().map(|path| invocation.absolute(path));
        let workspace_remap =
            cli.flags.archive.workspace_remap.as_ref().map(|path| invocation.absolute(path));
        let again = cli.again;
        let typed = &cli.flags.config;
        let profile = typed::profile(typed).or_else(|| environment::profile(invocation));
        let files = Files {
            own: typed::config_file(typed, invocation).or_else(|| environment::config_file(invocation)),
            nextest: typed::nextest_config(typed, invocation)
                .or_else(|| environment::nextest_config(invocation)),
        };
        let chosen = [
            profile.as_ref().map(|profile| profile.origin),
            files.own.as_ref().map(|file| file.origin),
            files.nextest.as_ref().map(|file| file.origin),
        ];
        let variables = environment::of_one_test(invocation, chosen);
        let words = LibtestWords::read(&of_harness)?;
        let harness = typed::harness(words)?;
        let flags = typed::flags(cli.flags, filters, invocation)?;
        typed::without_contradiction(&flags, &harness)?;
        let layer = Layer::merged([flags, harness, environment::layer(invocation)?]);
        let user = config::user(invocation)?;
        let color = Setting::or(layer.color.or(user.color), ColorChoice::Auto);
        let warnings = environment::unknown(invocation);
        Ok(Self {
            task,
            cargo,
            color,
            warnings,
            archive,
            workspace_remap,
            profile,
            files,
            course,
            again,
            variables,
            layer,
            user,
        })
    }

    /// Returns the settings of a run in a project, or outside of one: these, and below them those of the
    /// configuration files. `machine` is called if the platform for which tests are built matters.
    ///
    /// # Errors
    /// Errors of invalid files, of settings that are invalid or contradict each other, and of `machine`.
    pub(crate) fn settings_in<E>(
        mut self,
        workspace: Option<&Path>,
        invocation: &Invocation,
        machine: impl FnOnce(&CargoArgs) -> Result<Machine, E>,
    ) -> Result<Settings, Error>
    where
        Error: From<E>,
    {
        let mut config = Config::open(&self.files, workspace, &invocation.directory)?;
        let held = config.held(self.profile.as_ref(), self.files.own.as_ref());
        let (left_out, passes_over) = (config.take_left_out(), config.passes_over(&self.files, workspace));
        let mut lower = config.layer(self.profile.take())?;
        if lower.overrides.iter().any(|one| !one.platforms.are_any()) {
            lower.keep_those_of(&machine(&self.cargo)?);
        }
        lower.choose_default_filter();
        let is_attended = !self.task.is_of_tests() && !matches!(self.task, Task::Runner { .. });
        if is_attended || matches!(self.task, Task::Shell { .. } | Task::Debug(_)) {
            // A command that is no test is watched by the person who typed it: it has no time limit of tests.
            lower.test.timeout = None;
            lower.overrides.iter_mut().for_each(|one| one.layer.timeout = None);
            let is_of_tests = |time: &mut Setting<Duration>| matches!(time.origin, Origin::Environment(_));
            let _ = self.layer.test.timeout.take_if(is_of_tests);
        }
        if self.layer.capture.is_some_and(|capture| !capture.value) {
            // With output that is not captured, the tests of several slots could not be told apart at one terminal.
            lower.jobs = None;
        }
        let settings = self.over(lower)?;
        Ok(Settings { held: [Vec::from(held), settings.held].concat(), left_out, passes_over, ..settings })
    }

    /// Returns the settings of a run in which no project counts.
    ///
    /// # Errors
    /// When a setting is invalid, or settings contradict each other.
    pub(crate) fn settings(self) -> Result<Settings, SettingsError> {
        self.over(Layer::default())
    }

    /// Merges these settings with a lower layer, and adds the defaults. The overrides of the lower layer are between
    /// the two.
    pub(super) fn over(self, mut lower: Layer) -> Result<Settings, SettingsError> {
        let Self { task, layer: upper, user, .. } = self;
        let each = take(&mut lower.overrides);
        let (above, below) = (upper.test.clone(), lower.test.clone());
        let mut layer = upper.or(lower).or(user);
        let held = config::held_of_run(&layer);
        let overrides = Overrides::new(above, each, below, layer.levels.clone());
        let jobs = layer.jobs.take().filter(|_| task.is_of_tests()).transpose()?;
        let update = Update::from_layer(&layer, &task);
        let execution = Execution::from_layer(&layer, jobs, &task).for_update(update).checked()?;
        let selection = Selection {
            filters: take(&mut layer.filters),
            skips: take(&mut layer.skips),
            filtersets: take(&mut layer.filtersets),
            ignores_default: Setting::or(layer.ignore_default_filter, false).value,
            exact: Setting::or(layer.exact, false).value,
            ignored: Setting::or(layer.ignored, RunIgnored::default()).value,
            partition: layer.partition.map(|partition| partition.value),
        };
        let test = TestSettings::from_layer(take(&mut layer.test), &layer.levels)?;
        let sandbox = SandboxSettings::from_layer(&layer);
        let sandbox = SandboxSettings { update, controls: overrides.controls(), ..sandbox };
        paths::needed(&test.root, task.is_sandboxed() && !self.course.no_run)?;
        sandbox.checked(iter::once(&test.root).chain(overrides.roots()))?;
        let display = DisplaySettings::from_layer(&layer.display);
        Ok(Settings {
            task,
            cargo: self.cargo,
            selection,
            execution,
            sandbox,
            test,
            history: Setting::or(layer.history, true),
            held,
            overrides,
            default_filter: layer.default_filter,
            left_out: Vec::new(),
            passes_over: false,
            groups: layer.groups,
            memory_aware: Setting::or(layer.memory_aware, true),
            budgets: Setting::or(layer.budgets, Budgets::default()),
            course: self.course,
            display,
            again: self.again,
            variables: self.variables,
            message_format: Setting::or(layer.message_format, RunFormat::default()),
            reports: layer.reports,
            redact: layer.redact.into_iter().map(|name| name.value).collect(),
            color: Setting::or(layer.color, ColorChoice::Auto),
        })
    }
}
