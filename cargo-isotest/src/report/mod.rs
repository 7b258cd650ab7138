//! Makes text of events: one file per format, and the choice of a target for each format.

mod account;
mod budget;
mod cause;
mod changed;
mod changes;
mod counts;
mod ctrf;
mod distribution;
mod document;
mod error;
mod executions;
pub(crate) mod fit;
mod format;
pub(crate) mod github;
mod html;
pub(crate) mod human;
pub(crate) mod json;
mod junit;
mod libtest;
mod machine;
mod markdown;
mod openmetrics;
mod redaction;
mod repeat;
mod target;
mod trace;

pub(crate) use account::Reading;
pub(crate) use changes::Changes;
pub(crate) use error::{ConversionError, OutputError};
pub(crate) use fit::Fit;
pub(crate) use format::{DocumentFormat, write};
pub(crate) use human::{
    Words, after_command, before_command, before_shell, before_tool, doctests_summary, gap, title,
};
pub(crate) use json::command as command_as_json;
pub(crate) use target::{Target, is_one_file};

use crate::cli::{ReportFile, RunFormat, ShowProgress};
use crate::schedule::events::{Between, Event, Reporter};
use crate::settings::DisplaySettings;
use crate::testcase::TestBinary;
use anstream::ColorChoice;
use document::Documents;
use human::{Bar, Human, HumanSettings, Screen};
use json::{Json, Run};
use libtest::Libtest;
use machine::Machine;
pub(crate) use redaction::Redaction;
pub(crate) use repeat::Again;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Reporter and its target.
struct Outlet {
    reporter: Box<dyn Reporter>,
    target: Target,
}

/// Reporters that are handed every event.
#[derive(Default)]
pub(crate) struct Reporters {
    outlets: Vec<Outlet>,
    documents: Option<Documents>,
    /// First failure to write a file.
    lost: Option<OutputError>,
}

impl std::fmt::Debug for Reporters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reporters").field(&self.outlets.len()).finish()
    }
}

impl Reporters {
    /// Makes the reporters for these settings, each with its target opened.
    ///
    /// # Errors
    /// When a target cannot be opened.
    pub(crate) fn open<'a>(
        files: impl IntoIterator<Item = &'a ReportFile>,
        settings: &ReportSettings,
    ) -> Result<Self, OutputError> {
        let mut reporters = Self::default();
        let run =
            Run::started(settings.again.clone()).on(Machine::here()).without(settings.redaction.clone());
        let mut documents = Documents::new(run.clone());
        for ReportFile { format, path } in files {
            let is_taken =
                reporters.outlets.iter().any(|Outlet { target, .. }| target.is_one_file_with(path));
            if is_taken || documents.has(path) {
                return Err(OutputError::Twice(path.clone()));
            }
            let target = Target::File(path.clone());
            let writer = target.open()?;
            if let Some(format) = DocumentFormat::of_file(*format) {
                documents.add(target, format, writer);
            } else {
                let reporter = Box::new(Json::new(writer, run.clone()));
                reporters.outlets.push(Outlet { reporter, target });
            }
        }
        reporters.documents = Some(documents);
        for (format, target) in outlets(settings.format) {
            let writer = target.open()?;
            let reporter: Box<dyn Reporter> = match format {
                RunFormat::Human => Box::new(human(settings, target, writer)),
                RunFormat::Json => Box::new(Json::new(writer, run.clone())),
                RunFormat::LibtestJson | RunFormat::LibtestJsonPlus => {
                    let plus = *format == RunFormat::LibtestJsonPlus;
                    Box::new(Libtest::new(writer, settings.redaction.clone(), plus))
                }
            };
            reporters.outlets.push(Outlet { reporter, target: target.clone() });
        }
        Ok(reporters)
    }

    /// Adds a reporter that is handed every event, too, and writes nothing.
    pub(crate) fn also(&mut self, reporter: impl Reporter + 'static) {
        self.outlets.push(Outlet { reporter: Box::new(reporter), target: Target::Stderr });
    }

    /// Takes the error of the first file that could not be written to its end, if there is one. The run went on
    /// without the file, and all the other reporters tell how it went.
    pub(crate) fn lost(&mut self) -> Option<OutputError> {
        self.lost.take()
    }

    fn each(&mut self, mut tell: impl FnMut(&mut dyn Reporter) -> io::Result<()>) -> io::Result<()> {
        let mut result = Ok(());
        let lost = &mut self.lost;
        // A reporter that fails must not keep the others from their event; the first failure is told.
        self.outlets.retain_mut(|Outlet { reporter, target }| match tell(reporter.as_mut()) {
            Err(error) if target.is_file() => {
                lost.get_or_insert(target.unwritten(error));
                false
            }
            told => {
                if result.is_ok() {
                    result = told;
                }
                true
            }
        });
        result
    }
}

impl Reporter for Reporters {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let documented = self.documents.as_mut().map_or(Ok(None), |documents| documents.event(event));
        let told = self.each(|reporter| reporter.event(event));
        if let Some(lost) = documented? {
            self.lost.get_or_insert(lost);
        }
        told
    }

    fn between(&mut self, what: Between<'_>) -> io::Result<()> {
        self.each(|reporter| reporter.between(what))
    }
}

/// Says of a binary that cannot be asked for its tests that it has failed, where editors read what becomes of each binary.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn unlisted(
    format: RunFormat,
    redaction: Redaction,
    binary: &Arc<TestBinary>,
) -> Result<(), OutputError> {
    let plus = match format {
        RunFormat::Human | RunFormat::Json => return Ok(()),
        RunFormat::LibtestJson => false,
        RunFormat::LibtestJsonPlus => true,
    };
    Libtest::new(Target::Stdout.open()?, redaction, plus).unlisted(binary).map_err(OutputError::Stream)
}

/// Settings of the reports.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReportSettings {
    /// Format of standard output.
    pub(crate) format: RunFormat,
    /// Value of `--color`; `Auto` asks the environment and the terminal.
    pub(crate) color: ColorChoice,
    /// Whether to say more, such as which changed files were thrown away.
    pub(crate) verbose: bool,
    /// Whether tests write straight to the terminal.
    pub(crate) no_capture: bool,
    /// Settings on which results and outputs are shown.
    pub(crate) display: DisplaySettings,
    /// Arguments with which a failed test is executed again, beside its name.
    pub(crate) again: Again,
    /// Working directory of the user.
    pub(crate) here: PathBuf,
    /// Secrets that no file of a report contains.
    pub(crate) redaction: Redaction,
}

/// Returns the formats that are reported and their targets, if standard output is to carry this format. People always
/// have their report.
const fn outlets(on_stdout: RunFormat) -> &'static [(RunFormat, Target)] {
    match on_stdout {
        RunFormat::Human => &[(RunFormat::Human, Target::Stdout)],
        RunFormat::Json => &[(RunFormat::Human, Target::Stderr), (RunFormat::Json, Target::Stdout)],
        RunFormat::LibtestJson => {
            &[(RunFormat::Human, Target::Stderr), (RunFormat::LibtestJson, Target::Stdout)]
        }
        RunFormat::LibtestJsonPlus => {
            &[(RunFormat::Human, Target::Stderr), (RunFormat::LibtestJsonPlus, Target::Stdout)]
        }
    }
}

fn human(settings: &ReportSettings, target: &Target, writer: Box<dyn Write + Send>) -> Human {
    let ReportSettings { color, verbose, no_capture, display, again, here, .. } = settings.clone();
    let bar =
        target.terminal().filter(|_| !no_capture && wants_bar(display.show_progress.value)).map(Bar::on);
    let screen = Screen::new(writer, target.is_colored(color), bar);
    let columns = target.columns().map(usize::from);
    Human::new(screen, HumanSettings { verbose, no_capture, display, again, columns, here })
}

/// Returns whether the report for people has a bar, unless tests write to the terminal.
pub(crate) fn shows_bar(format: RunFormat, progress: ShowProgress) -> bool {
    let is_shown =
        |(format, target): &(RunFormat, Target)| *format == RunFormat::Human && target.terminal().is_some();
    wants_bar(progress) && outlets(format).iter().any(is_shown)
}

fn wants_bar(progress: ShowProgress) -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match progress {
        ShowProgress::Auto => !is_dumb && std::env::var_os("CI").is_none(),
        ShowProgress::Bar | ShowProgress::Only => !is_dumb,
        ShowProgress::None | ShowProgress::Counter => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;
    use crate::schedule::summary::Cancellation;
    use crate::testing::builders;
    use std::fs::File;

    const EVENT: Event<'_> = Event::Cancelled { by: Cancellation::FailFast { immediate: false } };

    /// Makes a reporter for people that writes to `writer`.
    fn outlet(target: Target, writer: Box<dyn Write + Send>) -> Outlet {
        Outlet { reporter: Box::new(human(&ReportSettings::default(), &target, writer)), target }
    }

    /// Opens a device that is always full.
    fn full() -> Box<dyn Write + Send> {
        Box::new(File::options().write(true).open("/dev/full").unwrap())
    }

    #[test]
    fn a_stream_that_fails_is_an_error_and_the_other_reporters_still_hear() {
        let written = builders::Written::default();
        let outlets = vec![outlet(Target::Stderr, full()), outlet(Target::Stdout, Box::new(written.clone()))];
        let mut reporters = Reporters { outlets, ..Reporters::default() };
        let error = reporters.event(&EVENT).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(written.text().contains("Cancelling"), "{}", written.text());
        assert!(reporters.lost().is_none());
    }

    #[test]
    fn a_file_that_fails_is_named_at_the_end_and_the_run_goes_on() {
        let written = builders::Written::default();
        let file = Target::File("report.txt".into());
        let outlets = vec![outlet(file, full()), outlet(Target::Stdout, Box::new(written.clone()))];
        let mut reporters = Reporters { outlets, ..Reporters::default() };
        for _ in 0..2 {
            reporters.event(&EVENT).unwrap();
        }
        assert_eq!(written.text().matches("Cancelling").count(), 2);
        let lost = reporters.lost().map(|error| chain(&error));
        let expected = "cannot write `report.txt`: No space left on device (os error 28)";
        assert_eq!(lost.as_deref(), Some(expected));
    }

    #[test]
    fn people_have_their_report_beside_that_for_machines() {
        for format in [RunFormat::Human, RunFormat::Json] {
            let outlets = outlets(format);
            assert!(outlets.contains(&(format, Target::Stdout)), "{outlets:?}");
            assert!(outlets.iter().any(|(format, _)| *format == RunFormat::Human), "{outlets:?}");
        }
    }
}
