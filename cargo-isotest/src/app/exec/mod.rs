//! `exec`: executes a command that is no test, in a sandbox like a test's and attended by the caller.

mod interact;
mod screen;
mod signals;

use crate::app::session::CommandSession;
use crate::error::{Error, HostError};
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::registry::{AttemptId, Listener, Registry, Started};
use crate::report::{self, OutputError, Target};
use crate::sandboxes::Sandboxes;
use crate::sandboxes::error::SandboxError;
use crate::sandboxes::missing_paths;
use crate::sandboxes::roots;
use crate::schedule::slot_environment;
use crate::settings::{Command, Said, Settings};
use crate::verdict::{Rules, Testimony, Verdict, judge};
use anstream::AutoStream;
use isotest_core::limits::Limits;
use isotest_core::outcome::{self, Outcome};
use isotest_core::plan::{Interactive, SandboxPlan, Template, Timeout, Workload};
use isotest_core::record::Record;
use isotest_core::sandbox::{Attempt, Running};
use nix::sys::resource::{Resource, setrlimit};
use signals::Signals;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// Executes the command in a sandbox whose copy-on-write directories are those of the project, or without a project
/// the working directory.
///
/// # Errors
/// When the command cannot be executed.
pub(crate) fn execute(command: &Command, said: Said, invocation: &Invocation) -> Result<End, Error> {
    let usage = command.usage_json.as_deref().map(UsageFile::create).transpose()?;
    in_session(&CommandSession::open(said, invocation)?, command, usage, invocation)
}

/// Executes the command in the sandbox of a session.
///
/// # Errors
/// When the command cannot be executed.
pub(crate) fn in_session(
    session: &CommandSession,
    command: &Command,
    usage: Option<UsageFile>,
    invocation: &Invocation,
) -> Result<End, Error> {
    let settings = &session.settings;
    let record = session.with(command, invocation, |sandboxes| {
        interactive(workload(command, invocation, sandboxes), sandboxes.first(), settings, sandboxes)
    })?;
    usage.map_or(Ok(()), |file| file.write(&verdict(&record, settings), &record))?;
    end(&record, settings)
}

/// Returns the workload of a command, with the caller's directory and environment and the variables that tests get,
/// too.
pub(crate) fn workload(command: &Command, invocation: &Invocation, sandboxes: &Sandboxes) -> Workload {
    let mut environment = invocation.sandboxed_environment();
    slot_environment::tell(&mut environment, slot_environment::of_slot(0, false, &sandboxes.counted()));
    roots::complete(&mut environment, sandboxes.first_image());
    Workload {
        program: command.program.clone(),
        arguments: command.arguments.clone(),
        environment,
        directory: command.directory.as_ref().unwrap_or(&invocation.directory).clone(),
    }
}

/// Plans the execution of a command to which nobody attends.
pub(crate) fn not_interactive(
    command: &Command,
    settings: &Settings,
    sandboxes: &Sandboxes,
    invocation: &Invocation,
) -> SandboxPlan {
    plan(workload(command, invocation, sandboxes), settings, settings.test.limits.limits())
}

/// Executes a workload to which the caller attends, and writes its report to standard error.
///
/// # Errors
/// When the workload cannot be executed.
pub(crate) fn interactive(
    workload: Workload,
    template: &Arc<Template>,
    settings: &Settings,
    sandboxes: &Sandboxes,
) -> Result<Record, Error> {
    let line = line(&workload);
    let attended = Attended::new(workload, settings.test.limits.limits(), settings)?;
    let registry = Registry::new(1);
    registry.expect(std::iter::once(("exec", line.as_str())));
    thread::scope(|scope| {
        let mut slot = sandboxes.slot(template)?;
        let listener = Listener::open(scope, &registry);
        let mut isolation = sandboxes.isolation_in(&settings.test.root.value);
        isolation.remarks.extend(Listener::remark(&listener).map(|remark| remark.to_string()));
        say(settings, &report::before_command(&isolation));
        let attempt = slot.launch_last(&attended.plan);
        let id = AttemptId::FIRST;
        registry.started(0, Started { id, test: 0, is_first: true, zygote: slot.zygote() });
        let record = attended.finish(attempt, Some(template));
        registry.ended(0);
        record
    })
}

/// Executes a workload to which the caller attends in a sandbox that is running already.
///
/// # Errors
/// When the workload cannot be executed.
pub(crate) fn exec_in(workload: Workload, settings: &Settings, running: &Running) -> Result<Record, Error> {
    let attended = Attended::new(workload, Limits::default(), settings)?;
    let attempt = running.enter(&attended.plan);
    attended.finish(attempt, None)
}

fn plan(workload: Workload, settings: &Settings, limits: Limits) -> SandboxPlan {
    SandboxPlan {
        workload,
        timeout: settings.test.timeout.value.map(Timeout::new),
        limits,
        measured: true,
        inherit_stdio: true,
        interactive: None,
        leak_grace: settings.test.leak_timeout.value,
        output_bytes: 0,
    }
}

/// Formats the command line without quotes.
pub(crate) fn line(workload: &Workload) -> String {
    let words = workload.arguments.iter().map(OsString::as_os_str);
    let words = std::iter::once(workload.program.as_os_str()).chain(words);
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Workload to which the caller attends: signals and keys are passed on to it.
struct Attended<'a> {
    plan: SandboxPlan,
    settings: &'a Settings,
    signals: Signals,
}

impl<'a> Attended<'a> {
    /// Takes the signals of this process, before it has further threads.
    fn new(workload: Workload, limits: Limits, settings: &'a Settings) -> Result<Self, Error> {
        let signals = Signals::take().map_err(HostError::System)?;
        let interactive = Some(Interactive { terminal: terminal() });
        let plan = SandboxPlan { interactive, ..plan(workload, settings, limits) };
        Ok(Self { plan, settings, signals })
    }

    /// Attends to the workload until its end, and reports its resource usage.
    fn finish(&self, mut attempt: Attempt, template: Option<&Arc<Template>>) -> Result<Record, Error> {
        interact::until_end(&mut attempt, &self.signals, self.plan.timeout.is_some())?;
        let mut record = attempt.finish();
        missing_paths::remark(&mut record);
        match record.outcome {
            // The error is left to the caller, who tries a plan without this capability or reports what the host
            // refuses.
            Outcome::NotIsolated(source) if source.step.capability().is_some() => {
                Err(SandboxError::Setup { template: template.map(Arc::clone), source }.into())
            }
            _ => {
                let verdict = verdict(&record, self.settings);
                say(self.settings, &report::after_command(&verdict, &record));
                Ok(record)
            }
        }
    }
}

/// Returns which standard streams of the command are a terminal of the sandbox, in place of the caller's: none unless
/// the command both reads from and writes to the caller's terminal. In a pipeline the caller's terminal is shared
/// with others and stays as it is.
fn terminal() -> [bool; 3] {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        [true, true, io::stderr().is_terminal()]
    } else {
        [false; 3]
    }
}

pub(crate) fn say(settings: &Settings, text: &str) {
    if !settings.cargo.output.quiet.quiet {
        // A closed standard error is no reason to fail.
        let _ = AutoStream::new(io::stderr(), settings.color.value).write_all(text.as_bytes());
    }
}

/// Returns the verdict on a command, which has no harness.
fn verdict(record: &Record, settings: &Settings) -> Verdict {
    judge(&record.outcome, Testimony::Agrees, Rules::from(&settings.test))
}

/// Returns how this process ends after the command.
pub(crate) fn end(record: &Record, settings: &Settings) -> Result<End, Error> {
    match (verdict(record, settings), record.ending.as_ref().map(|ending| ending.exit)) {
        (Verdict::NotIsolated(error), _) => Err(SandboxError::Execute(error).into()),
        (Verdict::TimedOut { .. }, _) => Ok(End::Exit(Exit::TimedOut)),
        (Verdict::Leaked { fails: true }, _) => Ok(End::Exit(Exit::TestsFailed)),
        (_, Some(outcome::Exit::Signal(signal) | outcome::Exit::Stopped(signal))) => {
            // This process dumps no core when it ends by the signal; a limit that cannot be lowered stays.
            let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
            Ok(End::Signal(signal))
        }
        (_, Some(outcome::Exit::Code(status))) => Ok(End::Command(u8::try_from(status).unwrap_or(u8::MAX))),
        (_, None) => Ok(End::Exit(Exit::Bug)),
    }
}

/// File for the resource usage of a command.
pub(crate) struct UsageFile {
    target: Target,
    writer: Box<dyn Write + Send>,
}

impl UsageFile {
    /// Creates the file before the command is executed, so that an error is reported early.
    fn create(path: &Path) -> Result<Self, OutputError> {
        let target = Target::File(path.to_owned());
        Ok(Self { writer: target.open()?, target })
    }

    /// Opens the file to append to it, for several commands at once.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn append(path: &Path) -> Result<Self, OutputError> {
        let target = Target::File(path.to_owned());
        let file = File::options().append(true).create(true).open(path);
        Ok(Self { writer: Box::new(file.map_err(|source| target.unwritten(source))?), target })
    }

    fn write(self, verdict: &Verdict, record: &Record) -> Result<(), OutputError> {
        let Self { target, mut writer } = self;
        let line = report::command_as_json(verdict, record).map_err(io::Error::from);
        let written = line.and_then(|line| writer.write_all(line.as_bytes()));
        written.map_err(|source| target.unwritten(source))
    }
}
