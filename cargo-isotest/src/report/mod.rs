//! Events become text: one file per format, and the choice of where each format goes.

pub(crate) mod human;
mod json;

pub(crate) use human::{Words, after_command, before_command, before_shell, gap, title};
pub(crate) use json::command as command_as_json;

use crate::cli::MessageFormat;
use crate::schedule::events::{Event, Reporter};
use anstream::{AutoStream, ColorChoice};
use console::Term;
use human::{Bar, Human, HumanSettings, Screen};
use json::Json;
use std::io::{self, IsTerminal, Write};

/// Hands every event to every reporter.
#[derive(Default)]
pub(crate) struct Reporters(Vec<Box<dyn Reporter>>);

impl std::fmt::Debug for Reporters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reporters").field(&self.0.len()).finish()
    }
}

impl Reporters {
    fn each(&mut self, mut tell: impl FnMut(&mut dyn Reporter) -> io::Result<()>) -> io::Result<()> {
        let mut result = Ok(());
        for reporter in &mut self.0 {
            // One that fails must not keep the others from their event; the first failure is told.
            result = result.and(tell(reporter.as_mut()));
        }
        result
    }
}

impl Reporter for Reporters {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.each(|reporter| reporter.event(event))
    }

    fn tick(&mut self) -> io::Result<()> {
        self.each(|reporter| reporter.tick())
    }
}

/// What the user wants of the reports.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReportSettings {
    /// What standard output carries.
    pub(crate) format: MessageFormat,
    /// `--color`; `Auto` asks the environment and the terminal.
    pub(crate) color: ColorChoice,
    /// Say more, such as which changed files were thrown away.
    pub(crate) verbose: bool,
    /// Tests write straight to the terminal.
    pub(crate) no_capture: bool,
}

/// The reporters for these settings, on this process's standard streams.
pub(crate) fn open(settings: ReportSettings) -> Reporters {
    let mut reporters: Vec<Box<dyn Reporter>> = Vec::new();
    match settings.format {
        MessageFormat::Human => reporters.push(Box::new(on_stdout(settings))),
        MessageFormat::Json => {
            reporters.push(Box::new(on_stderr(settings)));
            reporters.push(Box::new(Json::new(Box::new(io::stdout()))));
        }
    }
    Reporters(reporters)
}

fn on_stdout(settings: ReportSettings) -> Human {
    let colored = is_colored(settings.color, || AutoStream::choice(&io::stdout()));
    let bar = shows_bar(settings, io::stdout().is_terminal()).then(|| Bar::on(Term::buffered_stdout()));
    human(settings, Box::new(io::stdout()), colored, bar)
}

fn on_stderr(settings: ReportSettings) -> Human {
    let colored = is_colored(settings.color, || AutoStream::choice(&io::stderr()));
    let bar = shows_bar(settings, io::stderr().is_terminal()).then(|| Bar::on(Term::buffered_stderr()));
    human(settings, Box::new(io::stderr()), colored, bar)
}

fn human(settings: ReportSettings, writer: Box<dyn Write + Send>, colored: bool, bar: Option<Bar>) -> Human {
    let ReportSettings { verbose, no_capture, .. } = settings;
    Human::new(Screen::new(writer, colored, bar), HumanSettings { verbose, no_capture })
}

fn is_colored(wish: ColorChoice, of_stream: impl FnOnce() -> ColorChoice) -> bool {
    let choice = if wish == ColorChoice::Auto { of_stream() } else { wish };
    choice != ColorChoice::Never
}

fn shows_bar(settings: ReportSettings, is_terminal: bool) -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    is_terminal && !settings.no_capture && !is_dumb && std::env::var_os("CI").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::summary::Cancellation;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Counting(Arc<AtomicUsize>);

    impl Reporter for Counting {
        fn event(&mut self, _: &Event<'_>) -> io::Result<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_closed_output_is_an_error_and_the_other_reporters_still_hear() {
        let heard = Arc::new(AtomicUsize::new(0));
        let both = (0..2).map(|_| Box::new(Counting(Arc::clone(&heard))) as Box<dyn Reporter>);
        let mut reporters = Reporters(both.collect());
        let error = reporters.event(&Event::Cancelled { by: Cancellation::FailFast }).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(heard.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_wish_for_color_beats_the_stream() {
        assert!(is_colored(ColorChoice::Always, || ColorChoice::Never));
        assert!(!is_colored(ColorChoice::Never, || ColorChoice::Always));
        assert!(!is_colored(ColorChoice::Auto, || ColorChoice::Never));
    }
}
